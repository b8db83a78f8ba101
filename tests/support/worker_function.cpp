// SPDX-License-Identifier: BSL-1.0

// A worker in a function: started by a controller it fetches units of work from the queue that WORK_QUEUE names
// (ADDRESS:PORT), until it has had nothing to do for as long as it was told. Invoked otherwise it answers with its
// event.
//
// POST /take, the worker's identity as the body: 200 and a unit, or 204 after a while without one.
// POST /done/UNIT and POST /leave, likewise.

#include <mayfly/http/client.hpp>
#include <mayfly/http/url.hpp>
#include <mayfly/identity.hpp>
#include <mayfly/lambda_runtime/run.hpp>
#include <mayfly/launch_notice.hpp>
#include <mayfly/leaving.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace {

namespace asio = boost::asio;
namespace http = mayfly::http;
namespace lambda = mayfly::lambda_runtime;
using event = lambda::timed_invocation<mayfly::deadline_clock>;
using mayfly::uptime;

class worker {
public:
    worker(asio::any_io_executor executor, http::origin queue, std::string identity)
        : client_(executor), pause_(executor), queue_(std::move(queue)), identity_(std::move(identity))
    {}

    asio::awaitable<std::string> work(mayfly::leave_rules orders, mayfly::poll_window window)
    {
        const auto began = mayfly::deadline_clock::now();
        const auto now = [began] { return std::chrono::duration_cast<uptime>(mayfly::deadline_clock::now() - began); };
        mayfly::leaving rules(orders, 1, window);
        std::uint64_t units = 0;
        while (!rules.decide(now(), 0.99).leave()) {
            http::response taken = co_await post("/take");
            if (taken.result() == http::status::no_content)
                continue;
            if (taken.result() != http::status::ok)
                throw lambda::function_error{.type = "Function.QueueLost", .message = "the queue does not answer"};
            rules.on_task(now());
            pause_.expires_after(std::chrono::milliseconds{5});
            co_await pause_.async_wait(asio::use_awaitable);
            const std::string done = "/done/" + taken.body();
            co_await post(done);
            rules.on_done(now());
            ++units;
        }
        co_await post("/leave");
        co_return "{\"units\":" + std::to_string(units) + "}";
    }

private:
    asio::awaitable<http::response> post(std::string target)
    {
        http::request message{http::verb::post, target, 11};
        message.body() = identity_;
        boost::system::error_code ec;
        http::response out = co_await client_.async_request(
            queue_, std::move(message), {}, asio::redirect_error(asio::use_awaitable, ec));
        if (ec)
            out.result(http::status::service_unavailable);
        co_return out;
    }

    http::client client_;
    asio::steady_timer pause_;
    http::origin queue_;
    std::string identity_;
};

asio::awaitable<std::string> serve(event e)
{
    const auto notice = mayfly::notice_in(e.payload);
    const char* const queue = std::getenv("WORK_QUEUE");
    if (!notice || queue == nullptr)
        co_return std::move(e.payload);
    const auto at = http::parse_url("http://" + std::string(queue));
    if (!at)
        throw lambda::function_error{.type = "Function.NoQueue", .message = "WORK_QUEUE is no address"};

    const auto left = std::chrono::duration_cast<uptime>(e.deadline - std::chrono::system_clock::now());
    const mayfly::poll_window window{
        .stop_at = left - std::chrono::seconds{2}, .drained_by = left - std::chrono::seconds{1}};
    const auto executor = co_await asio::this_coro::executor;
    worker w(executor, at->origin, mayfly::invocation_identity(e.request_id, e.function_arn));
    std::string report = co_await w.work(notice->orders, window);
    co_return report;
}

}  // namespace

int main()
{
    const lambda::run_report end = lambda::run_function(serve);
    if (!end.ec)
        return 0;
    std::fprintf(stderr, "worker_function: %s\n", end.detail.c_str());
    return 1;
}
