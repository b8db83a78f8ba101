// SPDX-License-Identifier: BSL-1.0
#include <mayfly/http/detail/request_text.hpp>
#include <mayfly/http/detail/response_reader.hpp>
#include <mayfly/http/error.hpp>
#include <mayfly/http/message.hpp>

#include <doctest/doctest.h>

#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace http = mayfly::http;
namespace asio = boost::asio;
using boost::system::error_code;
using http::errc;
using http::field;
using http::request;
using http::verb;
using http::detail::is_writable;
using http::detail::request_form;
using http::detail::response_reader;
using http::detail::write_head;

namespace {

std::string written(const request& r, const request_form& form = {.host = "h"})
{
    std::string out;
    write_head(out, r, form);
    return out;
}

struct reading {
    error_code ec{};
    bool done = false;
    std::size_t taken = 0;
    http::response r{};
};

/// Reads from pieces of this size; `closed` says that the bytes end with the connection.
reading read(std::string_view bytes, std::size_t piece, bool closed, bool body_follows = true,
    http::detail::response_limits limits = {})
{
    response_reader reader;
    reader.start(body_follows, limits);
    reading out;
    std::string unread;
    for (std::size_t at = 0; at < bytes.size() && !out.ec && !reader.done(); at += piece) {
        unread += bytes.substr(at, piece);
        const std::size_t n = reader.put(asio::buffer(unread), out.ec);
        unread.erase(0, n);
        out.taken += n;
    }
    if (!out.ec && !reader.done() && closed)
        out.ec = reader.put_eof();
    out.done = !out.ec && reader.done();
    if (out.done)
        out.r = reader.release();
    return out;
}

}  // namespace

TEST_CASE("a request as it goes out")
{
    request r(verb::post, "/2015-03-31/functions/arn%3Aaws%3Alambda/invocations?Qualifier=%24LATEST", 11);
    r.set("X-Amz-Invocation-Type", "Event");
    r.body() = "{}";
    CHECK(written(r) == "POST /2015-03-31/functions/arn%3Aaws%3Alambda/invocations?Qualifier=%24LATEST HTTP/1.1\r\n"
                        "X-Amz-Invocation-Type: Event\r\nHost: h\r\nContent-Length: 2\r\n\r\n");

    r.set(field::host, "signed.example");
    r.set(field::expect, "100-continue");
    r.set(field::content_length, "77");
    CHECK(written(r) == "POST /2015-03-31/functions/arn%3Aaws%3Alambda/invocations?Qualifier=%24LATEST HTTP/1.1\r\n"
                        "X-Amz-Invocation-Type: Event\r\nHost: signed.example\r\nContent-Length: 2\r\n\r\n");

    CHECK(written(request(verb::get, "/", 11)) == "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(written(request(verb::put, "/", 11)) == "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    CHECK(written(
              request(verb::get, "/x", 11), {.host = "h:81", .absolute = true, .proxy_authorization = "Basic eA=="}) ==
          "GET http://h:81/x HTTP/1.1\r\nHost: h:81\r\nProxy-Authorization: Basic eA==\r\n\r\n");
}

TEST_CASE("requests that would not be read as they were meant")
{
    const auto with = [](std::string_view name, std::string_view value) {
        request r(verb::get, "/", 11);
        r.set(name, value);
        return r;
    };
    CHECK(is_writable(request(verb::get, "/", 11)));
    CHECK(is_writable(with("X-Y", "any, thing: \x80 \t")));
    CHECK_FALSE(is_writable(request(verb::get, "", 11)));
    CHECK_FALSE(is_writable(request(verb::get, "/a b", 11)));
    CHECK_FALSE(is_writable(request(verb::get, "/a\r\nX: y", 11)));
    CHECK_FALSE(is_writable(with("X", "a\r\nY: b")));
    CHECK_FALSE(is_writable(with("X", std::string_view("a\0b", 3))));
    CHECK_FALSE(is_writable(with("X Y", "a")));
    CHECK_FALSE(is_writable(with("X:", "a")));
    CHECK_FALSE(is_writable(with("Transfer-Encoding", "chunked")));
}

TEST_CASE("responses, in one piece and byte by byte")
{
    struct row {
        const char* why;
        std::string_view bytes;
        bool closed;
        unsigned status;
        std::string_view body;
    };
    const row rows[] = {
        {"a length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", false, 200, "abc"},
        {"no body", "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", false, 202, ""},
        {"no reason", "HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\na", false, 200, "a"},
        {"204 has none", "HTTP/1.1 204 No Content\r\n\r\n", false, 204, ""},
        {"304 has none, whatever it says", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", false, 304, ""},
        {"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n", false,
            200, "abc"},
        {"chunks and a trailer",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n", false,
            200, "a"},
        {"until the end", "HTTP/1.1 200 OK\r\n\r\nabc", true, 200, "abc"},
        {"HTTP/1.0", "HTTP/1.0 404 Not Found\r\n\r\nabc", true, 404, "abc"},
        {"interim ones are skipped",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
            false, 200, "a"},
    };
    for (const row& r : rows) {
        for (const std::size_t piece : {r.bytes.size(), std::size_t{1}, std::size_t{7}}) {
            const reading got = read(r.bytes, piece, r.closed);
            CHECK_MESSAGE(!got.ec, r.why);
            REQUIRE_MESSAGE(got.done, r.why);
            CHECK_MESSAGE(got.r.result_int() == r.status, r.why);
            CHECK_MESSAGE(got.r.body() == r.body, r.why);
        }
    }
    const auto to_head = read("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", 99, false, false);
    CHECK(to_head.done);
    const auto two = read("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n", 99, false);
    CHECK(two.done);
    CHECK(two.taken == 27);
}

TEST_CASE("what is no response, or not all of one")
{
    struct row {
        const char* why;
        std::string_view bytes;
        errc error;
    };
    const row rows[] = {
        {"nothing at all", "", errc::connection_lost},
        {"half a line", "HTTP/1.1 20", errc::truncated},
        {"half a head", "HTTP/1.1 200 OK\r\nContent-", errc::truncated},
        {"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", errc::truncated},
        {"chunks without an end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", errc::truncated},
        {"half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na", errc::truncated},
        {"another protocol", "SSH-2.0-OpenSSH_9.2\r\n", errc::bad_response},
        {"another version", "HTTP/2.0 200 OK\r\n\r\n", errc::bad_response},
        {"no number", "HTTP/1.1 abc OK\r\n\r\n", errc::bad_response},
        {"a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", errc::bad_response},
        {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", errc::bad_response},
        {"a length and chunks: somebody between us may read it otherwise",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", errc::bad_response},
        {"a chunk's size that is none", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            errc::bad_response},
        {"a field without a name", "HTTP/1.1 200 OK\r\n: x\r\n\r\n", errc::bad_response},
    };
    for (const row& r : rows) {
        for (const std::size_t piece : {std::size_t{1000}, std::size_t{1}})
            CHECK_MESSAGE(read(r.bytes, piece, true).ec == r.error, r.why);
    }
}

TEST_CASE("bounds of a response")
{
    const std::string head = "HTTP/1.1 200 OK\r\nX: " + std::string(200, 'x') + "\r\nContent-Length: 1\r\n\r\na";
    CHECK(read(head, 1000, false, true, {.header = 100}).ec == errc::header_too_large);
    CHECK(read(head, 1, false, true, {.header = 100}).ec == errc::header_too_large);
    CHECK(read(head, 1000, false, true, {.header = 1000}).done);

    // More than Beast can keep, however much is allowed; and what comes behind a body is no less a field.
    const std::string line = "X: " + std::string(70'000, 'x') + "\r\n";
    const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + line + "\r\n";
    const std::string long_head = "HTTP/1.1 204 No Content\r\n" + line + "\r\n";
    CHECK(read(long_head, 100'000, false, true, {.header = 200'000}).ec == errc::header_too_large);
    CHECK(read(chunked, 100'000, false, true, {.header = 200'000}).ec == errc::header_too_large);

    struct row {
        const char* why;
        std::string_view bytes;
    };
    const row rows[] = {
        {"announced", "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n"},
        {"in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n5\r\nghijk\r\n0\r\n\r\n"},
        {"in one chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nabcdefghijk\r\n0\r\n\r\n"},
        {"until the end", "HTTP/1.1 200 OK\r\n\r\nabcdefghijk"},
    };
    for (const row& r : rows) {
        CHECK_MESSAGE(read(r.bytes, 1000, true, true, {.body = 10}).ec == errc::body_too_large, r.why);
        CHECK_MESSAGE(read(r.bytes, 1000, true, true, {.body = 11}).ec != errc::body_too_large, r.why);
    }
}
