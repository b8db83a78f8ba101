// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/base64.hpp>
#include <mayfly/grpc/detail/message_reader.hpp>
#include <mayfly/grpc/detail/percent.hpp>
#include <mayfly/grpc/message.hpp>
#include <mayfly/grpc/status.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

// From the header fields and bytes of one stream to the reply that they are, or to the status of what they are instead.

namespace mayfly::grpc::detail {

/// What an answer by HTTP alone means.
[[nodiscard]] constexpr status_code status_of_http(unsigned http) noexcept
{
    switch (http) {
    case 400: return status_code::internal;
    case 401: return status_code::unauthenticated;
    case 403: return status_code::permission_denied;
    case 404: return status_code::unimplemented;
    case 429:
    case 502:
    case 503:
    case 504: return status_code::unavailable;
    default: return status_code::unknown;
    }
}

/// What a RST_STREAM means.
[[nodiscard]] constexpr status_code status_of_reset(std::uint32_t http2) noexcept
{
    switch (http2) {
    case 0x7: return status_code::unavailable;         // REFUSED_STREAM
    case 0x8: return status_code::cancelled;           // CANCEL
    case 0xb: return status_code::resource_exhausted;  // ENHANCE_YOUR_CALM
    case 0xc: return status_code::permission_denied;   // INADEQUATE_SECURITY
    default: return status_code::internal;
    }
}

[[nodiscard]] inline bool is_grpc_content(std::string_view type) noexcept
{
    constexpr std::string_view ours = "application/grpc";
    return type.starts_with(ours) &&
           (type.size() == ours.size() || type[ours.size()] == '+' || type[ours.size()] == ';');
}

/// Adds a field to metadata. What is not base64 where it should be is dropped.
inline void add_field(metadata& to, std::string_view name, std::string_view value)
{
    if (!is_binary(name))
        return to.add(std::string(name), std::string(value));
    // Equal names may have been joined on the way.
    for (;;) {
        const auto comma = value.find(',');
        if (auto bytes = from_base64(value.substr(0, comma), base64_form::liberal))
            to.add(std::string(name), *std::move(bytes));
        if (comma == value.npos)
            return;
        value.remove_prefix(comma + 1);
    }
}

struct answer_limits {
    std::size_t message = 4 * 1024 * 1024;
    std::size_t header_list = 64 * 1024;
};

class answer_reader {
public:
    /// False: there is nothing more to learn, and the stream can be reset.
    bool field(std::string_view name, std::string_view value, const answer_limits& limits)
    {
        if (failed_)
            return false;
        fields_size_ += name.size() + value.size() + 32;
        if (fields_size_ > limits.header_list) {
            fail(status_code::resource_exhausted,
                "the answer's header fields are larger than " + std::to_string(limits.header_list) + " bytes");
            return false;
        }
        if (name == ":status") {
            http_ = 0;
            std::from_chars(value.data(), value.data() + value.size(), http_);
        } else if (name == "content-type") {
            ours_ = is_grpc_content(value);
            content_ = ours_ ? std::string() : shown(value, 100);
        } else if (name == "grpc-encoding") {
            encoding_ = shown(value, 100);
        } else if (name == "grpc-status") {
            std::uint32_t n = 0;
            const auto [end, bad] = std::from_chars(value.data(), value.data() + value.size(), n);
            number_ = bad == std::errc{} && end == value.data() + value.size() ? n : 0xffff'ffffU;
        } else if (name == "grpc-message") {
            out_.status.message = from_percent(value);
        } else if (name == "grpc-status-details-bin") {
            out_.status.details = from_base64(value, base64_form::liberal).value_or("");
        } else if (!name.starts_with(':')) {
            add_field(headed_ ? out_.trailers : out_.metadata, name, value);
        }
        return true;
    }

    /// A block of fields has ended.
    void fields_end(bool stream_ends)
    {
        if (!headed_ && http_ / 100 == 1)
            return;  // interim
        // An answer that is trailers only has them, not metadata.
        if (!headed_ && stream_ends)
            std::swap(out_.metadata, out_.trailers);
        headed_ = true;
        ended_ = ended_ || stream_ends;
    }

    bool data(std::string_view bytes, const answer_limits& limits)
    {
        if (!ours_) {
            foreign_.append(bytes.substr(0, std::min(bytes.size(), 200 - std::min<std::size_t>(200, foreign_.size()))));
            return foreign_.size() < 200;
        }
        switch (message_.feed(bytes, limits.message)) {
        case message_reader::verdict::good: return true;
        case message_reader::verdict::too_large:
            fail(status_code::resource_exhausted, "grpc: received message larger than max (" +
                                                      std::to_string(message_.length()) + " vs. " +
                                                      std::to_string(limits.message) + ")");
            return false;
        case message_reader::verdict::bad_flag:
            fail(status_code::internal, "the answer's message begins with an unknown flag");
            return false;
        case message_reader::verdict::second:
            fail(status_code::internal, "the answer holds more than one message");
            return false;
        }
        return false;
    }

    /// Everything came that was to come.
    void end() noexcept { ended_ = true; }

    /// Something of an answer has come.
    [[nodiscard]] bool begun() const noexcept { return headed_; }

    /// The reply. `reset` is the code of the RST_STREAM (or of our own giving up) if the stream did not end by itself.
    [[nodiscard]] reply finish(std::uint32_t reset)
    {
        if (!failed_)
            judge(reset);
        if (out_.status.ok())
            out_.message = message_.take();
        return std::move(out_);
    }

    /// There will be no answer, for this reason.
    void refuse(status why)
    {
        if (!std::exchange(failed_, true))
            out_.status = std::move(why);
    }

private:
    void fail(status_code code, std::string words) { refuse({code, std::move(words), {}}); }

    void judge(std::uint32_t reset)
    {
        if (!ended_ && is_foreign())
            return fail_foreign();
        if (!ended_)
            return fail(status_of_reset(reset), "the stream was reset (" + reset_name(reset) + ')');
        if (is_foreign())
            return fail_foreign();
        if (!number_)
            return fail(
                status_of_http(http_), "the answer has no grpc-status (HTTP status " + std::to_string(http_) + ')');
        if (*number_ != 0) {
            out_.status.code = *number_ == 0xffff'ffffU ? status_code::unknown : to_status_code(*number_);
            if (*number_ >= status_names.size() && out_.status.message.empty())
                out_.status.message = "the answer has a grpc-status that is no known number";
            return;
        }
        if (!message_.begun())
            return fail(status_code::internal, "the answer holds no message");
        if (!message_.complete())
            return fail(status_code::internal, "the answer's message is truncated");
        if (message_.compressed())
            return fail(status_code::internal,
                encoding_.empty() || encoding_ == "identity"
                    ? "the answer's message is compressed, and does not say how"
                    : "the answer's message is compressed (" + encoding_ + "), which was not asked for");
        out_.status.details.clear();
    }

    /// Whether somebody answered who does not speak gRPC.
    [[nodiscard]] bool is_foreign() const { return headed_ && !ours_ && !(number_ && content_.empty()); }

    void fail_foreign()
    {
        std::string words = "the answer is not gRPC: HTTP status " + std::to_string(http_) + ", content type ";
        words += content_.empty() ? "missing" : '"' + content_ + '"';
        if (!foreign_.empty())
            words += ", \"" + shown(foreign_) + '"';
        fail(status_of_http(http_), std::move(words));
    }

    static std::string reset_name(std::uint32_t code)
    {
        constexpr std::string_view names[] = {"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR",
            "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
            "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"};
        return code < std::size(names) ? std::string(names[code]) : "code " + std::to_string(code);
    }

    reply out_{};
    message_reader message_{};
    std::optional<std::uint32_t> number_{};
    unsigned http_ = 0;
    std::string content_{};  ///< Its type, if it is not ours.
    std::string encoding_{};
    std::string foreign_{};
    std::size_t fields_size_ = 0;
    bool failed_ = false;
    bool headed_ = false;
    bool ended_ = false;
    bool ours_ = false;
};

}  // namespace mayfly::grpc::detail
