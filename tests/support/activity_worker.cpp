// SPDX-License-Identifier: BSL-1.0

// A worker for whole-program tests: activities with behaviour to order, the same as in tests/integration/
// temporal_activities.py. `work` is for nothing_lost.py; it writes its attempts into the file ACTIVITY_WORKER_JOURNAL.

#include <mayfly/temporal/errors.hpp>
#include <mayfly/temporal/run_worker.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/describe/class.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace {

namespace asio = boost::asio;
namespace mt = mayfly::temporal;
using mt::activity_context;
using mt::application_error;
using mt::error_details;
using std::chrono::milliseconds;

asio::awaitable<void> pause(milliseconds wait)
{
    asio::steady_timer timer(co_await asio::this_coro::executor, wait);
    boost::system::error_code ec;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
}

struct order {
    std::int64_t id = 0;
    std::vector<std::string> names{};
    double price = 0;
    std::optional<std::string> note{};
};
BOOST_DESCRIBE_STRUCT(order, (), (id, names, price, note))

boost::json::value echo(boost::json::value value)
{
    return value;
}
std::vector<std::byte> echo_bytes(std::vector<std::byte> value)
{
    return value;
}
void nothing() {}
std::int64_t add(std::int64_t left, std::int64_t right)
{
    return left + right;
}
std::string big(std::size_t size)
{
    return std::string(size, 'x');
}

order reprice(order o, double factor)
{
    o.price *= factor;
    o.names.push_back("repriced");
    return o;
}

void fail_with_causes()
{
    try {
        try {
            throw application_error("the root", {.type = "Root", .details = error_details::of("root detail")});
        } catch (const application_error&) {
            throw application_error("the middle", {.type = "Middle", .cause = std::current_exception()});
        }
    } catch (const application_error&) {
        throw application_error("the top", {.type = "Top", .non_retryable = true, .cause = std::current_exception()});
    }
}

std::string fail(activity_context& context, const std::string& kind)
{
    const auto attempt = context.info().attempt;
    if (kind == "plain")
        throw application_error("broken", {.type = "Broken", .non_retryable = true});
    if (kind == "details") {
        const std::map<std::string, int> first{{"a", 1}};
        const std::vector<std::byte> last{std::byte{0}, std::byte{0xff}};
        throw application_error("with details",
            {.type = "Detailed", .non_retryable = true, .details = error_details::of(first, "two", last)});
    }
    if (kind == "chain")
        fail_with_causes();
    if (kind == "native")
        throw std::invalid_argument("of the language's own");
    if (kind == "delay" && attempt == 1)
        throw application_error("later", {.type = "Later", .next_retry_delay = milliseconds{300}});
    if (kind == "benign")
        throw application_error("as expected", {.type = "Benign", .non_retryable = true, .benign = true});
    return "attempt " + std::to_string(attempt);
}

int flaky(activity_context& context, int good_attempt)
{
    const int attempt = context.info().attempt;
    if (attempt < good_attempt)
        throw application_error("attempt " + std::to_string(attempt), "Flaky");
    return attempt;
}

std::vector<int> resume(activity_context& context, int until)
{
    const int begun = context.heartbeat_details<int>().value_or(0);
    for (int i = begun; i < until; ++i) {
        context.heartbeat(i + 1, "step " + std::to_string(i + 1));
        if (context.info().attempt == 1 && i + 1 == until / 2)
            throw application_error("half-way", "HalfWay");
    }
    return {begun, until};
}

asio::awaitable<std::string> until_cancelled(activity_context& context, std::string detail)
{
    while (!context.cancelled()) {
        context.heartbeat("still here");
        co_await pause(milliseconds{50});
    }
    throw mt::cancelled_error("cancelled", error_details::of(detail, std::string(context.info().id)));
}

std::string ignore_cancel(activity_context& context)
{
    while (!context.cancelled()) {
        context.heartbeat();
        std::this_thread::sleep_for(milliseconds{50});
    }
    return "done all the same";
}

asio::awaitable<std::string> slow(int for_ms)
{
    co_await pause(milliseconds{for_ms});
    co_return "slow";
}

std::string later(activity_context& context)
{
    const std::string_view token = context.info().task_token;
    std::vector<std::byte> bytes;
    for (const char c : token)
        bytes.push_back(static_cast<std::byte>(c));
    context.heartbeat(bytes);
    std::this_thread::sleep_for(milliseconds{300});  // so that the heartbeat is out before
    context.complete_elsewhere();
    return "not seen by anybody";
}

boost::json::object info(activity_context& context)
{
    const auto& i = context.info();
    return {{"id", i.id}, {"type", i.type}, {"attempt", i.attempt}, {"queue", i.task_queue},
        {"namespace", i.name_space}, {"run", i.run_id}};
}

/// A line is written by one call, so that lines of several processes do not mix, and none is torn by a sudden end.
class journal {
public:
    explicit journal(const char* path) : file_(::open(path, O_WRONLY | O_APPEND | O_CREAT, 0644))
    {
        if (file_ < 0)
            throw std::runtime_error("cannot write ACTIVITY_WORKER_JOURNAL");
    }

    void write(const char* what, const activity_context& context, const std::string& mark) const
    {
        const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
        const std::string line = std::string(what) + ' ' + std::string(context.info().id) + ' ' +
                                 std::to_string(context.info().attempt) + ' ' + mark + ' ' + std::to_string(now) + ' ' +
                                 std::to_string(::getpid()) + '\n';
        if (::write(file_, line.data(), line.size()) != static_cast<::ssize_t>(line.size()))
            throw std::runtime_error("the journal cannot be written");
    }

private:
    int file_;
};

class journalled_work {
public:
    explicit journalled_work(const char* path) : journal_(path) {}

    asio::awaitable<boost::json::object> operator()(activity_context& context, std::string kind)
    {
        const std::string mark = std::to_string(random_());
        const int attempt = context.info().attempt;
        journal_.write("begun", context, mark);
        if (kind == "slow")
            co_await pause(milliseconds{50 + random_() % 400});
        for (int i = 0; kind == "beating" && i < 8; ++i) {
            context.heartbeat(i);
            co_await pause(milliseconds{50});
        }
        journal_.write("ended", context, mark);
        context.throw_if_cancelled();
        if (kind == "flaky" && attempt < 3)
            throw application_error("not yet", "Flaky");
        if (kind == "hopeless")
            throw application_error("never", {.type = "Hopeless", .non_retryable = true});
        if (kind == "limited")
            throw application_error("not so often", "Limited");
        co_return boost::json::object{{"attempt", attempt}, {"mark", mark}};
    }

private:
    journal journal_;
    std::minstd_rand random_{std::random_device{}()};
};

}  // namespace

int main()
{
    return mt::run_worker({"activities", "1"}, [](mt::worker_setup& setup) {
        setup.options.max_concurrent_activities = 50;
        setup.options.activity_pollers = 4;
        setup.options.stop_timeout = milliseconds{1000};
        setup.options.hook_allowance = milliseconds{300};
        setup.options.shutdown_buffer = milliseconds{1500};

        setup.activity("echo", echo);
        setup.activity("echo_bytes", echo_bytes);
        setup.activity("nothing", nothing);
        setup.activity("add", add);
        setup.activity("reprice", reprice);
        setup.activity("fail", fail);
        setup.activity("flaky", flaky);
        setup.activity("resume", resume);
        setup.activity("until_cancelled", until_cancelled);
        setup.activity("ignore_cancel", ignore_cancel);
        setup.activity("slow", slow);
        setup.activity("later", later);
        setup.activity("info", info);
        setup.activity("big", big);
        if (const char* path = std::getenv("ACTIVITY_WORKER_JOURNAL"))
            setup.activity("work", journalled_work(path));
    });
}
