// SPDX-License-Identifier: BSL-1.0
#include <mayfly/detail/json_read.hpp>
#include <mayfly/detail/json_write.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

using mayfly::detail::append_json_string;
using mayfly::detail::json_writer;
using mayfly::detail::read_json;

namespace {

std::string quoted(std::string_view s)
{
    std::string out;
    append_json_string(out, s);
    return out;
}

}  // namespace

TEST_CASE("strings are escaped and always UTF-8")
{
    using namespace std::string_view_literals;
    struct row {
        const char* why;
        std::string_view in;
        std::string_view out;
    };
    const row rows[] = {
        {"empty", "", R"("")"},
        {"plain", "abc", R"("abc")"},
        {"what JSON itself uses", R"(say "\")", R"("say \"\\\"")"},
        {"line ends and tabs have short forms", "a\nb\tc\r", R"("a\nb\tc\r")"},
        {"other control characters, a zero among them", "\0\x01\x1f\x7f"sv, R"("\u0000\u0001\u001f\u007f")"},
        {"two, three and four bytes pass", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x90\x9D",
            "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x90\x9D\""},
        {"a lone tail byte", "a\x80z", "\"a\xEF\xBF\xBDz\""},
        {"a sequence cut short", "\xE2\x82", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"an overlong slash", "\xC0\xAF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"an overlong form of three", "\xE0\x9F\xBF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"a surrogate", "\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"beyond the last code point", "\xF4\x90\x80\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"no such first byte", "\xFF", "\"\xEF\xBF\xBD\""},
        {"a quote after a broken byte still ends nothing", "\xC3\"", "\"\xEF\xBF\xBD\\\"\""},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(quoted(r.in) == r.out, r.why);
}

TEST_CASE("values, nested, with commas where they belong")
{
    std::string out;
    json_writer w(out);
    w.begin_object()
        .member("text", "x")
        .member("view", std::string_view{"y"})
        .member("string", std::string{"z"})
        .member("yes", true)
        .member("nothing", nullptr)
        .member("small", std::int8_t{-5})
        .member("big", std::numeric_limits<std::uint64_t>::max());
    w.key("list").begin_array().value(1).value(2).begin_object().end_object().begin_array().end_array().end_array();
    w.key("as is").raw("[0]");
    w.member("last", false).end_object();
    CHECK(out == R"({"text":"x","view":"y","string":"z","yes":true,"nothing":null,"small":-5,)"
                 R"("big":18446744073709551615,"list":[1,2,{},[]],"as is":[0],"last":false})");
    CHECK(read_json(out).error == "");
}

TEST_CASE("numbers read back as they were")
{
    const std::vector<double> numbers{0, -0.0, 0.1, 1.0 / 3, 1e300, 5e-324, 123456789.125,
        std::numeric_limits<double>::max(), std::numeric_limits<double>::lowest()};
    for (double d : numbers) {
        std::string out;
        json_writer(out).value(d);
        CHECK(read_json(out).root.number == d);
        CHECK(read_json(out).error == "");
    }
    std::string out;
    json_writer(out).value(0.1);
    CHECK(out == "0.1");
}

TEST_CASE("JSON has no NaN and no infinity")
{
    std::string out;
    json_writer(out)
        .begin_array()
        .value(std::numeric_limits<double>::quiet_NaN())
        .value(std::numeric_limits<double>::infinity())
        .end_array();
    CHECK(out == "[null,null]");
}
