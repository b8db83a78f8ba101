// SPDX-License-Identifier: BSL-1.0
#include "frames.hpp"

#include <mayfly/grpc/detail/answer_reader.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

using namespace mayfly::grpc;
using namespace mayfly::grpc::detail;
using grpc_test::message;

namespace {

using fields = std::vector<std::pair<std::string, std::string>>;

/// What a server sends on one stream.
struct raw_answer {
    fields head{{":status", "200"}, {"content-type", "application/grpc"}};
    std::string data{};
    fields trailers{};
    bool ends = true;
    std::uint32_t reset = 0;
};

reply read(const raw_answer& a, std::size_t piece)
{
    const answer_limits limits{.message = 100, .header_list = 2000};
    answer_reader r;
    bool on = true;
    for (const auto& [name, value] : a.head)
        on = on && r.field(name, value, limits);
    const bool only = a.data.empty() && a.trailers.empty();
    if (!a.head.empty())
        r.fields_end(only && a.ends);
    for (std::size_t i = 0; on && i < a.data.size(); i += piece)
        on = r.data(std::string_view(a.data).substr(i, piece), limits);
    for (const auto& [name, value] : a.trailers)
        on = on && r.field(name, value, limits);
    if (!a.trailers.empty())
        r.fields_end(a.ends);
    else if (!only && a.ends)
        r.end();
    return r.finish(a.reset);
}

}  // namespace

TEST_CASE("every kind of answer is a reply, however it is cut")
{
    using enum status_code;
    const fields html{{":status", "503"}, {"content-type", "text/html"}};
    const fields good{{"grpc-status", "0"}};
    struct row {
        const char* why;
        raw_answer sent;
        status_code code;
        const char* words;
    };
    const row rows[] = {
        {"as it should be", {.data = message("hello"), .trailers = good}, ok, ""},
        {"an empty message is one", {.data = message(""), .trailers = good}, ok, ""},
        {"with its subtype",
            {.head = {{":status", "200"}, {"content-type", "application/grpc+proto"}},
                .data = message("x"),
                .trailers = good},
            ok, ""},
        {"trailers only",
            {.head = {{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "5"},
                 {"grpc-message", "no%20such"}}},
            not_found, "no such"},
        {"trailers only, and no content type", {.head = {{":status", "200"}, {"grpc-status", "5"}}}, not_found, ""},
        {"a failure after a message", {.data = message("x"), .trailers = {{"grpc-status", "13"}}}, internal, ""},
        {"no grpc-status, and HTTP's own is good", {.data = message("x"), .trailers = {{"a", "b"}}}, unknown,
            "no grpc-status"},
        {"no trailers", {.data = message("x")}, unknown, "no grpc-status"},
        {"a grpc-status that is no number", {.data = message("x"), .trailers = {{"grpc-status", "zero"}}}, unknown,
            "no known number"},
        {"a grpc-status that nobody knows", {.data = message("x"), .trailers = {{"grpc-status", "99"}}}, unknown,
            "no known number"},
        {"a proxy's page", {.head = html, .data = "<html>upstream down</html>"}, unavailable, "upstream down"},
        {"a page without a type", {.head = {{":status", "404"}}}, unimplemented, "HTTP status 404"},
        {"a good page is no answer either", {.head = {{":status", "200"}, {"content-type", "text/html"}}, .data = "hi"},
            unknown, "text/html"},
        {"a type that only begins like ours",
            {.head = {{":status", "200"}, {"content-type", "application/grpc-web"}}, .data = "hi"}, unknown,
            "grpc-web"},
        {"HTTP 400", {.head = {{":status", "400"}}}, internal, "400"},
        {"HTTP 401", {.head = {{":status", "401"}}}, unauthenticated, "401"},
        {"HTTP 403", {.head = {{":status", "403"}}}, permission_denied, "403"},
        {"HTTP 429", {.head = {{":status", "429"}}}, unavailable, "429"},
        {"HTTP 500", {.head = {{":status", "500"}}}, unknown, "500"},
        {"HTTP 502", {.head = {{":status", "502"}}}, unavailable, "502"},
        {"HTTP 504", {.head = {{":status", "504"}}}, unavailable, "504"},
        {"HTTP fails, and gRPC says why",
            {.head = {{":status", "500"}, {"content-type", "application/grpc"}, {"grpc-status", "8"}}},
            resource_exhausted, ""},
        {"refused", {.head = {}, .ends = false, .reset = 7}, unavailable, "REFUSED_STREAM"},
        {"reset: cancelled", {.head = {}, .ends = false, .reset = 8}, cancelled, "CANCEL"},
        {"reset: too much", {.head = {}, .ends = false, .reset = 11}, resource_exhausted, "ENHANCE_YOUR_CALM"},
        {"reset: not safe enough", {.head = {}, .ends = false, .reset = 12}, permission_denied, "INADEQUATE"},
        {"reset: an error", {.head = {}, .ends = false, .reset = 2}, internal, "INTERNAL_ERROR"},
        {"reset: no error, and no end", {.data = message("x"), .ends = false, .reset = 0}, internal, "NO_ERROR"},
        {"reset: a code that nobody knows", {.head = {}, .ends = false, .reset = 77}, internal, "77"},
        {"reset within the message", {.data = message("hello").substr(0, 7), .ends = false, .reset = 8}, cancelled, ""},
        {"no message", {.trailers = good}, internal, "no message"},
        {"a truncated prefix", {.data = message("x").substr(0, 3), .trailers = good}, internal, "truncated"},
        {"a truncated message", {.data = message("hello").substr(0, 7), .trailers = good}, internal, "truncated"},
        {"two messages", {.data = message("a") + message("b"), .trailers = good}, internal, "more than one"},
        {"two empty messages", {.data = message("") + message(""), .trailers = good}, internal, "more than one"},
        {"compressed, and does not say how", {.data = message("x", 1), .trailers = good}, internal, "does not say how"},
        {"compressed, though nobody asked",
            {.head = {{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-encoding", "gzip"}},
                .data = message("x", 1),
                .trailers = good},
            internal, "gzip"},
        {"an unknown flag", {.data = message("x", 2), .trailers = good}, internal, "flag"},
        {"as large as may be", {.data = message(std::string(100, 'x')), .trailers = good}, ok, ""},
        {"too large", {.data = message(std::string(101, 'x')), .trailers = good}, resource_exhausted,
            "grpc: received message larger than max (101 vs. 100)"},
        {"a length beyond all measure", {.data = std::string("\0\xff\xff\xff\xff", 5), .trailers = good},
            resource_exhausted, "4294967295"},
        {"giant trailers", {.data = message("x"), .trailers = {{"a", std::string(3000, 'x')}, {"grpc-status", "0"}}},
            resource_exhausted, "header fields"},
        {"an interim answer first",
            {.head = {{":status", "200"}, {"content-type", "application/grpc"}},
                .data = message("hello"),
                .trailers = good},
            ok, ""},
    };
    for (const row& r : rows) {
        for (const std::size_t piece : {1U, 2U, 4U, 5U, 6U, 1000U}) {
            const reply out = read(r.sent, piece);
            CHECK_MESSAGE(out.status.code == r.code, r.why);
            CHECK_MESSAGE(out.status.message.find(r.words) != std::string::npos, r.why);
            CHECK_MESSAGE(out.message.empty() == (!out.status.ok() || r.sent.data.size() == 5), r.why);
        }
    }
}

TEST_CASE("details and metadata, with and without padding, joined or not")
{
    raw_answer a{.data = message("x"), .trailers = {{"grpc-status", "0"}, {"t", "u"}, {"t-bin", "Zm9v,Zm9vYg=="}}};
    a.head.emplace_back("m-bin", "Zm9vYg");
    a.head.emplace_back("broken-bin", "!");
    const reply r = read(a, 3);
    CHECK(r.metadata == metadata{{"m-bin", "foob"}});
    CHECK(r.trailers == metadata{{"t", "u"}, {"t-bin", "foo"}, {"t-bin", "foob"}});

    for (const char* const details : {"CAU", "CAU="}) {
        const reply failed = read({.head = {{":status", "200"}, {"content-type", "application/grpc"},
                                       {"grpc-status", "5"}, {"grpc-status-details-bin", details}, {"x", "y"}}},
            1);
        CHECK(failed.status.details == "\x08\x05");
        CHECK(failed.trailers == metadata{{"x", "y"}});
        CHECK(failed.metadata.empty());
    }
}
