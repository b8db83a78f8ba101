// SPDX-License-Identifier: BSL-1.0
#include "bytes.hpp"

#include <mayfly/detail/json_read.hpp>
#include <mayfly/detail/json_write.hpp>
#include <mayfly/http/detail/response_reader.hpp>
#include <mayfly/lambda_runtime/environment_state.hpp>
#include <mayfly/lambda_runtime/vocabulary.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

// The headers and errors of the Runtime API: what one side writes the other reads, and nothing that is read can do
// harm. Planted defects: 1 to 3 of `sent`, 4 of `check_read`, 5 and 6 of `check_error`, 7 of `check_steps`.

using namespace mayfly;
using namespace mayfly::lambda_runtime;

namespace {

std::string text(fuzz::bytes& in, std::uint32_t most)
{
    constexpr std::string_view usual = "abcdefghijklmnopqrstuvwxyz0123456789-_=;:{}\"\\ ,.";
    const bool any = in.below(4) == 0;
    std::string out;
    for (std::uint32_t n = in.below(most); n > 0; --n)
        out += any ? static_cast<char>(in.byte()) : usual[in.below(static_cast<std::uint32_t>(usual.size()))];
    return out;
}

std::string_view trimmed(std::string_view s)
{
    const auto from = s.find_first_not_of(" \t");
    return from == s.npos ? std::string_view{} : s.substr(from, s.find_last_not_of(" \t") - from + 1);
}

/// As a header can carry it.
std::string carried(const std::string& s)
{
    const std::string line = lambda_runtime::detail::on_one_line(s);
    return std::string(trimmed(line));
}

/// The answer to `next` with this invocation, over the wire and back.
http::response sent(const invocation& i)
{
    http::response out;
    write_headers(out, i);
    if (fuzz::planted() == 1)  // a header is forgotten
        out.erase("Lambda-Runtime-Trace-Id");
    if (fuzz::planted() == 2)  // seconds will do
        out.set("Lambda-Runtime-Deadline-Ms", std::to_string(i.deadline.time_since_epoch().count() / 1000) + "000");

    std::string wire = "HTTP/1.1 200 OK\r\n";
    std::size_t lines = 2;
    for (const auto& f : out) {
        wire.append(f.name_string()).append(": ").append(f.value()).append("\r\n");
        ++lines;
        if (fuzz::planted() == 3 && i.client_context.size() > 3)  // a line's end within a value
            wire.append("X: ").append(i.client_context.substr(0, 3)).append("\r\n");
    }
    wire.append("\r\n");
    std::size_t ends = 0;
    for (std::size_t at = wire.find('\n'); at != wire.npos; at = wire.find('\n', at + 1))
        ++ends;
    MUST("one header is one line", ends == lines);

    http::detail::response_reader reader;
    reader.start(false, {.header = 1'000'000});
    boost::system::error_code ec;
    reader.put(boost::asio::buffer(wire), ec);
    MUST("what one side writes is HTTP", !ec && reader.done());
    return reader.release();
}

void check_written(fuzz::bytes& in)
{
    invocation i;
    i.request_id = "r" + std::to_string(in.count32());
    i.deadline = wall_time{std::chrono::milliseconds{static_cast<std::int64_t>(in.number() % 7'000'000'000'001)}};
    i.function_arn = text(in, 60);
    i.trace_id = text(in, 60);
    i.client_context = text(in, 100);
    i.cognito_identity = text(in, 40);
    i.tenant_id = text(in, 20);
    i.content_type = "application/json";
    i.payload = text(in, 40);

    const invocation_read read = read_invocation(sent(i), i.payload);
    MUST("what one side writes the other reads", read);
    for (std::string invocation::*const field : {&invocation::function_arn, &invocation::trace_id,
             &invocation::client_context, &invocation::cognito_identity, &invocation::tenant_id})
        i.*field = carried(i.*field);
    MUST("what one side writes the other reads", read.value == i);
}

void check_read(fuzz::bytes& in)
{
    constexpr std::string_view names[] = {header::request_id, header::deadline, header::function_arn, header::trace_id,
        header::client_context, header::cognito_identity, header::tenant_id, "Content-Type", "X-Other"};
    http::fields fields;
    for (std::uint32_t n = in.below(12); n > 0; --n) {
        std::string name{names[in.below(9)]};
        if (in.flag())
            name[0] = static_cast<char>(name[0] ^ 0x20);
        const std::string value = in.flag() ? std::to_string(in.count()) : text(in, 30);
        fields.insert(name, value);
    }
    invocation_read read = read_invocation(fields, "p");
    if (fuzz::planted() == 4)  // what it says is believed
        read.error.clear();
    if (!read) {
        MUST("an error names the header", read.error.starts_with("the header Lambda-Runtime-"));
        return;
    }
    const invocation& i = read.value;
    const std::int64_t due = i.deadline.time_since_epoch().count();
    MUST("what was read is fit for use",
        lambda_runtime::detail::fits_in_path(i.request_id) && due >= 0 && due <= 7'000'000'000'000 && i.payload == "p");
    // Far from where a finer clock wraps.
    const auto fine = std::chrono::duration_cast<std::chrono::nanoseconds>(i.deadline.time_since_epoch());
    MUST("what was read is fit for use", std::chrono::floor<std::chrono::milliseconds>(fine).count() == due);
}

void check_error(fuzz::bytes& in)
{
    constexpr std::string_view beginnings[] = {"", "Function.", "Runtime.", "Function.Bad", "Runtime.ExitError", "."};
    function_error e{.type = std::string(beginnings[in.below(6)]) + text(in, 12), .message = text(in, 60)};
    for (std::uint32_t n = in.below(4); n > 0; --n)
        e.stack_trace.push_back(text(in, 30));
    const std::string_view recorded = fuzz::planted() == 5 ? std::string_view(e.type) : recorded_error_type(e.type);
    MUST("what is noted down is an error type", is_error_type(recorded));
    MUST("what is an error type stands as it is", !is_error_type(e.type) || recorded == e.type);

    std::string body = error_body(e);
    if (fuzz::planted() == 6)  // quotes are not escaped
        body = "{\"errorMessage\":\"" + e.message + "\",\"errorType\":\"\",\"stackTrace\":[]}";
    const auto doc = mayfly::detail::read_json(body, 4);
    const auto* const message = doc.root.find("errorMessage");
    const auto* const type = doc.root.find("errorType");
    const auto* const trace = doc.root.find("stackTrace");
    MUST("an error is told in JSON", doc && message != nullptr && type != nullptr && trace != nullptr);
    MUST("an error is told in JSON", message->is_string() && trace->items.size() == e.stack_trace.size());
    if (mayfly::detail::is_utf8(e.message))
        MUST("an error keeps its words", message->text == e.message);
}

void check_steps(fuzz::bytes& in)
{
    using event = environment_event;
    environment_state at = environment_state::starting;
    int open = 0;  // invocations that were handed out and not answered
    for (std::uint32_t n = 4 + in.below(60); n > 0; --n) {
        const auto what = static_cast<event>(in.below(9));
        const bool current = in.below(4) != 0;
        environment_step s = step(at, what, current);
        const bool answers = what == event::response || what == event::error || what == event::large_response;
        if (fuzz::planted() == 7 && answers && !current)  // any answer will do
            s = {environment_state::between, 202};
        if (what == event::delivered && at == environment_state::waiting)
            ++open;
        if (answers && (s.status == 202 || s.status == 413)) {
            MUST("each invocation is answered once, and by its own answer", open == 1 && current);
            --open;
        }
        if (what == event::abandoned || what == event::restarted)
            open = 0;
        MUST("who is running has one invocation", (s.to == environment_state::running) == (open == 1));
        MUST("a refusal changes nothing", (s.status != 400 && s.status != 403) || s.to == at);
        MUST("a refusal says why", (s.status == 400 || s.status == 403 || s.status == 413) == !s.error_type.empty());
        if (at == environment_state::failed)
            MUST("who cannot start stays so until started anew",
                s.to == environment_state::failed || what == event::restarted);
        at = s.to;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz::bytes in{data, size};
    switch (in.below(4)) {
    case 0: check_written(in); break;
    case 1: check_read(in); break;
    case 2: check_error(in); break;
    case 3: check_steps(in); break;
    }
    return 0;
}
