// SPDX-License-Identifier: BSL-1.0
#include "client_calls.hpp"

#include <mayfly/http/client.hpp>

#include <scripted_server.hpp>
#include <test_certificates.hpp>

#include <doctest/doctest.h>

#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace http = mayfly::http;
using namespace std::chrono_literals;
using namespace mayfly_test;
using http::client;
using http::client_options;
using http::errc;

namespace {

const test_authority& authority()
{
    static const test_authority one;
    return one;
}

const temporary_file& trusted()
{
    static const temporary_file file(authority().certificate());
    return file;
}

client_options trusting(const std::string& file = trusted().path())
{
    client_options o;
    o.tls.ca_file = file;
    return o;
}

}  // namespace

TEST_CASE("requests over TLS share a connection; the name goes out, an address does not")
{
    client_bench b;
    const server_tls tls{authority().issue()};
    for (const char* host : {"localhost", "127.0.0.1"}) {
        scripted_server server(b.io.get_executor(), {always(ok_response("hello"))}, tls);
        client c(b.io.get_executor(), trusting());
        for (int i = 0; i < 3; ++i) {
            const asked& a = b.get(c, tls_origin(server.port(), host));
            REQUIRE_MESSAGE(!a.ec, a.text());
            CHECK(a.r.body() == "hello");
        }
        CHECK(c.stats() == http::client_stats{.opened = 1, .reused = 2, .idle = 1});
        CHECK(server.names() == std::vector<std::string>{std::string(host) == "localhost" ? "localhost" : ""});
    }
}

TEST_CASE("large bodies over TLS, both ways")
{
    client_bench b;
    std::string large;
    for (int i = 0; i < 700'000; ++i)
        large += std::to_string(i % 1000);
    scripted_server server(b.io.get_executor(),
        {{read_request(),
            send_reply([](const std::string& got) { return ok_response(got.substr(got.find("\r\n\r\n") + 4)); }),
            again()}},
        server_tls{authority().issue()});
    client c(b.io.get_executor(), trusting());
    for (int i = 0; i < 2; ++i) {
        http::request r(http::verb::put, "/", 11);
        r.body() = large;
        const asked& a = b.get(c, tls_origin(server.port()), {}, std::move(r));
        REQUIRE_MESSAGE(!a.ec, a.text());
        CHECK((a.r.body() == large));
    }
    CHECK(c.stats().opened == 1);
}

TEST_CASE("certificates that are not accepted, and the words for it")
{
    const test_authority stranger("a stranger");
    struct row {
        const char* why;
        server_tls tls;
        const char* host;
        errc error;
        const char* words;
    };
    const row rows[] = {
        {"another name", {authority().issue({.names = "DNS:other.example,DNS:more.example"})}, "localhost",
            errc::certificate_wrong_name, "it is for other.example, more.example"},
        {"another address", {authority().issue({.names = "IP:10.1.2.3"})}, "127.0.0.1", errc::certificate_wrong_name,
            "it is for an address"},
        {"a name is no address", {authority().issue({.names = "DNS:127.0.0.1"})}, "127.0.0.1",
            errc::certificate_wrong_name, "another host"},
        {"a star does not stand for dots", {authority().issue({.names = "DNS:*.example"})}, "localhost",
            errc::certificate_wrong_name, "*.example"},
        {"no longer valid", {authority().issue({.from = -48h, .to = -24h})}, "localhost", errc::certificate_expired,
            "it was valid until 20"},
        {"not yet valid", {authority().issue({.from = 24h, .to = 48h})}, "localhost", errc::certificate_not_yet_valid,
            "it is valid from 20"},
        {"an unknown authority", {stranger.issue()}, "localhost", errc::certificate_unknown_authority,
            "issued by /CN=a stranger; trusted are those in "},
        {"nobody's", {test_authority::self_signed()}, "localhost", errc::certificate_self_signed, "SSL_CERT_FILE"},
        {"TLS 1.1 is too old", {authority().issue(), true}, "localhost", errc::handshake_failed, "TLS 1.2"},
    };
    for (const row& r : rows) {
        client_bench b;
        scripted_server server(b.io.get_executor(), {always(ok_response("secret"))}, r.tls);
        client c(b.io.get_executor(), trusting());
        const asked& a = b.get(c, tls_origin(server.port(), r.host));
        CHECK_MESSAGE(a.ec == r.error, r.why, ": ", a.text());
        CHECK_MESSAGE(a.text().find(r.words) != std::string::npos, r.why, ": ", a.text());
        CHECK_MESSAGE(a.text().starts_with(std::string(r.host) + ':'), r.why);
        CHECK_MESSAGE(server.requests().empty(), r.why);
        CHECK_MESSAGE(c.stats() == one_gone, r.why);
        CHECK_MESSAGE(b.run_until([&] { return server.open() == 0; }), r.why);
    }
}

TEST_CASE("handshakes with what is no TLS server")
{
    struct row {
        const char* why;
        server_script script;
        const char* words;
    };
    const row rows[] = {
        {"plain HTTP", {send_bytes("HTTP/1.1 400 Bad Request\r\n\r\n"), hang()}, "does not speak TLS"},
        {"closed, which may reach us as a reset", {}, "localhost:"},
        {"reset", {reset()}, "reset"},
    };
    for (const row& r : rows) {
        client_bench b;
        scripted_server server(b.io.get_executor(), {r.script});
        client c(b.io.get_executor(), trusting());
        const asked& a = b.get(c, tls_origin(server.port()));
        CHECK_MESSAGE(a.ec == errc::handshake_failed, r.why);
        CHECK_MESSAGE(a.text().find(r.words) != std::string::npos, r.why, ": ", a.text());
    }
}

TEST_CASE("a trust store that cannot be read is an error of its own, and may be there the next time")
{
    client_bench b;
    scripted_server server(b.io.get_executor(), {always(ok_response("a"))}, server_tls{authority().issue()});
    const temporary_file empty("no certificate here\n");
    for (const std::string& path : {std::string("/nonexistent/ca.pem"), empty.path()}) {
        client c(b.io.get_executor(), trusting(path));
        const asked& a = b.get(c, tls_origin(server.port()));
        CHECK(a.ec == errc::no_trust_store);
        CHECK(a.text().find(path) != std::string::npos);
    }
    // Plain HTTP never asks for it.
    scripted_server plain(b.io.get_executor(), {always(ok_response("a"))});
    client c(b.io.get_executor(), trusting("/nonexistent/ca.pem"));
    CHECK(!b.get(c, plain_origin(plain.port())).ec);
}

TEST_CASE("later connections resume the session")
{
    client_bench b;
    scripted_server server(b.io.get_executor(), {always(ok_response("a"))}, server_tls{authority().issue()});
    client c(b.io.get_executor(), trusting());
    for (int i = 0; i < 3; ++i) {
        CHECK(!b.get(c, tls_origin(server.port())).ec);
        c.close_idle();
    }
    CHECK(server.accepted() == 3);
    CHECK(server.resumed() == 2);

    // Not for another host, and not by another client.
    CHECK(!b.get(c, tls_origin(server.port(), "127.0.0.1")).ec);
    client other(b.io.get_executor(), trusting());
    CHECK(!b.get(other, tls_origin(server.port())).ec);
    CHECK(server.resumed() == 2);
}

TEST_CASE("the end of a connection under TLS")
{
    const server_step answer = send_bytes(ok_response("a"));
    client_bench b;
    SUBCASE("closed while idle: not used")
    {
        scripted_server server(
            b.io.get_executor(), {{read_request(), answer}, always(ok_response("b"))}, server_tls{authority().issue()});
        client c(b.io.get_executor(), trusting());
        CHECK(b.get(c, tls_origin(server.port())).r.body() == "a");
        CHECK(b.run_until([&] { return server.open() == 0; }));
        CHECK(b.get(c, tls_origin(server.port())).r.body() == "b");
        CHECK(c.stats().retried == 0);
        CHECK(c.stats().opened == 2);
    }
    SUBCASE("closed on the next request: sent again")
    {
        scripted_server server(b.io.get_executor(),
            {{read_request(), answer, read_request()}, always(ok_response("b"))}, server_tls{authority().issue()});
        client c(b.io.get_executor(), trusting());
        CHECK(b.get(c, tls_origin(server.port())).r.body() == "a");
        CHECK(b.get(c, tls_origin(server.port())).r.body() == "b");
        CHECK(c.stats().retried == 1);
    }
    SUBCASE("a body without a length that ends without TLS's goodbye is cut off")
    {
        scripted_server server(b.io.get_executor(), {{read_request(), send_bytes("HTTP/1.1 200 OK\r\n\r\nabc")}},
            server_tls{authority().issue()});
        client c(b.io.get_executor(), trusting());
        CHECK(b.get(c, tls_origin(server.port())).ec == errc::truncated);
    }
    SUBCASE("within a body")
    {
        scripted_server server(b.io.get_executor(),
            {{read_request(), send_bytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc")}},
            server_tls{authority().issue()});
        client c(b.io.get_executor(), trusting());
        CHECK(b.get(c, tls_origin(server.port())).ec == errc::truncated);
    }
}

TEST_CASE("cancelled and late under TLS")
{
    client_bench b;
    scripted_server server(b.io.get_executor(), {{read_request(), hang()}}, server_tls{authority().issue()});
    client c(b.io.get_executor(), trusting());
    asked& cancelled = b.ask(c, tls_origin(server.port()));
    CHECK(b.run_until([&] { return server.requests().size() == 1; }));
    cancelled.cancel.emit(asio::cancellation_type::terminal);
    CHECK(b.run_until([&] { return cancelled.answers == 1 && server.open() == 0; }));
    CHECK(cancelled.ec == asio::error::operation_aborted);
    CHECK(b.get(c, tls_origin(server.port()), {.response = 10ms}).ec == errc::response_timeout);
    CHECK(b.run_until([&] { return server.open() == 0; }));
}

TEST_CASE("a thousand requests over TLS through few connections")
{
    client_bench b;
    scripted_server server(b.io.get_executor(), {always(ok_response("a"))}, server_tls{authority().issue()});
    client_options o = trusting();
    o.connections_per_origin = 4;
    client c(b.io.get_executor(), o);
    std::vector<asked*> all;
    for (int i = 0; i < 1000; ++i)
        all.push_back(&b.ask(c, tls_origin(server.port())));
    CHECK(b.run_until([&] { return c.stats().in_use == 0; }));
    int good = 0;
    for (const asked* a : all)
        good += !a->ec && a->r.body() == "a" ? 1 : 0;
    CHECK(good == 1000);
    CHECK(server.accepted() == 4);
}

TEST_CASE("through a proxy: a tunnel for https, the whole url for http")
{
    client_bench b;
    const std::string credentials = "Basic dTpzZWNyZXQ=";  // u:secret
    SUBCASE("https")
    {
        scripted_server proxy(b.io.get_executor(),
            {{read_request(), send_bytes("HTTP/1.1 200 Connection established\r\n\r\n"), start_tls(), read_request(),
                send_bytes(ok_response("a")), read_request(), send_bytes(ok_response("b")), hang()}},
            server_tls{authority().issue({.names = "DNS:service.example"}), false, false});
        client_options o = trusting();
        o.proxy.https = "http://u:secret@127.0.0.1:" + std::to_string(proxy.port());
        client c(b.io.get_executor(), o);
        CHECK(b.get(c, {true, "service.example", 8443}).r.body() == "a");
        CHECK(b.get(c, {true, "service.example", 8443}).r.body() == "b");
        REQUIRE(proxy.requests().size() == 3);
        CHECK(proxy.requests()[0] ==
              "CONNECT service.example:8443 HTTP/1.1\r\nHost: service.example:8443\r\nProxy-Authorization: " +
                  credentials + "\r\n\r\n");
        CHECK(proxy.requests()[1] == "GET / HTTP/1.1\r\nHost: service.example:8443\r\n\r\n");
        CHECK(proxy.names() == std::vector<std::string>{"service.example"});
        CHECK(c.stats().opened == 1);
    }
    SUBCASE("http")
    {
        scripted_server proxy(b.io.get_executor(), {always(ok_response("a"))});
        client_options o;
        o.proxy.http = "http://u:secret@127.0.0.1:" + std::to_string(proxy.port());
        client c(b.io.get_executor(), o);
        CHECK(b.get(c, {false, "service.example", 80}).r.body() == "a");
        CHECK(b.get(c, {false, "service.example", 80}).r.body() == "a");
        REQUIRE(proxy.requests().size() == 2);
        CHECK(proxy.requests()[1] ==
              "GET http://service.example/ HTTP/1.1\r\nHost: service.example\r\nProxy-Authorization: " + credentials +
                  "\r\n\r\n");
        CHECK(c.stats().opened == 1);
    }
    SUBCASE("an exception goes straight")
    {
        scripted_server server(b.io.get_executor(), {always(ok_response("a"))});
        client_options o;
        o.proxy = {"http://127.0.0.1:1", "", "127.0.0.0/8"};
        client c(b.io.get_executor(), o);
        CHECK(b.get(c, plain_origin(server.port())).r.body() == "a");
        CHECK(server.requests().front().starts_with("GET / HTTP/1.1\r\n"));
    }
}

TEST_CASE("proxies that do not help, and never a word of the password")
{
    struct row {
        const char* why;
        server_script script;
        errc error;
        const char* words;
    };
    const row rows[] = {
        {"other credentials",
            {read_request(), send_bytes("HTTP/1.1 407 Denied\r\nContent-Length: 3\r\n\r\nno!"), hang()},
            errc::proxy_denied, "proxy 127.0.0.1:"},
        {"a refusal", {read_request(), send_bytes("HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!"), hang()},
            errc::proxy_failed, "answered 403"},
        {"it closes", {read_request()}, errc::proxy_failed, "closed"},
        {"no proxy", {read_request(), send_bytes("SSH-2.0\r\n"), hang()}, errc::proxy_failed, "not HTTP/1.1"},
        {"it says more than it was asked", {read_request(), send_bytes("HTTP/1.1 200 OK\r\n\r\nHTTP"), hang()},
            errc::proxy_failed, "more than its answer"},
    };
    for (const row& r : rows) {
        client_bench b;
        scripted_server proxy(b.io.get_executor(), {r.script});
        client_options o = trusting();
        o.proxy.https = "http://u:secret@127.0.0.1:" + std::to_string(proxy.port());
        client c(b.io.get_executor(), o);
        const asked& a = b.get(c, {true, "service.example", 443});
        CHECK_MESSAGE(a.ec == r.error, r.why, ": ", a.text());
        CHECK_MESSAGE(a.text().find(r.words) != std::string::npos, r.why, ": ", a.text());
        CHECK_MESSAGE(a.text().find("secret") == std::string::npos, r.why);
        CHECK_MESSAGE(a.text().find("dTpz") == std::string::npos, r.why);
        CHECK_MESSAGE(c.stats() == one_gone, r.why);
    }
    client_bench b;
    client_options o;
    o.proxy.https = "socks5://u:secret@127.0.0.1:1";
    client c(b.io.get_executor(), o);
    const asked& a = b.get(c, {true, "service.example", 443});
    CHECK(a.ec == errc::bad_proxy);
    CHECK(a.text().find("secret") == std::string::npos);
}
