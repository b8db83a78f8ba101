// SPDX-License-Identifier: BSL-1.0
#include "bytes.hpp"

#include <mayfly/detail/json_write.hpp>
#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/testing/history_check.hpp>
#include <mayfly/temporal/testing/history_file.hpp>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>

// Histories that somebody saved: any text, text that follows the messages' descriptors more or less, any bytes. Planted
// defects: 1 to 5 below.

using namespace mayfly::temporal;
using namespace mayfly::temporal::testing;

namespace {

using history = ::temporal::api::history::v1::History;
using envelope = ::temporal::api::common::v1::GrpcStatus;  // it has an Any
using mayfly::temporal::testing::detail::field_entry;
using mayfly::temporal::testing::detail::field_type;
using mayfly::temporal::testing::detail::message_entry;

/// The same for the same message, maps too.
template <class Message>
std::string bytes_of(const Message& m)
{
    std::string out;
    google::protobuf::io::StringOutputStream to(&out);
    google::protobuf::io::CodedOutputStream coded(&to);
    coded.SetSerializationDeterministic(true);
    m.SerializePartialToCodedStream(&coded);
    coded.Trim();
    return out;
}

template <class Message>
converted<from_json<Message>> read(std::string_view text, const json_options& how = {})
{
    if constexpr (std::is_same_v<Message, history>)
        return history_of_json(text, how);
    else
        return message_from_json<Message>(text, how);
}

void check_error(const conversion_error& why)
{
    const std::string& said = why.message;
    MUST("an error has its place", said.starts_with(fuzz::planted() == 1 ? "not" : "$") ||
                                       said.starts_with("not JSON, ") || said.starts_with("nested more than "));
    MUST("an error is UTF-8", mayfly::detail::is_utf8(said));
}

/// What was read is written, and read again.
template <class Message>
void check_round(const Message& m, bool exact)
{
    const auto text = to_json(m);
    MUST("what was read can be written", text && fuzz::planted() != 3);
    const auto again = read<Message>(*text, {.refuse_unknown = true});
    MUST("what was written can be read", again);
    // The bytes in an Any may be put in order.
    MUST("what comes back is the same",
        !exact || bytes_of(again->message) == bytes_of(m) + (fuzz::planted() == 4 ? "0" : ""));
    const auto more = to_json(again->message);
    MUST("what was read can be written", more);
    const auto third = read<Message>(*more);
    MUST("what comes back is the same", third && bytes_of(third->message) == bytes_of(again->message));
}

template <class Message>
void check_text(std::string_view text)
{
    const auto lenient = read<Message>(text);
    const auto strict = read<Message>(text, {.refuse_unknown = true});
    if (!lenient) {
        check_error(lenient.error());
        MUST("who is lenient reads what is read strictly", !strict);
        return;
    }
    if (!strict)
        check_error(strict.error());
    MUST("strictly read is what nothing is passed over in",
        strict.has_value() == (lenient->passed_over.empty() != (fuzz::planted() == 2)));
    MUST("who is lenient reads what is read strictly",
        !strict || bytes_of(strict->message) == bytes_of(lenient->message));
    check_round(lenient->message, text.find("@type") == text.npos);
    if constexpr (std::is_same_v<Message, history>) {
        const history_facts facts = check_history(lenient->message);
        MUST("every event is looked at",
            facts.events == lenient->message.events_size() + (fuzz::planted() == 5 ? 1 : 0) &&
                (facts.events != 0 || !facts.wrong.empty()));
        MUST("a file is read as its text is", read_history(text).has_value());
    }
}

/// Texts of values, for fields that take such and for those that do not.
std::string_view odd(fuzz::bytes& in)
{
    constexpr std::array<std::string_view, 32> all{"null", "true", "0", "-0.0", "1", "-1", "1e3", "1.5",
        "18446744073709551615", "\"18446744073709551615\"", "9223372036854775808", "\"-9223372036854775808\"", "1e300",
        "\"Infinity\"", "\"NaN\"", "\"\"", "\"\\u0000\\ud83e\\udd8b\"", "\"AAEC_-8\"", "\"AA==\"", "{}", "[]",
        "\"2026-01-31T09:30:00.5Z\"", "\"2026-01-31T09:30:00.000000001+02:00\"", "\"0001-01-01T00:00:00Z\"",
        "\"-0.000000001s\"", "\"315576000000s\"", "\"1.5s\"", "\"a,b_c,dE\"", "\"EVENT_TYPE_TIMER_FIRED\"",
        "\"TimerFired\"", "\"Unspecified\"", "61"};
    return all[in.below(all.size())];
}

void write_message(fuzz::bytes& in, const message_entry* m, std::string& out, int depth);

void write_value(fuzz::bytes& in, const field_entry& f, std::string& out, int depth)
{
    if (in.below(12) == 1) {
        out += odd(in);
        return;
    }
    switch (f.type) {
    case field_type::message: return write_message(in, f.message, out, depth);
    case field_type::boolean: out += in.flag() ? "true" : "false"; return;
    case field_type::text: out += in.flag() ? "\"text\"" : "\"\""; return;
    case field_type::bytes: out += in.flag() ? "\"AAEC\"" : "\"_w\""; return;
    case field_type::enumeration: {
        if (f.enumeration == nullptr || f.enumeration->names.empty())
            break;
        auto at = f.enumeration->names.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(in.byte() % f.enumeration->names.size()));
        out += '"' + at->second + '"';
        return;
    }
    default: break;
    }
    out += std::to_string(in.byte());
}

void write_message(fuzz::bytes& in, const message_entry* m, std::string& out, int depth)
{
    if (m == nullptr || depth == 0 || in.empty()) {
        out += "{}";
        return;
    }
    if (m->name.starts_with("mayfly.temporal.wire.") && !m->name.ends_with("Any")) {
        out += odd(in);
        return;
    }
    if (m->name.ends_with("Any") && in.flag()) {
        constexpr std::array<std::string_view, 7> types{"temporal.api.history.v1.HistoryEvent",
            "temporal.api.common.v1.Priority", "google.protobuf.Timestamp", "google.protobuf.Any",
            "google.protobuf.FieldMask", "google.protobuf.DoubleValue", "mayfly.temporal.wire.Duration"};
        const std::string type(types[in.below(types.size())]);
        std::string fields;
        if (type.starts_with("temporal."))
            write_message(in, mayfly::temporal::testing::detail::messages().find(type), fields, depth - 1);
        else
            fields.append("{\"value\":").append(odd(in)).append("}");
        out += R"({"@type":"type.googleapis.com/)" + type + '"' + (fields.size() > 2 ? "," : "") + fields.substr(1);
        return;
    }
    out += '{';
    for (std::uint32_t i = 0, n = 1 + in.below(4); i < n && !m->fields.empty(); ++i) {
        const field_entry& f = m->fields[in.byte() % m->fields.size()];
        if (i != 0)
            out += ',';
        out += '"' + (in.below(16) == 1 ? "colour" : in.below(8) == 1 ? f.name : f.json) + "\":";
        const bool is_map = f.message != nullptr && f.message->is_map_entry && f.message->fields.size() == 2;
        if (is_map) {
            out += in.flag() ? "{\"key\":" : "{\"1\":";
            write_value(in, f.message->fields.back(), out, depth - 1);
            out += '}';
        } else if (f.repeated) {
            out += '[';
            for (std::uint32_t k = 0, all = in.below(4); k < all; ++k) {
                if (k != 0)
                    out += ',';
                write_value(in, f, out, depth - 1);
            }
            out += ']';
        } else {
            write_value(in, f, out, depth - 1);
        }
    }
    out += '}';
}

void check_bytes(std::string_view saved)
{
    const auto read = read_history(saved);
    if (!read) {
        MUST("an error is UTF-8", mayfly::detail::is_utf8(read.error().message));
        return;
    }
    static_cast<void>(check_history(read->message));
    // It may have times that JSON cannot say, or an Any of a type that is not known.
    if (const auto text = to_json(read->message)) {
        const auto again = history_of_json(*text);
        MUST("what was written can be read", again);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0)
        return 0;
    const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
    fuzz::bytes in(data + 1, size - 1);
    std::string drawn;
    switch (data[0] % 4) {
    case 0: check_text<history>(rest); break;
    case 1: check_bytes(rest); break;
    case 2:
        write_message(in, mayfly::temporal::testing::detail::messages().find(history().GetTypeName()), drawn, 8);
        check_text<history>(drawn);
        break;
    default:
        write_message(in, mayfly::temporal::testing::detail::messages().find(envelope().GetTypeName()), drawn, 8);
        check_text<envelope>(drawn);
    }
    return 0;
}
