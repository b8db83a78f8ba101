// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/context.hpp>
#include <mayfly/temporal/workflow/definition.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace mayfly::temporal::workflow::detail {

/// A run's own code, its types no longer known.
class body {
public:
    body() = default;
    body(const body&) = delete;
    body& operator=(const body&) = delete;
    virtual ~body() = default;

    [[nodiscard]] virtual task<payloads> run(context& ctx, const std::string& name, payloads input) = 0;
    [[nodiscard]] virtual void* object() { return nullptr; }
    [[nodiscard]] virtual const handler_table* members() const { return nullptr; }
};

/// May throw what the constructor of a class throws.
using body_maker = std::function<std::unique_ptr<body>(context& ctx, const std::string& name, const payloads& input)>;

template <class Signature>
constexpr void check_run()
{
    static_assert(Signature::takes_context && Signature::is_task,
        "a workflow is workflow::task<result>(workflow::context&, arguments...): a coroutine that takes its context "
        "first");
}

template <class F>
class function_body final : public body {
public:
    explicit function_body(std::shared_ptr<F> f) : f_{std::move(f)} {}
    [[nodiscard]] task<payloads> run(context& ctx, const std::string& name, payloads input) override
    {
        return answer<workflow_signature<F>>(f_, ctx, name, std::move(input));
    }

private:
    std::shared_ptr<F> f_;
};

template <class F>
[[nodiscard]] body_maker make_function_body(F f)
{
    check_run<workflow_signature<F>>();
    return [kept = std::make_shared<F>(std::move(f))](
               context&, const std::string&, const payloads&) { return std::make_unique<function_body<F>>(kept); };
}

template <class C>
class class_body final : public body {
public:
    using run_member = decltype(&C::run);
    using signature = workflow_signature<run_member>;

    class_body(
        context& ctx, const std::string& name, const payloads& input, std::shared_ptr<const handler_table> members)
        : members_{std::move(members)}
    {
        make(ctx, name, input, std::type_identity<typename signature::arguments>{});
    }

    [[nodiscard]] task<payloads> run(context& ctx, const std::string& name, payloads input) override
    {
        using bound_run = decltype(bind_member<C>(nullptr, &C::run));
        return answer<signature>(
            std::make_shared<bound_run>(bind_member<C>(&*object_, &C::run)), ctx, name, std::move(input));
    }
    [[nodiscard]] void* object() override { return &*object_; }
    [[nodiscard]] const handler_table* members() const override { return members_.get(); }

private:
    template <class... A>
    void make(context& ctx, const std::string& name, const payloads& input, std::type_identity<std::tuple<A...>>)
    {
        if constexpr (sizeof...(A) != 0 && std::is_constructible_v<C, context&, A...>) {
            auto arguments = reader<std::tuple<A...>>::read(ctx, name, input);
            std::apply([&](A&... a) { object_.emplace(ctx, std::move(a)...); }, arguments);
        } else if constexpr (std::is_constructible_v<C, context&>) {
            object_.emplace(ctx);
        } else {
            static_assert(std::is_default_constructible_v<C>,
                "a workflow's class is made by default, from workflow::context&, or from that and what run takes");
            object_.emplace();
        }
    }

    std::shared_ptr<const handler_table> members_;
    std::optional<C> object_{};
};

template <class C>
concept defines_itself = requires(definition<C>& d)
{
    C::define(d);
};

template <class C>
[[nodiscard]] body_maker make_class_body(mayfly::problems& wrong)
{
    check_run<workflow_signature<decltype(&C::run)>>();
    definition<C> d;
    if constexpr (defines_itself<C>)
        C::define(d);
    wrong = d.problems();
    auto members = std::make_shared<const handler_table>(std::move(d.members()));
    return [members](context& ctx, const std::string& name, const payloads& input) {
        return std::make_unique<class_body<C>>(ctx, name, input, members);
    };
}

}  // namespace mayfly::temporal::workflow::detail
