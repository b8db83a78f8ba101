// SPDX-License-Identifier: BSL-1.0
#include <mayfly/aws/credential_cache.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace mayfly::aws;
namespace asio = boost::asio;

namespace {

using error_code = boost::system::error_code;
using keys_ptr = std::shared_ptr<const credentials>;

/// A source that answers when it is told to, and counts.
struct source {
    explicit source(asio::io_context& io) : gate(io, std::chrono::steady_clock::time_point::max()) {}

    fetch_function fetch()
    {
        return [this] { return run(this); };
    }

    static asio::awaitable<fetched_credentials> run(source* s)
    {
        ++s->begun;
        error_code ec;
        co_await s->gate.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) {
            ++s->cancelled;
            co_return fetched_credentials{.why = credential_failure(asio::error::operation_aborted, "cancelled")};
        }
        ++s->answered;
        co_return s->answer;
    }

    /// Answers all fetches under way.
    void open() { gate.cancel(); }

    asio::steady_timer gate;
    fetched_credentials answer;
    int begun = 0;
    int answered = 0;
    int cancelled = 0;
};

struct cache_bench {
    asio::io_context io;
    mayfly::wall_time now{std::chrono::hours{500'000}};
    source from{io};
    std::optional<credential_cache> cache{
        std::in_place, io.get_executor(), from.fetch(), credential_cache_options{.now = [this] { return now; }}};

    cache_bench() { from.answer.keys = {"A", "secret", "token", now + 1h, "a test"}; }

    /// Until nothing is left to do at once.
    void settle()
    {
        io.restart();
        io.poll();
    }

    struct answer {
        bool came = false;
        error_code ec;
        keys_ptr keys;
    };
    void get(answer& into)
    {
        cache->async_get([&into](error_code ec, keys_ptr k) { into = {true, ec, std::move(k)}; });
        settle();
    }
};

}  // namespace

TEST_CASE("a thousand first uses are one fetch")
{
    cache_bench f;
    std::vector<cache_bench::answer> all(1000);
    for (auto& a : all)
        f.cache->async_get([&a](error_code ec, keys_ptr k) { a = {true, ec, std::move(k)}; });
    f.settle();
    CHECK(f.from.begun == 1);
    CHECK(!all[0].came);
    f.from.open();
    f.settle();
    int good = 0;
    for (const auto& a : all)
        good += a.came && !a.ec && a.keys == all[0].keys && a.keys->access_key_id == "A";
    CHECK(good == 1000);
    CHECK(f.from.begun == 1);
    CHECK(f.cache->ready() == all[0].keys);
}

TEST_CASE("who waits together fails together, and for a second so do others")
{
    cache_bench f;
    const fetched_credentials good = f.from.answer;
    f.from.answer = {.why = credential_failure(credential_errc::source_failed, "no luck")};
    std::array<cache_bench::answer, 3> all;
    for (auto& a : all)
        f.get(a);
    f.from.open();
    f.settle();
    for (const auto& a : all)
        CHECK(a.ec == credential_errc::source_failed);

    cache_bench::answer later;
    f.now += 999ms;
    f.get(later);
    CHECK(later.ec == credential_errc::source_failed);
    CHECK(f.from.begun == 1);
    CHECK(!f.cache->ready());

    f.from.answer = good;
    f.now += 1ms;
    f.get(later = {});
    CHECK(!later.came);
    f.from.open();
    f.settle();
    CHECK(later.keys);
    CHECK(f.from.begun == 2);
}

TEST_CASE("an ageing session is renewed while it is used")
{
    cache_bench f;
    cache_bench::answer a;
    f.get(a);
    f.from.open();
    f.settle();
    const keys_ptr first = a.keys;

    f.now += 56min;
    for (int i = 0; i < 5; ++i) {
        f.get(a = {});
        CHECK(a.keys == first);
    }
    CHECK(f.from.begun == 2);
    // Nobody waits for it, and it goes on.
    f.from.answer.keys = {"B", "secret", "token", f.now + 1h, "a test"};
    f.from.open();
    f.settle();
    CHECK(f.from.cancelled == 0);
    CHECK(f.cache->ready()->access_key_id == "B");

    // One that fails goes unnoticed.
    f.now += 56min;
    f.from.answer = {.why = credential_failure(credential_errc::source_failed, "no luck")};
    CHECK(f.cache->ready()->access_key_id == "B");
    f.settle();
    CHECK(f.from.begun == 3);
    f.from.open();
    f.settle();
    f.get(a = {});
    CHECK(a.keys->access_key_id == "B");
    // In its last minute callers wait, and if that fails they take what works.
    f.now += 3min + 30s;
    f.get(a = {});
    CHECK(!a.came);
    f.from.open();
    f.settle();
    CHECK(a.keys->access_key_id == "B");
    f.now += 1h;
    f.get(a = {});
    f.from.open();
    f.settle();
    CHECK(a.ec == credential_errc::source_failed);
}

TEST_CASE("who stops waiting leaves the others waiting; the last one ends the fetch")
{
    for (const auto type :
        {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
        cache_bench f;
        std::array<cache_bench::answer, 2> all;
        std::array<asio::cancellation_signal, 2> stop;
        for (std::size_t i = 0; i < 2; ++i)
            f.cache->async_get(asio::bind_cancellation_slot(stop[i].slot(), [&a = all[i]](error_code ec, keys_ptr k) {
                a = {true, ec, std::move(k)};
            }));
        f.settle();
        stop[0].emit(type);
        f.settle();
        CHECK(all[0].ec == asio::error::operation_aborted);
        CHECK(!all[1].came);
        CHECK(f.from.cancelled == 0);
        stop[1].emit(type);
        f.settle();
        CHECK(all[1].ec == asio::error::operation_aborted);
        CHECK(f.from.cancelled == 1);

        // That was no failure: the next one begins anew, at once.
        cache_bench::answer next;
        f.get(next);
        CHECK(f.from.begun == 2);
        f.from.open();
        f.settle();
        CHECK(next.keys);
    }
}

TEST_CASE("a fetch that nobody wants any more says nothing, however late it ends")
{
    cache_bench f;
    cache_bench::answer a;
    asio::cancellation_signal stop;
    f.cache->async_get(asio::bind_cancellation_slot(stop.slot(), [&a](error_code ec, keys_ptr k) {
        a = {true, ec, std::move(k)};
    }));
    f.settle();
    // Both in the same moment: the answer is under way already, and then it is cancelled.
    f.from.open();
    stop.emit(asio::cancellation_type::terminal);
    cache_bench::answer next;
    f.get(next);
    f.from.open();
    f.settle();
    CHECK(a.came);
    REQUIRE(next.came);
    CHECK(next.keys);
}

TEST_CASE("expired, says a service: one renewal for all who hear it")
{
    cache_bench f;
    cache_bench::answer a;
    f.get(a);
    f.from.open();
    f.settle();
    f.from.answer.keys = {"B", "secret", "token", f.now + 1h, "a test"};

    std::array<signing_keys, 3> got;
    const key_function keys = f.cache->keys();
    for (auto& g : got)
        asio::co_spawn(f.io, keys(a.keys), [&g](std::exception_ptr, signing_keys k) { g = std::move(k); });
    f.settle();
    CHECK(f.from.begun == 2);
    CHECK(!f.cache->ready());
    f.from.open();
    f.settle();
    for (const auto& g : got)
        CHECK(g.keys->access_key_id == "B");
    // Heard late, of the old ones: nothing to do.
    signing_keys late;
    asio::co_spawn(f.io, keys(a.keys), [&late](std::exception_ptr, signing_keys k) { late = std::move(k); });
    f.settle();
    CHECK(late.keys == got[0].keys);
    CHECK(f.from.begun == 2);

    f.cache->rejected(*late.keys);
    CHECK(!f.cache->ready());
}

TEST_CASE("the words of a failure go with it")
{
    cache_bench f;
    f.from.answer = {.why = credential_failure(credential_errc::none_found, "looked everywhere")};
    signing_keys got;
    asio::co_spawn(f.io, f.cache->keys()(nullptr), [&got](std::exception_ptr, signing_keys k) { got = std::move(k); });
    f.settle();
    f.from.open();
    f.settle();
    CHECK(got.why.message == "looked everywhere");
    CHECK(!got.keys);
}

TEST_CASE("a cache may go at any time")
{
    cache_bench f;
    cache_bench::answer a;
    f.get(a);
    const key_function keys = f.cache->keys();
    f.cache.reset();
    f.settle();
    CHECK(a.ec == asio::error::operation_aborted);
    CHECK(f.from.cancelled == 1);
    signing_keys got;
    asio::co_spawn(f.io, keys(nullptr), [&got](std::exception_ptr, signing_keys k) { got = std::move(k); });
    f.settle();
    CHECK(got.why.ec == asio::error::operation_aborted);

    // Also with the context, while a fetch is under way.
    auto io = std::make_unique<asio::io_context>();
    auto from = std::make_unique<source>(*io);
    auto cache = std::make_unique<credential_cache>(io->get_executor(), from->fetch());
    cache->async_get([](error_code, keys_ptr) {});
    io->poll();
    from.reset();
    cache.reset();
    io.reset();
}

TEST_CASE("who waits for a cache may be the last to hold it, when the context goes")
{
    auto io = std::make_unique<asio::io_context>();
    auto from = std::make_unique<source>(*io);
    auto cache = std::make_shared<credential_cache>(io->get_executor(), from->fetch());
    const auto wait = [](std::shared_ptr<credential_cache> held) -> asio::awaitable<void> {
        auto asked = held->keys()(nullptr);
        co_await std::move(asked);
    };
    asio::co_spawn(*io, wait(std::move(cache)), asio::detached);
    io->poll();
    CHECK(from->begun == 1);
    from.reset();
    // The address sanitizer sees if the cache wakes somebody who is no more.
    io.reset();
}

TEST_CASE("any completion token")
{
    cache_bench f;
    auto future = f.cache->async_get(asio::use_future);
    f.settle();
    f.from.open();
    f.settle();
    CHECK(future.get()->access_key_id == "A");
}
