// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/deployment.hpp>
#include <mayfly/problem.hpp>
#include <mayfly/temporal/workflow/code.hpp>
#include <mayfly/temporal/workflow/code_setup.hpp>
#include <mayfly/temporal/workflow/detail/instance.hpp>
#include <mayfly/worker_options.hpp>

#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace mayfly::temporal {

/// A workflow whose types are no longer known.
struct workflow_type {
    std::string name{};
    versioning_behavior behavior = versioning_behavior::unspecified;  ///< Unspecified: as the worker's default is.
    std::function<std::unique_ptr<workflow::code>(const workflow::code_setup&)> make{};  ///< One run.
};

struct workflow_options {
    /// What becomes of a run when another version is made current. Unspecified: as the worker's default is.
    versioning_behavior behavior = versioning_behavior::unspecified;
    /// Exceptions that fail it, beside those of errors.hpp.
    workflow::failure_types fails_on{};
};

/** The workflows that a worker offers, by name. Filled before a worker is made with it; then it is only read.

    A workflow is a function, `workflow::task<receipt> checkout(workflow::context& ctx, order o)`, or a class with such
   a member `run` and others that answer signals, queries and updates (see `workflow::definition`). Types are what the
    data converter knows, by value or by reference to const. One object is made for each run, by default, from
    `workflow::context&`, or from that and what `run` takes.
*/
class workflow_registry {
public:
    /// A function, or an object with one `operator()`, which is kept: all runs share it.
    template <class F>
    void add(std::string name, F f, workflow_options options = {})
    {
        if constexpr (callable_names::has_identity<F>)
            called_.add(f, name);
        insert(make(std::move(name), workflow::detail::make_function_body(std::move(f)), std::move(options)));
    }

    /// A class.
    template <class C>
        requires std::is_class_v<C>
    void add(std::string name, workflow_options options = {})
    {
        mayfly::problems wrong;
        auto body = workflow::detail::make_class_body<C>(wrong);
        for (mayfly::problem& p : wrong) {
            p.field.insert(0, "workflows." + name + '.');
            problems_.push_back(std::move(p));
        }
        called_.add(&C::run, name);
        insert(make(std::move(name), std::move(body), std::move(options)));
    }

    /// The same, for who cannot say `add<C>`.
    template <class C>
    void add(std::string name, std::type_identity<C>, workflow_options options = {})
    {
        add<C>(std::move(name), std::move(options));
    }

    /// Under its own name: `add<&checkout>()`.
    template <auto Function>
    void add(workflow_options options = {})
    {
        add(std::string(workflow::detail::member_name<Function>()), Function, std::move(options));
    }

    /// For all names that are not registered: what it is called is in its `info().type`.
    template <class F>
        requires(!std::same_as<F, workflow_type>)
    void add_dynamic(F f, workflow_options options = {})
    {
        add_dynamic(make({}, workflow::detail::make_function_body(std::move(f)), std::move(options)));
    }

    /// For workflows whose types are found out at run time.
    void add(workflow_type type) { insert(std::move(type)); }

    /// For all names that are not registered; `code_setup::workflow_type` says which was asked for.
    void add_dynamic(workflow_type type)
    {
        if (dynamic_)
            problems_.push_back({"workflows", "two dynamic ones", "register one dynamic workflow at most"});
        else
            dynamic_ = std::make_shared<const workflow_type>(std::move(type));
    }

    [[nodiscard]] std::vector<std::string> names() const
    {
        std::vector<std::string> out;
        out.reserve(types_.size());
        for (const auto& [name, type] : types_)
            out.push_back(name);
        return out;
    }

    /// The dynamic one for a name that is not known; null if there is none.
    [[nodiscard]] std::shared_ptr<const workflow_type> find(std::string_view name) const
    {
        const auto at = types_.find(name);
        return at == types_.end() ? dynamic_ : at->second;
    }

    [[nodiscard]] bool empty() const noexcept { return types_.empty() && !dynamic_; }

    /// For `resolve`.
    [[nodiscard]] std::vector<registrations::workflow> registered() const
    {
        std::vector<registrations::workflow> out;
        for (const auto& [name, type] : types_)
            out.push_back({name, type->behavior});
        if (dynamic_)
            out.push_back({dynamic_->name.empty() ? "(dynamic)" : dynamic_->name, dynamic_->behavior});
        return out;
    }

    /// Which functions are called what, for code that names its children by them.
    [[nodiscard]] const callable_names& called() const noexcept { return called_; }

    /// What was registered and cannot be: names that are empty, reserved, or were given twice. The first of those
    /// counts.
    [[nodiscard]] const mayfly::problems& problems() const noexcept { return problems_; }

private:
    static workflow_type make(std::string name, workflow::detail::body_maker body, workflow_options options)
    {
        auto fails = std::make_shared<const workflow::failure_types>(std::move(options.fails_on));
        return {std::move(name), options.behavior,
            [body = std::move(body), fails = std::move(fails)](const workflow::code_setup& setup) {
                return std::make_unique<workflow::detail::instance>(setup, body, fails);
            }};
    }

    void insert(workflow_type type)
    {
        const std::string name = type.name;
        if (name.empty())
            problems_.push_back({"workflows", "", "register each workflow under a name"});
        else if (name.starts_with("__temporal_"))
            problems_.push_back(
                {"workflows." + name, "reserved", "choose a name that does not begin with __temporal_"});
        else if (!types_.emplace(name, std::make_shared<const workflow_type>(std::move(type))).second)
            problems_.push_back({"workflows." + name, "registered twice", "give each workflow a name of its own"});
    }

    std::map<std::string, std::shared_ptr<const workflow_type>, std::less<>> types_{};
    std::shared_ptr<const workflow_type> dynamic_{};
    callable_names called_{};
    mayfly::problems problems_{};
};

}  // namespace mayfly::temporal
