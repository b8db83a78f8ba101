// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string_view>

// Who may call what when: the rules of the Runtime API, as a function.

namespace mayfly::lambda_runtime {

/// How far the function in one execution environment is, as its calls tell.
enum class environment_state : std::uint8_t {
    starting,  ///< It has not asked for work yet.
    waiting,   ///< It asks for work.
    running,   ///< It has an invocation and has not answered it.
    between,   ///< It has answered, and has not asked for work again. The invocation is not over before it does.
    failed,    ///< It reported that it cannot start.
};

/// What may happen to it.
enum class environment_event : std::uint8_t {
    next,            ///< It asks for work.
    response,        ///< It answers.
    large_response,  ///< It answers with more than the platform takes.
    error,           ///< It says that the invocation failed.
    init_error,      ///< It says that it cannot start.
    asker_gone,      ///< The connection on which it asked for work has ended.
    delivered,       ///< The platform hands it an invocation.
    abandoned,       ///< The platform gives up on the invocation.
    restarted,       ///< The platform starts the function anew.
};

/// What follows: the new state and, for a call of the function, its answer.
struct environment_step {
    environment_state to{};
    unsigned status = 0;               ///< HTTP; 0 if there is nothing to answer. 200 for `next`: once there is work.
    std::string_view error_type = {};  ///< Of the answer; empty for none.

    friend constexpr bool operator==(const environment_step&, const environment_step&) = default;
};

/// @param current for an answer: whether it carries the id of the invocation that was delivered last
[[nodiscard]] constexpr environment_step step(
    environment_state from, environment_event event, bool current = true) noexcept
{
    using state = environment_state;
    const environment_step out_of_order{from, 403, "InvalidStateTransition"};

    switch (event) {
    case environment_event::next:
        if (from == state::failed)
            return out_of_order;
        // Whoever asks again without having answered gets the same invocation again.
        return {from == state::running ? state::running : state::waiting, 200};
    case environment_event::response:
    case environment_event::error:
    case environment_event::large_response:
        if (from != state::running)
            return out_of_order;
        if (!current)
            return {from, 400, "InvalidRequestID"};
        if (event == environment_event::large_response)
            return {state::between, 413, "RequestEntityTooLarge"};
        return {state::between, 202};
    case environment_event::init_error:
        return from == state::starting ? environment_step{state::failed, 202} : out_of_order;
    case environment_event::asker_gone: return {from == state::waiting ? state::between : from};
    case environment_event::delivered: return {from == state::waiting ? state::running : from};
    case environment_event::abandoned: return {from == state::running ? state::between : from};
    case environment_event::restarted: return {state::starting};
    }
    return {from};
}

}  // namespace mayfly::lambda_runtime
