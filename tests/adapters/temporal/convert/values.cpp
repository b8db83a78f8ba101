// SPDX-License-Identifier: BSL-1.0
#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/data_converter.hpp>

#include <doctest/doctest.h>

#include <boost/describe.hpp>
#include <boost/json.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

using namespace mayfly::temporal;
using namespace std::chrono_literals;
using std::string;

namespace shop {

enum class size { small, large };
BOOST_DESCRIBE_ENUM(size, small, large)

enum colour { red = 1, green = 2 };
BOOST_DESCRIBE_ENUM(colour, red, green)

enum class level : std::uint8_t {};

struct base {
    std::int64_t id = 7;
    bool operator==(const base&) const = default;
};
BOOST_DESCRIBE_STRUCT(base, (), (id))

struct item : base {
    string name{};
    std::optional<double> price{};
    bool operator==(const item&) const = default;
};
BOOST_DESCRIBE_STRUCT(item, (base), (name, price))

struct order {
    std::vector<item> items{};
    size packed = size::small;
    std::map<string, std::vector<int>> tags{};
    bool operator==(const order&) const = default;
};
BOOST_DESCRIBE_STRUCT(order, (), (items, packed, tags))

struct tree {
    std::vector<tree> children{};
    bool operator==(const tree&) const = default;
};
BOOST_DESCRIBE_STRUCT(tree, (), (children))

class hidden {
public:
    hidden() = default;
    explicit hidden(int v) : value_(v) {}
    bool operator==(const hidden&) const = default;

private:
    int value_ = 0;
    BOOST_DESCRIBE_CLASS(hidden, (), (), (), (value_))
};

/// Has its own way, and no default constructor.
struct money {
    explicit money(int c) : cents(c) {}
    int cents;
    bool operator==(const money&) const = default;
};
void tag_invoke(boost::json::value_from_tag, boost::json::value& json, const money& m)
{
    if (m.cents < 0)
        throw std::domain_error("no debts");
    json = std::to_string(m.cents) + " ct";
}
money tag_invoke(boost::json::value_to_tag<money>, const boost::json::value& json)
{
    return money(std::stoi(string(json.as_string())));
}

struct grade {
    char letter = 'A';
    bool operator==(const grade&) const = default;
};
void tag_invoke(boost::json::value_from_tag, boost::json::value& json, const grade& g)
{
    json = string(1, g.letter);
}
boost::json::result<grade> tag_invoke(boost::json::try_value_to_tag<grade>, const boost::json::value& json)
{
    if (!json.is_string() || json.get_string().size() != 1)
        return make_error_code(boost::json::error::not_string);
    return grade{json.get_string().front()};
}

}  // namespace shop

namespace {

using bytes = std::vector<std::byte>;

api::common::Payload payload(std::string_view encoding, std::string_view data, std::string_view type = {})
{
    api::common::Payload p;
    if (!encoding.empty())
        (*p.mutable_metadata())["encoding"] = string(encoding);
    if (!type.empty())
        (*p.mutable_metadata())["messageType"] = string(type);
    p.set_data(string(data));
    return p;
}

string encoding_of(const api::common::Payload& p)
{
    return p.metadata().at("encoding");
}

template <class T>
string json_of(const T& v)
{
    const auto p = data_converter{}.to_payload(v);
    if (!p)
        return p.error().message;
    CHECK(encoding_of(*p) == "json/plain");
    return p->data();
}

template <class T>
converted<T> read(std::string_view json)
{
    return data_converter{}.from_payload<T>(payload("json/plain", json));
}

template <class T>
string refusal(std::string_view json)
{
    const auto v = read<T>(json);
    return v ? "accepted" : v.error().message;
}

/// It is that text, and the text is it.
template <class T>
void both_ways(const char* why, const T& v, std::string_view json)
{
    CAPTURE(why);
    CHECK(json_of(v) == json);
    const auto back = read<T>(json);
    REQUIRE_MESSAGE(back.has_value(), (back ? "" : back.error().message));
    CHECK((*back == v));
}

}  // namespace

TEST_CASE("each value has its encoding, in the official order")
{
    const data_converter c;
    CHECK(encoding_of(*c.to_payload(nullptr)) == "binary/null");
    CHECK(encoding_of(*c.to_payload(std::monostate{})) == "binary/null");
    CHECK(encoding_of(*c.to_payload(std::nullopt)) == "binary/null");
    CHECK(encoding_of(*c.to_payload(std::optional<string>{})) == "binary/null");
    CHECK(encoding_of(*c.to_payload(std::unique_ptr<int>{})) == "binary/null");
    CHECK(encoding_of(*c.to_payload(boost::json::value{})) == "binary/null");
    CHECK_FALSE(c.to_payload(nullptr)->has_data());

    const bytes raw{std::byte{0}, std::byte{255}};
    CHECK(encoding_of(*c.to_payload(raw)) == "binary/plain");
    CHECK(c.to_payload(raw)->data() == string("\0\xFF", 2));
    CHECK(c.to_payload(std::span<const std::byte>(raw))->data().size() == 2);
    CHECK(encoding_of(*c.to_payload(std::vector<std::uint8_t>{})) == "binary/plain");
    CHECK(encoding_of(*c.to_payload(std::optional(raw))) == "binary/plain");
    CHECK(encoding_of(*c.to_payload(std::variant<string, bytes>(raw))) == "binary/plain");

    api::common::WorkflowType message;
    message.set_name("n");
    const auto p = c.to_payload(message);
    CHECK(encoding_of(*p) == "binary/protobuf");
    CHECK(p->metadata().at("messageType") == "temporal.api.common.v1.WorkflowType");
    CHECK(c.from_payload<api::common::WorkflowType>(*p)->name() == "n");
    CHECK(c.from_payload<std::unique_ptr<api::common::WorkflowType>>(*p).value()->name() == "n");
    CHECK(c.to_payload(wire::Duration{})->metadata().at("messageType") == "google.protobuf.Duration");
    CHECK(c.to_payload(api::name_space::NamespaceInfo{})->metadata().at("messageType") ==
          "temporal.api.namespace.v1.NamespaceInfo");

    CHECK(encoding_of(*c.to_payload("text")) == "json/plain");
    CHECK(c.to_payload(raw_payload{payload("odd", "x")})->data() == "x");
    CHECK(c.from_payload<raw_payload>(payload("odd", "x"))->payload.data() == "x");
}

TEST_CASE("reading goes by the metadata")
{
    const data_converter c;
    CHECK(c.from_payload<std::optional<int>>(payload("binary/null", "")).value() == std::nullopt);
    CHECK(c.from_payload<boost::json::value>(payload("binary/null", ""))->is_null());
    CHECK(c.from_payload<std::variant<string, std::monostate>>(payload("binary/null", ""))->index() == 1);
    CHECK(c.from_payload<std::shared_ptr<int>>(payload("binary/null", "")).value() == nullptr);
    CHECK(c.from_payload<void>(payload("anything", "")).has_value());
    CHECK(c.from_payload<bytes>(payload("binary/plain", "abc"))->size() == 3);
    CHECK(c.from_payload<std::optional<bytes>>(payload("binary/plain", "abc")).value()->size() == 3);
    CHECK(c.from_payload<std::variant<int, bytes>>(payload("binary/plain", "abc"))->index() == 1);
    CHECK(c.from_payload<std::array<unsigned char, 3>>(payload("binary/plain", "abc")).value()[2] == 'c');
    CHECK(c.from_payload<boost::json::value>(payload("json/protobuf", R"({"a":1})", "x.Y"))->is_object());
    CHECK(c.from_payload<wire::Duration>(payload("json/protobuf", R"("-1.5s")", "google.protobuf.Duration"))->nanos() ==
          -500'000'000);
    CHECK(c.from_payload<wire::Timestamp>(
               payload("json/protobuf", R"("1970-01-01T00:00:01Z")", "google.protobuf.Timestamp"))
              ->seconds() == 1);

    struct row {
        const char* why;
        string says;
        std::string_view expected;
    };
    api::common::Payload elsewhere = payload("json/plain", "1");
    elsewhere.add_external_payloads();
    const auto message = [&](const api::common::Payload& p) {
        return c.from_payload<api::common::WorkflowType>(p).error().message;
    };
    const auto text = [&](const api::common::Payload& p) { return c.from_payload<string>(p).error().message; };
    const row rows[] = {
        {"none", text(payload("", "1")), "the payload's metadata does not say its encoding"},
        {"unknown", text(payload("binary/encrypted", "")), "encoding \"binary/encrypted\" is not known here"},
        {"offloaded", text(elsewhere), "kept elsewhere"},
        {"null for text", text(payload("binary/null", "")), "binary/null: $: expected a string, found null"},
        {"bytes for text", text(payload("binary/plain", "")), "binary/plain: found bytes"},
        {"a message for text", text(payload("binary/protobuf", "", "x.Y")), "binary/protobuf: found a message"},
        {"another message", message(payload("binary/protobuf", "", "x.Y")),
            "expected a temporal.api.common.v1.WorkflowType"},
        {"no message", message(payload("binary/protobuf", "\xFF", "temporal.api.common.v1.WorkflowType")),
            "the data is no temporal.api.common.v1.WorkflowType"},
        {"the lite library", message(payload("json/protobuf", "{}", "temporal.api.common.v1.WorkflowType")),
            "protobuf's lite library cannot"},
        {"too few", c.from_payload<std::array<std::byte, 4>>(payload("binary/plain", "abc")).error().message,
            "another number of bytes"},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(r.says.find(r.expected) != string::npos, r.why << ": " << r.says);
}

TEST_CASE("JSON of everything")
{
    both_ways("", true, "true");
    both_ways("64 bits are exact", std::numeric_limits<std::int64_t>::min(), "-9223372036854775808");
    both_ways("", std::numeric_limits<std::uint64_t>::max(), "18446744073709551615");
    both_ways("a double stays one elsewhere", 1.0, "1.0");
    both_ways("", -0.1, "-0.1");
    both_ways("no unit in the last place off", 9007199254740993.5e-3, "9007199254740.994");
    both_ways("", std::numeric_limits<double>::denorm_min(), "5e-324");
    both_ways("above the largest, read as a double", std::numeric_limits<float>::max(), "3.4028235e+38");
    both_ways("", string("\xC3\xA4\"\n\0", 5), "\"\xC3\xA4\\\"\\n\\u0000\"");
    both_ways("", std::optional<int>(3), "3");
    both_ways("", std::vector<std::optional<bool>>{true, std::nullopt}, "[true,null]");
    both_ways("", std::vector<bool>{true, false}, "[true,false]");
    both_ways("", std::array<int, 2>{1, 2}, "[1,2]");
    both_ways("", std::deque<string>{"a"}, R"(["a"])");
    both_ways("", std::set<int>{2, 1}, "[1,2]");
    both_ways("", std::pair<int, string>{1, "a"}, R"([1,"a"])");
    both_ways("", std::tuple<>{}, "[]");
    both_ways("", std::map<string, int>{{"a", 1}, {"b", 2}}, R"({"a":1,"b":2})");
    both_ways("as text, as elsewhere", std::map<int, int>{{-1, 1}}, R"({"-1":1})");
    both_ways("", std::unordered_map<shop::size, int>{{shop::size::large, 1}}, R"({"large":1})");
    both_ways("", std::map<std::pair<int, int>, bool>{{{1, 2}, true}}, "[[[1,2],true]]");
    both_ways("", std::variant<int, string, shop::item>(string("x")), R"("x")");
    both_ways("", shop::size::large, R"("large")");
    both_ways("a number in between", shop::size{9}, "9");
    both_ways("", shop::level{200}, "200");
    both_ways("bases first", shop::item{{1}, "x", std::nullopt}, R"({"id":1,"name":"x","price":null})");
    both_ways("", shop::order{{shop::item{}}, shop::size::large, {{"t", {1}}}},
        R"({"items":[{"id":7,"name":"","price":null}],"packed":"large","tags":{"t":[1]}})");
    both_ways("described private members too", shop::hidden(3), R"({"value_":3})");
    both_ways("its own way", shop::money(250), R"("250 ct")");
    both_ways("", std::vector<shop::grade>{{'B'}}, R"(["B"])");
    both_ways("bytes within", std::pair<int, bytes>{1, bytes(4, std::byte{0xFB})}, R"([1,"+/v7+w=="])");
    both_ways("", boost::json::value{{"a", {1, 2.5, nullptr}}, {"b", "c"}}, R"({"a":[1,2.5,null],"b":"c"})");

    both_ways("seconds", 90s, "90");
    both_ways("", -1500ms, "-1.5");
    both_ways("", -250ms, "-0.25");
    both_ways("", 1ns, "0.000000001");
    both_ways("", 2h, "7200");
    both_ways("", std::chrono::duration<double>(0.5), "0.5");
    using std::chrono::sys_days;
    const std::chrono::system_clock::time_point day = sys_days{std::chrono::year{2026} / 1 / 31};
    both_ways("", day, R"("2026-01-31T00:00:00Z")");
    both_ways("", day + 9h + 250ms, R"("2026-01-31T09:00:00.250Z")");
    both_ways("", day + 1ns, R"("2026-01-31T00:00:00.000000001Z")");
    both_ways("before 1970", std::chrono::system_clock::time_point(-1ns), R"("1969-12-31T23:59:59.999999999Z")");

    CHECK(json_of(std::string_view("v")) == R"("v")");
    CHECK(json_of(std::make_shared<int>(1)) == "1");
}

TEST_CASE("what others write is read as well")
{
    CHECK(read<int>(" 3.0 ").value() == 3);
    CHECK(read<double>("3").value() == 3);
    CHECK(read<shop::size>("1").value() == shop::size::large);
    CHECK(read<shop::colour>("2").value() == shop::green);
    CHECK(read<string>(R"("\ud83e\udd8b")").value() == "\xF0\x9F\xA6\x8B");
    CHECK(read<int>("\t1\r\n").value() == 1);
    CHECK(read<shop::item>(R"({"surplus":[1],"name":"x"})").value() == shop::item{{7}, "x", {}});
    CHECK(read<std::map<string, int>>(R"({"a":1,"a":2})").value().at("a") == 2);
    CHECK(read<std::chrono::milliseconds>("0.0014").value() == 1ms);
    CHECK(read<std::chrono::milliseconds>("0.3").value() == 300ms);

    struct row {
        std::string_view text;
        std::chrono::nanoseconds is;
    };
    const row durations[] = {{"1.5s", 1500ms}, {"-1.5s", -1500ms}, {"PT1H30M", 90min}, {"P1DT0.5S", 24h + 500ms},
        {"1h2m3.5s", 1h + 2min + 3500ms}, {"2ms", 2ms}, {"1.5us", 1500ns}, {"7ns", 7ns}, {"P2W", 24h * 14},
        {"0.0000000019s", 1ns}, {"PT1.5H", 90min}};
    for (const row& r : durations)
        CHECK_MESSAGE(read<std::chrono::nanoseconds>('"' + string(r.text) + '"').value() == r.is, r.text);
    for (const char* const text :
        {"", "s", "1", "P", "PT", "1x", "1s2", "--1s", "-", "P1S", "9223372036854775808s", "99999999999h", "1.s", "s1"})
        CHECK_MESSAGE(!read<std::chrono::nanoseconds>('"' + string(text) + '"'), text);

    using time = std::chrono::system_clock::time_point;
    const time noon = std::chrono::sys_days{std::chrono::year{2026} / 2 / 28} + 12h;
    for (const char* const text : {"2026-02-28T12:00:00Z", "2026-02-28T12:00:00", "2026-02-28 12:00:00.000z",
             "2026-02-28T14:30:00+02:30", "2026-02-28T02:00:00-1000", "2026-02-28T12:00:00.0000000000009Z"})
        CHECK_MESSAGE(read<time>('"' + string(text) + '"').value() == noon, text);
    for (const char* const text : {"", "2026-02-29T12:00:00Z", "2026-02-28", "2026-02-28T24:00:00Z",
             "2026-02-28T12:00:00.Z", "2026-02-28T12:00:00+1", "2026-02-28T12:00:00ZZ", "9999-01-01T00:00:00Z",
             "+026-02-28T12:00:00Z", "2026-13-01T00:00:00Z"})
        CHECK_MESSAGE(!read<time>('"' + string(text) + '"'), text);
}

TEST_CASE("what does not fit says where, and shows nothing")
{
    struct row {
        const char* why;
        string says;
        std::string_view expected;
    };
    constexpr auto inf = std::numeric_limits<double>::infinity();
    const row rows[] = {
        {"the path", refusal<shop::order>(R"({"items":[{},{"name":3}]})"),
            "json/plain: $.items[1].name: expected a string, found a number"},
        {"an odd key", refusal<std::map<string, int>>(R"({"a b":"c"})"),
            "$[\"a b\"]: expected an integer, found a str"},
        {"too large", refusal<std::int32_t>("2147483648"), "out of range for this integer"},
        {"too large for all", refusal<std::uint64_t>("18446744073709551616"), "out of range for this integer"},
        {"negative", refusal<unsigned>("-1"), "out of range"},
        {"a fraction", refusal<int>("1.5"), "expected an integer, found a fraction"},
        {"too large for a double", refusal<double>("1e999"), "not JSON"},
        {"too large for a float", refusal<float>("3.4028236e38"), "out of range"},
        {"no name", refusal<shop::size>(R"("huge-SECRET")"), "expected one of small, large, found another name"},
        {"no value of it", refusal<shop::colour>("4"), "none of the enumerators"},
        {"too few", refusal<std::pair<int, int>>("[1]"), "expected an array of 2, found another length"},
        {"an array's length", refusal<std::array<int, 2>>("[1,2,3]"), "expected an array of 2"},
        {"no alternative", refusal<std::variant<int, bool>>(R"("SECRET")"),
            "$: expected one of 2 alternatives, found a"},
        {"a key", refusal<std::map<int, int>>(R"({"1x":1})"), "the key does not fit"},
        {"half a text", refusal<int>("{"), "json/plain: not JSON, incomplete JSON at byte 1"},
        {"more than one", refusal<int>("1 2"), "not JSON, extra data at byte 2"},
        {"no text", refusal<int>(""), "not JSON"},
        {"NaN of others", refusal<double>("NaN"), "not JSON"},
        {"no UTF-8", refusal<string>("\"\xFF\""), "not JSON"},
        {"half a surrogate pair", refusal<string>(R"("\ud800")"), "not JSON"},
        {"deep", refusal<boost::json::value>(string(201, '[') + string(201, ']')), "nested more than 200 levels deep"},
        {"its own way", refusal<shop::grade>("3"), "its tag_invoke failed"},
        {"its own way, thrown", refusal<shop::money>(R"("x")"), "its tag_invoke failed"},
        {"base64", refusal<std::pair<int, bytes>>(R"([1,"a"])"), "$[1]: expected bytes in base64"},
        {"NaN", json_of(std::map<string, double>{{"x", inf - inf}}), "json/plain: $.x: JSON has no NaN"},
        {"infinity", json_of(inf), "JSON has no NaN and no infinity"},
        {"written, no UTF-8", json_of(std::vector<string>{"a", "\xC3"}), "$[1]: the text is not UTF-8"},
        {"written in its own way", json_of(shop::money(-1)), "no debts"},
        {"the year", json_of(std::chrono::sys_seconds(400'000'000'000s)), "the year is not between"},
    };
    for (const row& r : rows) {
        CHECK_MESSAGE(r.says.find(r.expected) != string::npos, r.why << ": " << r.says);
        CHECK_MESSAGE(r.says.find("SECRET") == string::npos, r.why);
    }

    shop::tree deep;
    for (int i = 0; i < 110; ++i) {
        shop::tree up;
        up.children.push_back(std::move(deep));
        deep = std::move(up);
    }
    CHECK(json_of(deep).find("nested too deeply") != string::npos);
}

namespace shop {

struct knot;
using knots = std::vector<knot>;
struct knot {
    std::variant<std::vector<knot>, std::list<knot>> held{};
};
BOOST_DESCRIBE_STRUCT(knot, (), (held))

}  // namespace shop

TEST_CASE("alternatives within alternatives end")
{
    string text = "true";
    for (int i = 0; i < 60; ++i)
        text = R"([{"held":)" + text + "}]";
    CHECK(refusal<shop::knots>(text).find("$[0].held: too many alternatives were tried") != string::npos);
}

namespace shop {

struct keeper {
    boost::json::value kept{};
};
keeper tag_invoke(boost::json::value_to_tag<keeper>, const boost::json::value& json)
{
    return {json.at("kept")};
}

}  // namespace shop

TEST_CASE("what is kept of the JSON outlives it")
{
    const string text = R"({"kept":["a string that is too long to be stored in place",{"x":[1,2,3]}]})";
    const auto kept = read<shop::keeper>(text).value();
    const auto within = read<std::vector<boost::json::value>>('[' + text + ']').value();
    const auto object = read<boost::json::object>(text).value();
    const auto all = read<boost::json::value>(text).value();
    CHECK(kept.kept == all.at("kept"));
    CHECK(within.front() == all);
    CHECK(object == all);
    CHECK(json_of(kept.kept).size() == text.size() - 9);
}

TEST_CASE("arguments")
{
    const data_converter c;
    const auto three = *c.to_payloads(1, "two", nullptr);
    REQUIRE(three.payloads_size() == 3);
    CHECK(c.from_payloads<int, string, std::optional<int>>(three).value() ==
          std::tuple(1, string("two"), std::optional<int>()));
    CHECK_MESSAGE(c.from_payloads<int>(three).value() == std::tuple(1), "surplus");
    CHECK_MESSAGE((c.from_payloads<int, string>(*c.to_payloads(5)).value() == std::tuple(5, string())), "missing");
    CHECK(c.to_payloads()->payloads_size() == 0);
    CHECK(c.from_payloads<>(three).has_value());
    CHECK(c.from_payloads<int, int>(three).error().message ==
          "argument 2: json/plain: $: expected an integer, found a string");
    CHECK(c.from_payloads<shop::money>(api::common::Payloads{}).error().message == "argument 1: it is missing");
    CHECK(c.to_payloads(1, std::numeric_limits<double>::quiet_NaN()).error().message.starts_with("argument 2: "));
    CHECK_THROWS_WITH_AS(c.from_payloads<bool>(three).value(),
        "argument 1: json/plain: $: expected a boolean, found a number", bad_conversion);
}

namespace {

/// Puts the payload into another one, with its name in front.
class wrapping : public payload_codec {
public:
    explicit wrapping(string name) : name_(std::move(name)) {}

    converted<api::common::Payload> encode(api::common::Payload p) const override
    {
        if (p.data() == "\"refuse\"")
            return conversion_error{"not this one"};
        if (p.data() == "\"throw\"")
            throw std::runtime_error("SECRET");
        return payload("wrapped/" + name_, p.SerializeAsString());
    }
    converted<api::common::Payload> decode(api::common::Payload p) const override
    {
        if (encoding_of(p) != "wrapped/" + name_)
            return p;
        api::common::Payload inner;
        if (!inner.ParseFromString(p.data()))
            return conversion_error{"torn"};
        return inner;
    }

private:
    string name_;
};

}  // namespace

TEST_CASE("codecs")
{
    const data_converter c({std::make_shared<wrapping>("outer"), std::make_shared<wrapping>("inner")});
    const auto p = *c.to_payload(5);
    CHECK_MESSAGE(encoding_of(p) == "wrapped/outer", "the first one is applied last");
    api::common::Payload inner;
    REQUIRE(inner.ParseFromString(p.data()));
    CHECK(encoding_of(inner) == "wrapped/inner");
    CHECK(c.from_payload<int>(p).value() == 5);
    CHECK_MESSAGE(c.from_payload<int>(*data_converter{}.to_payload(6)).value() == 6, "what was not encoded");
    CHECK(c.from_payloads<int, string>(*c.to_payloads(1, "a")).value() == std::tuple(1, string("a")));
    CHECK(encoding_of(*c.to_payload(raw_payload{payload("odd", "x")})) == "wrapped/outer");
    CHECK(data_converter{}.from_payload<int>(p).error().message.find("a codec that is missing") != string::npos);

    CHECK(c.to_payload("refuse").error().message == "the payload codec could not encode: not this one");
    CHECK(c.to_payload("throw").error().message == "the payload codec could not encode: it threw an exception");
    CHECK(c.from_payload<int>(payload("wrapped/outer", "\xFF")).error().message ==
          "the payload codec could not decode: torn");
}
