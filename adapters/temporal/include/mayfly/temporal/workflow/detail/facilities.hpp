// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/detail/run_state.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

// What a context does that has no types of the user's.

namespace mayfly::temporal::workflow::detail {

inline void check_handler_name(const run_state& state, std::string_view name)
{
    (void)state.may_act("a handler's registration");
    if (name.empty())
        throw usage_error("a handler has a name; for all that have no other there are on_any_signal, on_any_update and "
                          "on_any_query");
    if (is_reserved(name))
        throw usage_error("the name \"" + std::string(name) +
                          "\" is reserved: choose one that does not begin with __temporal_, and not __stack_trace");
}

inline void register_signal(run_state& state, std::string name, signal_entry entry)
{
    if (!state.may_act("a handler's registration"))
        return;
    signal_entry& kept = state.handlers.signals.insert_or_assign(std::move(name), std::move(entry)).first->second;
    std::vector<signal_received> still;
    for (signal_received& s : std::exchange(state.kept_signals, {})) {
        if (state.find_signal(s.name) == &kept)
            state.deliver(kept, std::move(s));
        else
            still.push_back(std::move(s));
    }
    state.kept_signals = std::move(still);
}

/// Code asks for what history should have and has not.
class not_in_history : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The answer for an id stays the same for the whole run.
[[nodiscard]] inline bool patched(run_state& state, std::string_view id, bool deprecated)
{
    if (const auto at = state.patches.find(id); at != state.patches.end())
        return at->second;
    if (!state.may_act(deprecated ? "deprecate_patch" : "patched"))
        return false;
    const bool goes = !state.replaying || state.patches_known.contains(id);
    state.patches.emplace(id, goes);
    if (goes)
        state.want(set_patch{std::string(id), deprecated});
    return goes;
}

template <class T, class F>
[[nodiscard]] T side_effect(run_state& state, F& f)
{
    if (!state.may_act("side_effect"))
        return T{};
    const std::uint32_t seq = ++state.side_effects;
    const auto known = state.side_effects_known.find(seq);
    if (known == state.side_effects_known.end()) {
        if (state.replaying)
            throw not_in_history("side effect " + std::to_string(seq) +
                                 " is not in history: a call of side_effect was added or moved, which needs a patch");
        const T value = f();
        api::common::Payloads made;
        *made.add_payloads() = state.setup.converter.to_payload(value).value();
        state.want(record_side_effect{seq, std::move(made)});
        return value;
    }
    auto value = state.setup.converter.template from_payloads<T>(known->second).value();
    state.want(record_side_effect{seq, known->second});
    return std::get<0>(std::move(value));
}

/// `same` says whether a value is still what it was.
template <class T, class F, class Same>
[[nodiscard]] T mutable_side_effect(run_state& state, std::string id, F& f, Same& same)
{
    if (!state.may_act("mutable_side_effect"))
        return T{};
    if (id.empty())
        throw usage_error("a mutable side effect has an id, by which its values are one after the other: give it one");
    auto& effect = state.mutable_effects[id];
    const std::uint32_t call = ++effect.calls;
    const auto value = [&] {
        return std::get<0>(state.setup.converter.template from_payloads<T>(*effect.value).value());
    };
    if (auto known = effect.known.extract(call)) {
        effect.value = std::move(known.mapped());
        state.want(record_side_effect{call, *effect.value, std::move(id)});
        return value();
    }
    if (state.replaying) {
        if (!effect.value)
            throw not_in_history(
                "mutable side effect \"" + id +
                "\" is not in history: a call of mutable_side_effect was added or moved, which needs a "
                "patch");
        return value();
    }
    T made = f();
    if (effect.value) {
        T before = value();
        if (same(std::as_const(before), std::as_const(made)))
            return before;
    }
    api::common::Payloads now;
    *now.add_payloads() = state.setup.converter.to_payload(made).value();
    effect.value = now;
    state.want(record_side_effect{call, std::move(now), std::move(id)});
    return made;
}

inline void upsert(run_state& state, const memo_values& changes)
{
    if (!state.may_act("upsert") || changes.empty())
        return;
    auto message = changes.message(state.setup.converter).value();
    const auto plain = changes.message({}).value();
    for (const auto& [name, payload] : message.fields()) {
        const auto at = plain.fields().find(name);
        if (temporal::detail::metadata(at->second, "encoding") == temporal::detail::binary_null)
            state.memo.mutable_fields()->erase(name);
        else
            (*state.memo.mutable_fields())[name] = payload;
    }
    state.want(upsert_memo{std::move(message)});
}

inline void upsert(run_state& state, const search_values& changes)
{
    if (!state.may_act("upsert") || changes.empty())
        return;
    for (const auto& [name, payload] : changes.message().indexed_fields()) {
        if (temporal::detail::metadata(payload, "encoding") == temporal::detail::binary_null)
            state.search_attributes.mutable_indexed_fields()->erase(name);
        else
            (*state.search_attributes.mutable_indexed_fields())[name] = payload;
    }
    state.want(upsert_search_attributes{changes.message()});
}

}  // namespace mayfly::temporal::workflow::detail
