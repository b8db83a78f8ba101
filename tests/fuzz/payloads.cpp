// SPDX-License-Identifier: BSL-1.0
#include "bytes.hpp"

#include <mayfly/temporal/failure_converter.hpp>

#include <boost/describe.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

// Payloads and failures from outside: any bytes under any encoding, read as types of all kinds.

using namespace mayfly::temporal;

namespace {

using payload = ::temporal::api::common::v1::Payload;
using failure = ::temporal::api::failure::v1::Failure;

enum class size { small, large };
BOOST_DESCRIBE_ENUM(size, small, large)

struct knot {
    std::variant<std::int64_t, std::string, std::vector<knot>, std::list<knot>> held{};
    std::unique_ptr<knot> next{};
};
BOOST_DESCRIBE_STRUCT(knot, (), (held, next))

struct order {
    std::string name{};
    std::optional<double> price{};
    std::map<int, std::vector<bool>> flags{};
    std::map<std::pair<int, bool>, float> pairs{};
    std::chrono::system_clock::time_point at{};
    std::chrono::milliseconds wait{};
    std::vector<std::byte> raw{};
    std::tuple<size, std::uint64_t> last{};
    knot tied{};
};
BOOST_DESCRIBE_STRUCT(order, (), (name, price, flags, pairs, at, wait, raw, last, tied))

constexpr std::array<std::string_view, 7> encodings{
    "json/plain", "binary/null", "binary/plain", "json/protobuf", "binary/protobuf", "binary/SECRET", ""};
constexpr std::string_view marker = "SECRETMARKER";

/// Reverses what it is given; only that may be decoded.
class reversing : public payload_codec {
public:
    converted<payload> encode(payload p) const override
    {
        std::string data = p.SerializeAsString();
        payload out;
        (*out.mutable_metadata())["encoding"] = "binary/reversed";
        out.set_data({data.rbegin(), data.rend()});
        return out;
    }
    converted<payload> decode(payload p) const override
    {
        if (detail::metadata(p, "encoding") != "binary/reversed")
            return p;
        payload out;
        if (!out.ParseFromString({p.data().rbegin(), p.data().rend()}))
            return conversion_error{"it is no payload"};
        return out;
    }
};

void check_error(const payload& p, const conversion_error& why)
{
    const std::string& said = why.message;
    const std::string_view encoding = detail::metadata(p, "encoding");
    const bool known = std::find(encodings.begin(), encodings.begin() + 5, encoding) != encodings.begin() + 5;
    MUST("an error names the encoding",
        fuzz::planted() == 1 ? said.starts_with("json")
                             : (known && p.external_payloads_size() == 0 ? said.starts_with(encoding)
                                                                         : said.starts_with("the payload")));
    MUST("an error is one line", said.find('\n') == said.npos && said.size() < 4096);
    MUST("an error is UTF-8", mayfly::detail::is_utf8(said) && (fuzz::planted() != 6 || said.find('$') == said.npos));
}

/// What was read is written and read again, and written again: both texts are the same.
template <class T>
void check(const payload& p)
{
    const data_converter plain;
    const auto value = plain.from_payload<T>(p);
    if (!value) {
        check_error(p, value.error());
        return;
    }
    const auto once = plain.to_payload(*value);
    MUST("what was read can be written", once);
    auto again = plain.from_payload<T>(*once);
    MUST("what was written can be read", again && fuzz::planted() != 2);
    const auto twice = plain.to_payload(*again);
    MUST("what comes back is the same", twice && twice->data() == (fuzz::planted() == 3 ? p : *once).data());
    MUST("JSON is written for JSON",
        detail::metadata(*once, "encoding") != "json/plain" || plain.from_payload<boost::json::value>(*once));

    static const data_converter coded({std::make_shared<reversing>(), std::make_shared<reversing>()});
    const auto hidden = coded.to_payload(*value);
    MUST("a codec's own encoding", hidden && detail::metadata(*hidden, "encoding") == "binary/reversed");
    const auto shown = coded.from_payload<raw_payload>(*hidden);
    MUST("a codec changes nothing", shown && shown->payload.data() == once->data() && fuzz::planted() != 4);
}

void check_all(const payload& p)
{
    check<boost::json::value>(p);
    check<order>(p);
    check<knot>(p);
    check<std::string>(p);
    check<std::int32_t>(p);
    check<std::uint64_t>(p);
    check<double>(p);
    check<std::optional<std::vector<std::byte>>>(p);
    check<std::variant<bool, std::set<std::string>, std::vector<std::uint8_t>>>(p);
    check<std::chrono::nanoseconds>(p);
    check<std::chrono::system_clock::time_point>(p);
    check<std::map<std::string, std::chrono::hours>>(p);
    check<wire::Timestamp>(p);
    check<::temporal::api::common::v1::WorkflowExecution>(p);
    // Its values may stand nowhere.
    const auto refused = data_converter{}.from_payload<std::map<std::string, size>>(p);
    if (!refused && p.data().find('{') == std::string::npos)
        MUST("no value in an error", refused.error().message.find(marker) == std::string::npos);
}

/// JSON from the input, more often sound than not.
std::string json(fuzz::bytes& in, int depth)
{
    constexpr std::array<std::string_view, 24> leaves{"null", "true", "1", "-0.0", "18446744073709551615", "1e-330",
        "\"SECRETMARKER\"", "\"2026-01-31T09:30:00.5Z\"", "\"PT1H0.5S\"", "\"large\"", "\"AAEC\"", "1.5",
        "9223372036854775808", "-9223372036854775808", "0.1", "\"\\u0000\\ud83e\\udd8b\"", "\"\"", "1e308", "[1,true]",
        "\"1m1ns\"", "3.0", "-1", "1e999", "{}"};
    constexpr std::array<std::string_view, 12> names{
        "name", "price", "flags", "pairs", "at", "wait", "raw", "last", "tied", "held", "next", "1"};
    const std::uint8_t kind = in.byte();
    if (in.empty() || depth == 0 || kind % 4 < 2)
        return std::string(leaves[in.below(leaves.size())]);
    std::string out(1, kind % 4 == 2 ? '[' : '{');
    for (std::uint32_t i = 0, n = in.below(5); i < n; ++i) {
        if (i != 0)
            out += ',';
        if (kind % 4 == 3)
            out.append("\"").append(names[in.below(names.size())]).append("\":");
        out += json(in, depth - 1);
    }
    return out += kind % 4 == 2 ? ']' : '}';
}

void check_failure(const std::string& data)
{
    failure f;
    if (!f.ParseFromString(data))
        return;
    static const data_converter coded({std::make_shared<reversing>()});
    const std::exception_ptr thrown = to_exception(f, coded);
    MUST("a failure is an exception", thrown != nullptr);
    failure back = to_failure(thrown, coded);
    if (fuzz::planted() == 5)
        back.clear_stack_trace();
    MUST("a failure goes out as it came", back.SerializeAsString() == f.SerializeAsString());
    const failure outer =
        to_failure(std::make_exception_ptr(application_error(f.message(), application_options{.cause = thrown})), coded,
            {.encode_attributes = f.message().size() % 2 == 0});
    MUST("as a cause too", outer.cause().SerializeAsString() == f.SerializeAsString());
    MUST("what goes out is UTF-8", mayfly::detail::is_utf8(outer.message()));
    MUST("one line about it", describe(f).find('\n') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 2)
        return 0;
    const std::string rest(reinterpret_cast<const char*>(data) + 2, size - 2);
    payload p;
    switch (data[0] % 4) {
    case 0: {
        fuzz::bytes in{data + 1, size - 1};
        (*p.mutable_metadata())["encoding"] = "json/plain";
        p.set_data(json(in, 12));
        break;
    }
    case 1:
        if (!p.ParseFromString(rest))
            return 0;
        break;
    case 2: check_failure(rest); return 0;
    default:
        (*p.mutable_metadata())["encoding"] = std::string(encodings[data[1] % encodings.size()]);
        (*p.mutable_metadata())["messageType"] =
            data[1] < 128 ? "google.protobuf.Timestamp" : "temporal.api.common.v1.WorkflowExecution";
        p.set_data(rest);
    }
    check_all(p);
    return 0;
}
