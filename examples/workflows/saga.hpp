// SPDX-License-Identifier: BSL-1.0
#pragma once

// Steps that are undone, last first, if a later one fails, or if somebody cancels the whole.

#include <mayfly/temporal/workflow/context.hpp>

#include <boost/describe/class.hpp>

#include <chrono>
#include <exception>
#include <string>
#include <vector>

namespace saga {

namespace workflow = mayfly::temporal::workflow;
using namespace std::chrono_literals;

struct trip {
    std::string who{};
    std::string to{};
};
BOOST_DESCRIBE_STRUCT(trip, (), (who, to))

inline std::string book_flight(const trip& t)
{
    return "flight of " + t.who + " to " + t.to;
}

inline std::string book_hotel(const trip& t)
{
    if (t.to == "nowhere")
        throw mayfly::temporal::application_error("there is no hotel", {.type = "NoHotel", .non_retryable = true});
    return "hotel in " + t.to;
}

inline void cancel_booking(const std::string&) {}

//[workflow_saga
inline workflow::task<> undo(workflow::context& ctx, std::vector<std::string> done)
{
    for (auto it = done.rbegin(); it != done.rend(); ++it)
        co_await ctx.activity(cancel_booking, *it, {.start_to_close = 1min});
}

inline workflow::task<std::vector<std::string>> book(workflow::context& ctx, trip t)
{
    std::vector<std::string> done;
    std::exception_ptr failure;
    try {
        done.push_back(co_await ctx.activity(book_flight, t, {.start_to_close = 1min}));
        done.push_back(co_await ctx.activity(book_hotel, t, {.start_to_close = 1min}));
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) {
        auto whatever_happens = ctx.shielded();  // not cancelled with the workflow
        co_await undo(whatever_happens, done);
        std::rethrow_exception(failure);
    }
    co_return done;
}
//]

}  // namespace saga
