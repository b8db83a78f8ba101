// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/beast/zlib/error.hpp>
#include <boost/beast/zlib/inflate_stream.hpp>
#include <boost/beast/zlib/zlib.hpp>
#include <boost/crc.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mayfly::grpc::detail {

enum class gzip_verdict { good, bad, too_large };

/// The length of the head of a gzip member; zero if it is none.
[[nodiscard]] inline std::size_t gzip_head(std::string_view in)
{
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(in[i]); };
    if (in.size() < 18 || byte(0) != 0x1f || byte(1) != 0x8b || byte(2) != 8 || (byte(3) & 0xe0U) != 0)
        return 0;
    const unsigned flags = byte(3);
    std::size_t at = 10;
    if ((flags & 4U) != 0) {
        if (at + 2 > in.size())
            return 0;
        at += 2 + byte(at) + std::size_t{byte(at + 1)} * 256;
    }
    for (const unsigned text : {8U, 16U}) {
        if ((flags & text) == 0)
            continue;
        const auto end = at < in.size() ? in.find('\0', at) : in.npos;
        if (end == in.npos)
            return 0;
        at = end + 1;
    }
    if ((flags & 2U) != 0)
        at += 2;
    return at <= in.size() - 8 ? at : 0;
}

/** Inflates one gzip member, which is all of `in`, into `out`. It stops where `out` would become longer than `limit`, so
    that a small message cannot become a large one.
*/
[[nodiscard]] inline gzip_verdict inflate_gzip(std::string_view in, std::size_t limit, std::string& out)
{
    namespace zlib = boost::beast::zlib;
    out.clear();
    const std::size_t head = gzip_head(in);
    if (head == 0)
        return gzip_verdict::bad;
    const std::string_view body = in.substr(head);

    zlib::inflate_stream inflater;
    zlib::z_params z;
    z.next_in = body.data();
    z.avail_in = body.size();
    boost::system::error_code ec;
    for (std::size_t room = std::max<std::size_t>(256, in.size() * 3); ec != zlib::error::end_of_stream; room *= 2) {
        const std::size_t had = out.size();
        // One byte more than allowed tells an end at the limit from one beyond it.
        out.resize(std::min(had + room, limit + 1));
        if (out.size() == had)
            return gzip_verdict::too_large;
        z.next_out = out.data() + had;
        z.avail_out = out.size() - had;
        inflater.write(z, zlib::Flush::sync, ec);
        const bool full = z.avail_out == 0;
        out.resize(out.size() - z.avail_out);
        if (ec == zlib::error::end_of_stream)
            break;
        if ((ec && ec != zlib::error::need_buffers) || !full)
            return gzip_verdict::bad;
        ec = {};
    }
    if (out.size() > limit)
        return gzip_verdict::too_large;
    if (z.avail_in != 8)
        return gzip_verdict::bad;

    const auto* const tail = static_cast<const unsigned char*>(z.next_in);
    const auto number = [tail](std::size_t i) {
        return std::uint32_t{tail[i]} | std::uint32_t{tail[i + 1]} << 8U | std::uint32_t{tail[i + 2]} << 16U |
               std::uint32_t{tail[i + 3]} << 24U;
    };
    boost::crc_32_type crc;
    crc.process_bytes(out.data(), out.size());
    const bool good = crc.checksum() == number(0) && static_cast<std::uint32_t>(out.size()) == number(4);
    return good ? gzip_verdict::good : gzip_verdict::bad;
}

}  // namespace mayfly::grpc::detail
