// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/deployment.hpp>
#include <mayfly/problem.hpp>
#include <mayfly/temporal/workflow/code.hpp>
#include <mayfly/temporal/workflow/code_setup.hpp>
#include <mayfly/worker_options.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::temporal {

/// A workflow whose types are no longer known.
struct workflow_type {
    std::string name{};
    versioning_behavior behavior = versioning_behavior::unspecified;  ///< Unspecified: as the worker's default is.
    std::function<std::unique_ptr<workflow::code>(const workflow::code_setup&)> make{};  ///< One run.
};

/** The workflows that a worker offers, by name. Filled before a worker is made with it; then it is only read.
 */
class workflow_registry {
public:
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
