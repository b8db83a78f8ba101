// SPDX-License-Identifier: BSL-1.0
#include "world.hpp"

#include <test_certificates.hpp>

#include <doctest/doctest.h>

#include <boost/asio/redirect_error.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

using namespace grpc_test;
using grpc::status_code;

TEST_CASE("a call and its answer, with all that travels beside them")
{
    world w;
    test_server s(w);
    REQUIRE(s.listening);
    std::vector<grpc::call_record> records;
    grpc::channel_options o;
    o.api_key = [] { return "key"; };
    o.authority = "somewhere.example";
    o.on_call = [&](const grpc::call_record& r) { records.push_back(r); };
    grpc::channel c(w.io.get_executor(), plain(s.server.port()), o);

    const auto a = w.ask(c, "/t.T/Echo", "hello", {.timeout = 10s}, {{"a", "b"}, {"x-bin", std::string("\0\xff", 2)}});
    CHECK(*a->ec == error_code());
    CHECK(a->reply.message == "hello");
    CHECK(a->reply.metadata == grpc::metadata{{"m", "one"}});
    CHECK(a->reply.trailers == grpc::metadata{{"t-bin", std::string("\0two", 4)}});
    CHECK(s.seen.authority == "somewhere.example");
    CHECK(s.seen.request.metadata.get("a") == "b");
    CHECK(s.seen.request.metadata.get("x-bin") == std::string_view("\0\xff", 2));
    CHECK(s.seen.request.metadata.get("authorization") == "Bearer key");
    REQUIRE(s.seen.deadline);
    CHECK(*s.seen.deadline - std::chrono::steady_clock::now() < 10s);

    const auto own = w.ask(c, "/t.T/Echo", "", {}, {{"authorization", "mine"}});
    CHECK(own->code() == status_code::ok);
    CHECK(s.seen.request.metadata.get("authorization") == "mine");
    CHECK(!s.seen.deadline);

    const auto failed = w.ask(c, "/t.T/Fail", "100% \xc3\xa9\n");
    CHECK(*failed->ec == status_code::failed_precondition);
    CHECK(failed->reply.status == grpc::status{status_code::failed_precondition, "100% \xc3\xa9\n", "details"});
    CHECK(failed->reply.trailers == grpc::metadata{{"why", "because"}});

    const auto thrown = w.ask(c, "/t.T/Throw", "", {.retry = grpc::retry_policy::none()});
    CHECK(thrown->code() == status_code::internal);
    CHECK(!thrown->says("secret"));
    CHECK(w.ask(c, "/t.T/Nothing", "")->code() == status_code::unimplemented);
    CHECK(w.ask(c, "no slash", "")->code() == status_code::invalid_argument);
    CHECK(w.ask(c, "/t.T/Echo", "", {}, {{"A", "b"}})->code() == status_code::invalid_argument);

    REQUIRE(records.size() == 7);
    CHECK(records[0].sent == 5);
    CHECK(records[0].received == 5);
    CHECK(records[0].attempts == 1);
    CHECK(records[5].attempts == 0);
    CHECK(c.stats().connects == 1);
}

TEST_CASE("large messages go both ways, and too large ones nowhere")
{
    world w;
    test_server s(w, {.receive_limit = 5 * 1024 * 1024});
    grpc::channel c(w.io.get_executor(), plain(s.server.port()));
    const std::string most(4 * 1024 * 1024, 'x');
    const auto good = w.ask(c, "/t.T/Echo", most);
    CHECK(good->reply.message == most);
    const auto ours = w.ask(c, "/t.T/Echo", most + 'x');
    CHECK(ours->code() == status_code::resource_exhausted);
    CHECK(ours->says("trying to send message larger than max (4194305 vs. 4194304)"));
    CHECK(s.calls == 1);

    grpc::channel_options o = quick();
    o.send_limit = 10 * 1024 * 1024;
    grpc::channel big(w.io.get_executor(), plain(s.server.port()), o);
    const auto received = w.ask(big, "/t.T/Echo", most + 'x');
    CHECK(received->code() == status_code::resource_exhausted);
    CHECK(received->says("grpc: received message larger than max (4194305 vs. 4194304)"));
    CHECK(s.calls == 2);
    const auto theirs = w.ask(big, "/t.T/Echo", std::string(6 * 1024 * 1024, 'x'));
    CHECK(theirs->code() == status_code::resource_exhausted);
    CHECK(theirs->says("(6291456 vs. 5242880)"));
    CHECK(s.calls == 2);
    // The connection has stood it all.
    CHECK(w.ask(big, "/t.T/Echo", "small")->reply.message == "small");
    CHECK(big.stats().connects == 1);
}

TEST_CASE("a deadline and a cancellation reach the server")
{
    world w;
    test_server s(w);
    grpc::channel c(w.io.get_executor(), plain(s.server.port()));
    const auto late = w.ask(c, "/t.T/Hold", "", {.timeout = 50ms});
    CHECK(late->code() == status_code::deadline_exceeded);
    CHECK(*late->ec == status_code::deadline_exceeded);
    CHECK(w.until([&] { return s.cancelled == 1; }));

    const auto held = w.call(c, "/t.T/Hold", "");
    const auto other = w.call(c, "/t.T/Hold", "kept");
    REQUIRE(w.until([&] { return s.holding == 2; }));
    held->stop.emit(asio::cancellation_type::total);
    CHECK(w.until([&] { return held->done() && s.cancelled == 2; }));
    CHECK(*held->ec == asio::error::operation_aborted);
    CHECK(held->code() == status_code::cancelled);
    CHECK(!other->done());
    s.release();
    CHECK(w.until([&] { return other->done(); }));
    CHECK(other->reply.message == "kept");
    CHECK(c.stats().streams == 0);

    // One that has no stream yet.
    const auto soon = w.call(c, "/t.T/Echo", "");
    soon->stop.emit(asio::cancellation_type::terminal);
    CHECK(w.until([&] { return soon->done(); }));
    CHECK(*soon->ec == asio::error::operation_aborted);
    CHECK(w.ask(c, "/t.T/Echo", "", {.timeout = 0ms})->code() == status_code::deadline_exceeded);
}

TEST_CASE("more calls than streams wait for their turn, and not without end")
{
    world w;
    test_server s(w, {.max_streams = 2});
    grpc::channel_options o = quick();
    o.waiting_calls = 3;
    grpc::channel c(w.io.get_executor(), plain(s.server.port()), o);
    CHECK(w.ask(c, "/t.T/Echo", "")->code() == status_code::ok);
    std::vector<std::unique_ptr<outcome>> calls;
    for (int i = 0; i < 5; ++i)
        calls.push_back(w.call(c, "/t.T/Hold", std::to_string(i)));
    const auto refused = w.ask(c, "/t.T/Hold", "", {.retry = grpc::retry_policy::none()});
    CHECK(refused->code() == status_code::resource_exhausted);
    CHECK(refused->says("waiting"));
    REQUIRE(w.until([&] { return s.holding == 2; }));
    CHECK(c.stats().waiting == 3);
    for (std::size_t n = 1; n <= 5; ++n) {
        REQUIRE(w.until([&] { return s.holding == std::min<std::size_t>(2, 6 - n); }));
        s.release();
        REQUIRE(w.until([&] {
            return static_cast<std::size_t>(
                       std::count_if(calls.begin(), calls.end(), [](const auto& x) { return x->done(); })) == n;
        }));
    }
    for (const auto& x : calls)
        CHECK(x->code() == status_code::ok);
}

TEST_CASE("what fails for a while is asked again")
{
    world w;
    test_server s(w);
    grpc::channel c(w.io.get_executor(), plain(s.server.port()), quick());
    CHECK(w.ask(c, "/t.T/Flaky", "")->code() == status_code::ok);
    CHECK(s.calls == 3);
    CHECK(c.stats().retried == 2);
    s.calls = 0;
    const auto once = w.ask(c, "/t.T/Flaky", "", {.retry = grpc::retry_policy::none()});
    CHECK(once->code() == status_code::unavailable);
    CHECK(once->says("not yet"));
}

TEST_CASE("a server that is away is named, waited for, and found again")
{
    world w;
    std::uint16_t port = 0;
    {
        test_server s(w);
        port = s.server.port();
    }
    grpc::channel c(w.io.get_executor(), plain(port), quick());
    const auto away = w.ask(c, "/t.T/Echo", "");
    CHECK(away->code() == status_code::unavailable);
    CHECK(*away->ec == mayfly::http::errc::connect_failed);
    CHECK(away->says("127.0.0.1:" + std::to_string(port)));
    CHECK(away->says("refused"));

    const auto waits = w.call(c, "/t.T/Echo", "patient", {.timeout = 15s, .wait_for_ready = true});
    outcome hope;
    c.async_connect(15s, [&](error_code ec, grpc::reply) { hope.ec = ec; });
    CHECK(w.until([&, n = c.stats().connects] { return c.stats().connects > n + 2; }));
    CHECK(!waits->done());
    test_server back(w, {.port = port});
    REQUIRE(back.listening);
    CHECK(w.until([&] { return waits->done() && hope.done(); }));
    CHECK(waits->reply.message == "patient");
    CHECK(*hope.ec == error_code());
    CHECK(c.stats().connected);
    outcome fulfilled;
    c.async_connect(15s, [&](error_code ec, grpc::reply) { fulfilled.ec = ec; });
    CHECK(!fulfilled.done());
    REQUIRE(w.until([&] { return fulfilled.done(); }));
    CHECK_MESSAGE(*fulfilled.ec == error_code(), "it is connected already");

    // Gone in the middle of a call.
    const auto held = w.call(c, "/t.T/Hold", "", {.retry = grpc::retry_policy::none()});
    REQUIRE(w.until([&] { return back.holding == 1; }));
    back.server.close();
    CHECK(w.until([&] { return held->done(); }));
    CHECK(held->code() == status_code::unavailable);

    outcome late;
    c.async_connect(50ms, [&](error_code ec, grpc::reply r) {
        late.ec = ec;
        late.reply = std::move(r);
    });
    CHECK(w.until([&] { return late.done(); }));
    CHECK(late.code() == status_code::deadline_exceeded);
    CHECK(late.says("refused"));
}

TEST_CASE("a server that stops gracefully loses no call, and neither does one that ages")
{
    world w;
    auto first = std::make_unique<test_server>(w);
    const auto port = first->server.port();
    grpc::channel c(w.io.get_executor(), plain(port), quick());
    const auto held = w.call(c, "/t.T/Hold", "held");
    REQUIRE(w.until([&] { return first->holding == 1; }));
    bool stopped = false;
    first->server.async_stop([&](error_code) { stopped = true; });
    test_server second(w, {.port = port});
    REQUIRE(second.listening);
    REQUIRE(w.until([&] { return !c.stats().connected; }));
    CHECK(w.ask(c, "/t.T/Echo", "new", {.timeout = 10s, .wait_for_ready = true})->reply.message == "new");
    CHECK(w.until([&] { return second.calls == 1; }));
    CHECK(!stopped);
    CHECK(!held->done());
    first->release();
    CHECK(w.until([&] { return held->done() && stopped; }));
    CHECK(held->reply.message == "held");

    test_server aging(w, {.max_age = 20ms});
    grpc::channel many(w.io.get_executor(), plain(aging.server.port()), quick());
    const auto end = std::chrono::steady_clock::now() + 300ms;
    std::size_t good = 0;
    std::size_t all = 0;
    while (std::chrono::steady_clock::now() < end) {
        ++all;
        good +=
            w.ask(many, "/t.T/Echo", "x", {.retry = grpc::retry_policy::none()})->code() == status_code::ok ? 1U : 0U;
    }
    CHECK(good == all);
    CHECK(many.stats().connects > 2);
}

TEST_CASE("a stop that is not heeded ends with its grace")
{
    world w;
    test_server s(w, {.stop_grace = 20ms});
    grpc::channel c(w.io.get_executor(), plain(s.server.port()));
    const auto held = w.call(c, "/t.T/Hold", "", {.retry = grpc::retry_policy::none()});
    REQUIRE(w.until([&] { return s.holding == 1; }));
    bool stopped = false;
    s.server.async_stop([&](error_code) { stopped = true; });
    CHECK(w.until([&] { return stopped && held->done(); }));
    CHECK(s.cancelled == 1);
    CHECK(held->code() == status_code::unavailable);
}

TEST_CASE("an idle connection is sent away, and made again when it is wanted")
{
    world w;
    test_server s(w, {.idle_timeout = 20ms});
    grpc::channel c(w.io.get_executor(), plain(s.server.port()), quick());
    CHECK(w.ask(c, "/t.T/Echo", "")->code() == status_code::ok);
    CHECK(w.until([&] { return s.server.connections() == 0 && !c.stats().connected; }));
    CHECK(w.ask(c, "/t.T/Echo", "", {.retry = grpc::retry_policy::none()})->code() == status_code::ok);
    CHECK(c.stats().connects == 2);
}

TEST_CASE("a channel that goes takes its calls with it, wherever they are told of")
{
    world w;
    test_server s(w);
    auto c = std::make_unique<grpc::channel>(w.io.get_executor(), plain(s.server.port()));
    const auto held = w.call(*c, "/t.T/Hold", "");
    bool told = false;
    c->async_call({"/t.T/Echo", {}, ""}, [&](error_code, const grpc::reply&) {
        c.reset();
        told = true;
    });
    CHECK(w.until([&] { return told && held->done(); }));
    CHECK(*held->ec == mayfly::http::errc::closed);
    CHECK(w.until([&] { return s.server.connections() == 0; }));
}

TEST_CASE("TLS: a private authority, another name, clients that must show who they are")
{
    const mayfly_test::test_authority authority;
    const auto identity = authority.issue();
    world w;
    test_server s(w, {.certificate = identity.certificate, .key = identity.key});
    REQUIRE(s.listening);
    const auto once = [&](grpc::channel_options o, const std::string& host = "127.0.0.1", std::uint16_t port = 0) {
        o.retry = grpc::retry_policy::none();
        grpc::channel c(w.io.get_executor(), {true, host, port != 0 ? port : s.server.port()}, std::move(o));
        return w.ask(c, "/t.T/Echo", std::string(100'000, 'x'));
    };
    grpc::channel_options trusting;
    trusting.tls.ca = authority.certificate();
    CHECK(once(trusting)->reply.message.size() == 100'000);
    CHECK(s.seen.authority == "127.0.0.1:" + std::to_string(s.server.port()));

    grpc::channel_options named = trusting;
    named.server_name = "localhost";
    CHECK(once(named)->code() == status_code::ok);
    CHECK(s.seen.authority == "localhost:" + std::to_string(s.server.port()));
    named.server_name = "elsewhere.example";
    CHECK(*once(named)->ec == mayfly::http::errc::certificate_wrong_name);

    const mayfly_test::test_authority stranger("somebody else");
    grpc::channel_options wary;
    wary.tls.ca = stranger.certificate();
    const auto refused = once(wary);
    CHECK(mayfly::condition_of(*refused->ec) == mayfly::condition::permanent);
    CHECK(refused->code() == status_code::unavailable);
    wary.tls.dangerously_accept_any_certificate = true;
    CHECK(once(wary)->code() == status_code::ok);

    grpc::channel_options plainly;
    plainly.retry = grpc::retry_policy::none();
    grpc::channel deaf(w.io.get_executor(), plain(s.server.port()), plainly);
    CHECK(w.ask(deaf, "/t.T/Echo", "")->code() == status_code::unavailable);

    test_server strict(
        w, {.certificate = identity.certificate, .key = identity.key, .client_ca = authority.certificate()});
    REQUIRE(strict.listening);
    CHECK(once(trusting, "127.0.0.1", strict.server.port())->code() == status_code::unavailable);
    grpc::channel_options shown = trusting;
    const auto own = authority.issue();
    shown.tls.certificate = own.certificate;
    shown.tls.key = own.key;
    CHECK(once(shown, "127.0.0.1", strict.server.port())->code() == status_code::ok);
    shown.tls.key = identity.key;
    CHECK(*once(shown, "127.0.0.1", strict.server.port())->ec == mayfly::http::errc::bad_identity);

    grpc::server bad(w.io.get_executor(), {.certificate = identity.certificate, .key = own.key});
    CHECK(bad.listen() == mayfly::http::errc::bad_identity);
}
