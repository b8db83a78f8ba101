// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/detail/feed.hpp>
#include <mayfly/http/detail/field_parser.hpp>
#include <mayfly/http/error.hpp>
#include <mayfly/http/message.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

namespace mayfly::http::detail {

/// Bounds of one response.
struct response_limits {
    std::uint32_t header = 64 * 1024;
    std::uint64_t body = 16 * 1024 * 1024;
};

/// Reads one response from bytes. Interim ones (1xx) before it are skipped.
class response_reader {
public:
    using error_code = boost::system::error_code;

    /// `body_follows` is false for the answer to HEAD or CONNECT, whatever its fields say.
    void start(bool body_follows, response_limits limits)
    {
        body_follows_ = body_follows;
        limits_ = limits;
        begun_ = false;
        renew();
    }

    /// Takes from the front of what has come and says how much; what it leaves is to be given again, with more.
    std::size_t put(boost::asio::const_buffer bytes, error_code& ec)
    {
        ec = {};
        if (bytes.size() == 0)
            return 0;
        if (!begun_ && !looks_like_http(bytes)) {
            ec = errc::bad_response;
            return 0;
        }
        begun_ = true;

        std::size_t taken = 0;
        while (taken < bytes.size() && !parser_->is_done()) {
            error_code problem;
            const std::size_t n = feed(*parser_, bytes + taken, problem);
            taken += n;
            if (problem) {
                ec = meaning(problem);
                return taken;
            }
            if (n == 0)
                break;
            if (parser_->is_header_done() && is_interim())
                renew();
        }
        return taken;
    }

    /// The bytes have ended. No error if that is how this response ends.
    error_code put_eof()
    {
        if (!begun_)
            return errc::connection_lost;
        error_code problem;
        if (parser_->is_header_done())
            parser_->put_eof(problem);
        return problem || !parser_->is_done() ? errc::truncated : error_code{};
    }

    /// How much may be kept of what `put` leaves.
    [[nodiscard]] std::size_t most_unread() const noexcept { return limits_.header; }

    [[nodiscard]] bool begun() const noexcept { return begun_; }  ///< A byte has come.
    [[nodiscard]] bool header_done() const { return parser_->is_header_done(); }
    [[nodiscard]] bool done() const { return parser_->is_done(); }
    [[nodiscard]] bool keep_alive() const { return parser_->keep_alive(); }  ///< Once done: another may follow.
    [[nodiscard]] const response& head() const { return parser_->get(); }
    [[nodiscard]] response release() { return parser_->release(); }

private:
    using beast_error = boost::beast::http::error;

    void renew()
    {
        parser_.emplace();
        parser_->eager(true);
        parser_->skip(!body_follows_);
        parser_->header_limit(limits_.header);
        parser_->body_limit(limits_.body);
    }

    [[nodiscard]] bool is_interim() const
    {
        const unsigned code = parser_->get().result_int();
        return code >= 100 && code < 200 && code != 101;
    }

    // The parser looks at nothing before the head is complete, and a peer that speaks another protocol sends no such
    // thing.
    static bool looks_like_http(boost::asio::const_buffer bytes)
    {
        constexpr std::string_view start = "HTTP/1.";
        return std::memcmp(bytes.data(), start.data(), std::min(start.size(), bytes.size())) == 0;
    }

    static errc meaning(const error_code& problem)
    {
        if (problem == beast_error::header_limit)
            return errc::header_too_large;
        if (problem == beast_error::body_limit)
            return errc::body_too_large;
        return errc::bad_response;
    }

    std::optional<field_parser<false>> parser_{};
    response_limits limits_{};
    bool body_follows_ = true;
    bool begun_ = false;
};

}  // namespace mayfly::http::detail
