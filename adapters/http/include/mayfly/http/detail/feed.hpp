// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>

namespace mayfly::http::detail {

/// Gives a parser the front of what has come, and says how much it took. Nothing: it has to be given more at once.
template <bool IsRequest>
[[nodiscard]] std::size_t feed(
    boost::beast::http::basic_parser<IsRequest>& parser, boost::asio::const_buffer bytes, boost::system::error_code& ec)
{
    ec = {};
    if (bytes.size() == 0)
        return 0;
    // Beast before Boost 1.86 asserts that the last chunk has come as a whole. It has five octets at least, and starts
    // with its size or with the end of the chunk before.
    const char first = *static_cast<const char*>(bytes.data());
    const bool may_be_last = parser.is_header_done() && parser.chunked() && (first == '0' || first == '\r');
    if (may_be_last && bytes.size() < 5)
        return 0;
    const std::size_t taken = parser.put(bytes, ec);
    if (ec == boost::beast::http::error::need_more)
        ec = {};
    return taken;
}

}  // namespace mayfly::http::detail
