// SPDX-License-Identifier: BSL-1.0
#include <mayfly/base64.hpp>
#include <mayfly/grpc/detail/flood_guard.hpp>
#include <mayfly/grpc/detail/gzip.hpp>
#include <mayfly/grpc/detail/percent.hpp>
#include <mayfly/grpc/detail/timeout_text.hpp>
#include <mayfly/grpc/metadata.hpp>
#include <mayfly/grpc/status.hpp>

#include <doctest/doctest.h>

#include <boost/beast/zlib/deflate_stream.hpp>
#include <boost/crc.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using namespace mayfly::grpc;
using namespace mayfly::grpc::detail;

TEST_CASE("a timeout is written in at most eight digits, and never shorter than it is")
{
    struct row {
        const char* why;
        std::chrono::nanoseconds timeout;
        const char* text;
    };
    const row rows[] = {
        {"milliseconds are the usual unit", 5s, "5000m"},
        {"a part of one counts as one", 1500us, "2m"},
        {"nothing left is as short as can be", 0ns, "1m"},
        {"nor is less than nothing", -5s, "1m"},
        {"eight digits of milliseconds", 99'999'999ms, "99999999m"},
        {"seconds, when there are more, rounded up", 100'000'000ms + 1ns, "100001S"},
        {"the longest of all", std::chrono::nanoseconds::max(), "9223372037S"},
    };
    for (const row& r : rows) {
        if (std::string_view(r.text).size() <= 9)
            CHECK_MESSAGE(to_timeout_text(r.timeout) == r.text, r.why);
        const auto read = from_timeout_text(to_timeout_text(r.timeout));
        REQUIRE_MESSAGE(read, r.why);
        CHECK_MESSAGE(*read >= r.timeout, r.why);
    }
}

TEST_CASE("a timeout is read by the rules, or not at all")
{
    struct row {
        const char* why;
        const char* text;
        std::optional<std::chrono::nanoseconds> timeout;
    };
    const row rows[] = {
        {"hours", "1H", 1h},
        {"minutes", "2M", 2min},
        {"seconds", "3S", 3s},
        {"milliseconds", "4m", 4ms},
        {"microseconds", "5u", 5us},
        {"nanoseconds", "6n", 6ns},
        {"leading zeros are digits", "00000001S", 1s},
        {"none at all", "0m", 0ns},
        {"too long for a clock", "99999999H", std::chrono::nanoseconds::max()},
        {"nine digits", "123456789m", std::nullopt},
        {"no unit", "12", std::nullopt},
        {"no number", "m", std::nullopt},
        {"an unknown unit", "1x", std::nullopt},
        {"a sign", "-1m", std::nullopt},
        {"a fraction", "1.5S", std::nullopt},
        {"a space", "1 S", std::nullopt},
        {"nothing", "", std::nullopt},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(from_timeout_text(r.text) == r.timeout, r.why);
}

TEST_CASE("messages survive their way through a header")
{
    struct row {
        const char* why;
        std::string plain;
        const char* written;
    };
    const row rows[] = {
        {"printable text is itself", "not found: x", "not found: x"},
        {"the percent sign is not", "100%", "100%25"},
        {"lines and other languages", "a\nb \xc3\xa9", "a%0Ab %C3%A9"},
        {"a zero byte", std::string("\0", 1), "%00"},
    };
    for (const row& r : rows) {
        CHECK_MESSAGE(to_percent(r.plain) == r.written, r.why);
        CHECK_MESSAGE(from_percent(r.written) == r.plain, r.why);
    }
    CHECK(from_percent("50% of %zz, %4") == "50% of %zz, %4");
    CHECK(from_percent("%e2%82%ac") == "\xe2\x82\xac");
}

TEST_CASE("metadata that cannot be sent is named, without its value")
{
    struct row {
        const char* why;
        metadata_entry entry;
        bool good;
    };
    const row rows[] = {
        {"a usual one", {"temporal-namespace", "default"}, true},
        {"any byte under -bin", {"x-bin", std::string("\0\xff", 2)}, true},
        {"upper case", {"Authorization", "secret"}, false},
        {"no name", {"", "secret"}, false},
        {"a colon", {":path", "secret"}, false},
        {"a line break in a value", {"x", "secret\r\ny: z"}, false},
        {"not ASCII", {"x", "secret\xc3\xa9"}, false},
        {"spaces that would be lost", {"x", " secret"}, false},
        {"the protocol's own", {"grpc-timeout", "secret"}, false},
        {"and HTTP's", {"content-type", "secret"}, false},
    };
    for (const row& r : rows) {
        const auto problem = problem_of({r.entry});
        CHECK_MESSAGE(!problem == r.good, r.why);
        if (problem) {
            CHECK_MESSAGE(problem->find("secret") == std::string::npos, r.why);
            CHECK_MESSAGE(problem->find(r.entry.name) != std::string::npos, r.why);
        }
    }
}

TEST_CASE("every status has a name, and is one that may pass or one that does not")
{
    CHECK(to_string(status_code::unauthenticated) == "UNAUTHENTICATED");
    CHECK(to_status_code(16) == status_code::unauthenticated);
    CHECK(to_status_code(17) == status_code::unknown);
    using boost::system::error_code;
    CHECK(!error_code(status_code::ok));
    CHECK(error_code(status_code::not_found).message() == "NOT_FOUND");
    CHECK(error_code(status_code::resource_exhausted) == mayfly::condition::throttled);
    CHECK(error_code(status_code::unavailable) == mayfly::condition::transient);
    CHECK(error_code(status_code::invalid_argument) == mayfly::condition::permanent);
}

namespace {

std::string gzip(std::string_view plain, unsigned flags = 0)
{
    namespace zlib = boost::beast::zlib;
    zlib::deflate_stream deflater;
    zlib::z_params z;
    std::string body(deflater.upper_bound(plain.size()) + 64, '\0');
    z.next_in = plain.data();
    z.avail_in = plain.size();
    z.next_out = body.data();
    z.avail_out = body.size();
    boost::system::error_code ec;
    deflater.write(z, zlib::Flush::finish, ec);
    body.resize(z.total_out);

    std::string out("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
    out[3] = static_cast<char>(flags);
    if ((flags & 4U) != 0)
        out += std::string("\3\0abc", 5);
    if ((flags & 8U) != 0)
        out += std::string("name\0", 5);
    if ((flags & 16U) != 0)
        out += std::string("comment\0", 8);
    if ((flags & 2U) != 0)
        out += "hc";
    out += body;
    boost::crc_32_type crc;
    crc.process_bytes(plain.data(), plain.size());
    for (const std::uint32_t number :
        {static_cast<std::uint32_t>(crc.checksum()), static_cast<std::uint32_t>(plain.size())})
        for (unsigned shift = 0; shift < 32; shift += 8)
            out += static_cast<char>((number >> shift) & 255U);
    return out;
}

}  // namespace

TEST_CASE("gzip is inflated as far as the limit, and only if it is whole")
{
    {
        std::string small;
        CHECK(inflate_gzip(gzip(std::string(50'000'000, 'x')), 4 * 1024 * 1024, small) == gzip_verdict::too_large);
        CHECK(small.capacity() < 1000);
    }
    std::string out;
    for (const std::size_t n : {0U, 1U, 255U, 256U, 1000U, 100'000U}) {
        std::string plain;
        for (std::size_t i = 0; i < n; ++i)
            plain += static_cast<char>(i * i % 251);
        for (const unsigned flags : {0U, 2U, 4U, 8U, 16U, 30U}) {
            CHECK(inflate_gzip(gzip(plain, flags), n, out) == gzip_verdict::good);
            CHECK(out == plain);
        }
        if (n > 0)
            CHECK(inflate_gzip(gzip(plain), n - 1, out) == gzip_verdict::too_large);
    }

    const std::string bomb = gzip(std::string(50'000'000, 'x'));
    CHECK(bomb.size() < 60'000);
    CHECK(inflate_gzip(bomb, 4 * 1024 * 1024, out) == gzip_verdict::too_large);
    std::string liar = bomb;
    liar.replace(liar.size() - 4, 4, std::string("\x10\0\0\0", 4));
    CHECK(inflate_gzip(liar, 4 * 1024 * 1024, out) == gzip_verdict::bad);
    CHECK(out.size() == 17);

    const std::string good = gzip("hello hello hello hello");
    for (std::size_t n = 0; n < good.size(); ++n)
        CHECK(inflate_gzip(good.substr(0, n), 1000, out) != gzip_verdict::good);
    CHECK(inflate_gzip(good + 'x', 1000, out) != gzip_verdict::good);
    for (std::size_t tail = 1; tail <= 8; ++tail) {
        std::string wrong = good;
        wrong[wrong.size() - tail] = static_cast<char>(wrong[wrong.size() - tail] ^ 1);
        CHECK(inflate_gzip(wrong, 1000, out) != gzip_verdict::good);
    }
}

TEST_CASE("a guard lets a burst pass, and then its rate")
{
    flood_guard g(3, 2);
    const flood_guard::time_point t{1000s};
    CHECK(g.take(t));
    CHECK(g.take(t));
    CHECK(g.take(t));
    CHECK(!g.take(t));
    CHECK(g.take(t + 1s));
    CHECK(!g.take(t + 1s));
}
