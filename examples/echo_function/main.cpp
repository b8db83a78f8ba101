// SPDX-License-Identifier: BSL-1.0

// A Lambda function in C++: it answers with its event. Linked statically and named `bootstrap`, it is all there is to
// pack.

#include <mayfly/lambda_runtime/run.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstdio>
#include <string>
#include <utility>

//[echo_function
namespace lambda = mayfly::lambda_runtime;

static boost::asio::awaitable<std::string> echo(lambda::timed_invocation<mayfly::deadline_clock> event)
{
    co_return std::move(event.payload);
}

int main()
{
    const lambda::run_report end = lambda::run_function(echo);
    if (!end.ec)
        return 0;
    std::fprintf(stderr, "echo_function: %s\n", end.detail.c_str());
    return 1;
}
//]
