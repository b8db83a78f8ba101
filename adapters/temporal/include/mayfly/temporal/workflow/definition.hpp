// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/problem.hpp>
#include <mayfly/temporal/workflow/detail/answers.hpp>
#include <mayfly/temporal/workflow/detail/member_name.hpp>

#include <string>
#include <type_traits>
#include <utility>

namespace mayfly::temporal::workflow {

/** Which members of a class answer what. A class says so in a static function:

        struct approval {
            static void define(workflow::definition<approval>& d)
            {
                d.signal<&approval::approve>().query<&approval::status>().update<&approval::add,
   &approval::check_add>();
            }
            workflow::task<int> run(workflow::context& ctx, order o);
            ...
        };

    In angle brackets a member is known by its own name; text first gives it another: `d.signal("go", &approval::go)`.
    Each takes an optional `workflow::context&`, then values. A signal returns nothing or `workflow::task<>`, an update
    a value, nothing, or a task of them; both run beside `run`, in the order of their arrival. A query is a const member
    that returns a value.
*/
template <class C>
class definition {
public:
    template <auto M>
    definition& signal(std::string description = {})
    {
        return signal(own_name<M>(), M, std::move(description));
    }
    template <class M>
    requires std::is_member_function_pointer_v<M> definition& signal(
        std::string name, M member, std::string description = {})
    {
        return add(members_.signals, std::move(name), detail::make_member_signal<C>(member), std::move(description));
    }

    template <auto M>
    definition& update(std::string description = {})
    {
        return update(own_name<M>(), M, std::move(description));
    }
    /// `V` takes what `M` takes, and throws if the update cannot be let in: then it leaves no trace.
    template <auto M, auto V>
    definition& update(std::string description = {})
    {
        return update(own_name<M>(), M, V, std::move(description));
    }
    template <class M>
    requires std::is_member_function_pointer_v<M> definition& update(
        std::string name, M member, std::string description = {})
    {
        return add(members_.updates, std::move(name), detail::make_member_update<C>(member, detail::lets_all_in{}),
            std::move(description));
    }
    template <class M, class V>
    requires std::is_member_function_pointer_v<M> && std::is_member_function_pointer_v<V> definition& update(
        std::string name, M member, V validator, std::string description = {})
    {
        return add(members_.updates, std::move(name), detail::make_member_update<C>(member, validator),
            std::move(description));
    }

    template <auto M>
    definition& query(std::string description = {})
    {
        return query(own_name<M>(), M, std::move(description));
    }
    template <class M>
    requires std::is_member_function_pointer_v<M> definition& query(
        std::string name, M member, std::string description = {})
    {
        return add(members_.queries, std::move(name), detail::make_member_query<C>(member), std::move(description));
    }

    /// For all names that have no other: members of `(std::string name, workflow::raw_arguments)`.
    template <auto M>
    definition& any_signal()
    {
        members_.signals.insert_or_assign({}, detail::make_member_signal<C>(M));
        return *this;
    }
    template <auto M>
    definition& any_update()
    {
        members_.updates.insert_or_assign({}, detail::make_member_update<C>(M, detail::lets_all_in{}));
        return *this;
    }
    template <auto M>
    definition& any_query()
    {
        members_.queries.insert_or_assign({}, detail::make_member_query<C>(M));
        return *this;
    }

    /// For who registers it.
    [[nodiscard]] detail::handler_table& members() noexcept { return members_; }
    [[nodiscard]] const mayfly::problems& problems() const noexcept { return problems_; }

private:
    template <auto M>
    [[nodiscard]] static std::string own_name()
    {
        return std::string(detail::member_name<M>());
    }

    template <class Map, class Entry>
    definition& add(Map& to, std::string name, Entry entry, std::string description)
    {
        entry.description = std::move(description);
        if (name.empty())
            problems_.push_back({"handlers", "", "give each signal, query and update a name"});
        else if (detail::is_reserved(name))
            problems_.push_back({"handlers." + name, "reserved",
                "choose a name that does not begin with __temporal_, and not __stack_trace"});
        else if (!to.emplace(name, std::move(entry)).second)
            problems_.push_back({"handlers." + name, "registered twice", "give each one of a kind a name of its own"});
        return *this;
    }

    detail::handler_table members_{};
    mayfly::problems problems_{};
};

}  // namespace mayfly::temporal::workflow
