// SPDX-License-Identifier: BSL-1.0
#include <mayfly/detail/json_read.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

using mayfly::detail::json_value;
using mayfly::detail::read_json;

TEST_CASE("json: reads every kind of value, and says where it stood")
{
    const auto doc = read_json("{\"a\": [1, -2.5e1, true, false, null],\n \"b\": {\"c\": \"x\"}}");
    REQUIRE(doc);
    const json_value& a = *doc.root.find("a");
    REQUIRE(a.items.size() == 5);
    CHECK(a.items[0].as<int>() == 1);
    CHECK(a.items[1].number == -25);
    CHECK(a.items[2].boolean);
    CHECK_FALSE(a.items[3].boolean);
    CHECK(a.items[4].is_null());
    const json_value& b = *doc.root.find("b");
    CHECK(b.line == 2);
    CHECK(b.column == 7);
    CHECK(b.find("c")->text == "x");
    CHECK(b.find("d") == nullptr);
}

TEST_CASE("json: integers stay exact where a double is not")
{
    CHECK(read_json("18446744073709551615").root.as<std::uint64_t>() == UINT64_MAX);
    CHECK_FALSE(read_json("18446744073709551616").root.as<std::uint64_t>());
    CHECK_FALSE(read_json("-1").root.as<std::uint64_t>());
    CHECK_FALSE(read_json("1.5").root.as<int>());
    CHECK_FALSE(read_json("\"1\"").root.as<int>());
}

TEST_CASE("json: strings")
{
    struct row {
        const char* why;
        const char* text;
        const char* content;
    };
    const row rows[] = {
        {"every short escape", R"("\"\\\/\b\f\n\r\t")", "\"\\/\b\f\n\r\t"},
        {"one, two and three bytes", R"("\u0041\u00e4\u20ac")", "A\xC3\xA4\xE2\x82\xAC"},
        {"a surrogate pair", R"("\ud83d\ude00")", "\xF0\x9F\x98\x80"},
    };
    for (const row& r : rows) {
        const auto doc = read_json(r.text);
        REQUIRE_MESSAGE(doc, r.why << ": " << doc.error);
        CHECK_MESSAGE(doc.root.text == r.content, r.why);
    }
}

TEST_CASE("json: what is not JSON is refused, with its place")
{
    struct row {
        const char* why;
        std::string text;
        const char* error;
    };
    const row rows[] = {
        {"nothing at all", "", "line 1, column 1: a value was expected"},
        {"two values", "1 2", "line 1, column 3: nothing may follow the value"},
        {"a comma too many", "[1,]", "line 1, column 4: a value was expected"},
        {"a comma too few", "[1 2]", "line 1, column 4: ',' or ']' was expected"},
        {"an object without colon", "{\"a\" 1}", "line 1, column 6: ':' was expected"},
        {"an object that does not end", "{\"a\": 1", "line 1, column 8: ',' or '}' was expected"},
        {"a name without quotes", "{a: 1}", "line 1, column 2: a name in quotes was expected"},
        {"the same name twice", "{\"a\": 1, \"a\": 2}", "line 1, column 17: the name \"a\" comes twice in this object"},
        {"a leading zero", "01", "line 1, column 2: nothing may follow the value"},
        {"a plus", "+1", "line 1, column 1: a value was expected"},
        {"no digit behind the point", "1.", "line 1, column 3: a digit was expected"},
        {"no digit in the exponent", "1e", "line 1, column 3: a digit was expected"},
        {"not a number in JSON", "NaN", "line 1, column 1: a value was expected"},
        {"half a word", "tru", "line 1, column 1: a value was expected"},
        {"too large for a double", "[\n1e999]", "line 2, column 6: the number is out of range"},
        {"an open string", "\"abc", "line 1, column 5: the string does not end"},
        {"a bare line end in a string", "\"a\nb\"",
            "line 1, column 3: a control character in a string must be escaped"},
        {"an unknown escape", R"("\q")", "line 1, column 3: no such escape"},
        {"half a surrogate pair", R"("\ud83dx")", "line 1, column 8: half of a surrogate pair"},
        {"the other half", R"("\ude00")", "line 1, column 8: half of a surrogate pair"},
        {"three hex digits", R"("\u12")", "line 1, column 4: four hexadecimal digits were expected"},
        {"deep enough to hurt a stack", std::string(100000, '['), "line 1, column 33: nested too deeply"},
    };
    for (const row& r : rows) {
        const auto doc = read_json(r.text);
        CHECK_MESSAGE(!doc, r.why);
        CHECK_MESSAGE(doc.error == r.error, r.why << ": " << doc.error);
    }
}
