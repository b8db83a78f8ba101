// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/beast/zlib/error.hpp>
#include <boost/beast/zlib/inflate_stream.hpp>
#include <boost/beast/zlib/zlib.hpp>
#include <boost/crc.hpp>
#include <boost/system/error_code.hpp>

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

/** Inflates one gzip member, which is all of `in`, into `out`. One that says it becomes longer than `limit` is not
   begun, and one that becomes longer than it said is stopped, so that a small message cannot become a large one.
*/
[[nodiscard]] inline gzip_verdict inflate_gzip(std::string_view in, std::size_t limit, std::string& out)
{
    namespace zlib = boost::beast::zlib;
    out.clear();
    const std::size_t head = gzip_head(in);
    if (head == 0)
        return gzip_verdict::bad;
    const auto number = [tail = in.substr(in.size() - 8)](std::size_t i) {
        std::uint32_t n = 0;
        for (std::size_t k = 4; k-- > 0;)
            n = n << 8U | static_cast<unsigned char>(tail[i + k]);
        return n;
    };
    const std::size_t size = number(4);
    if (size > limit)
        return gzip_verdict::too_large;

    out.resize(size + 1);
    zlib::inflate_stream inflater;
    zlib::z_params z;
    z.next_in = in.data() + head;
    z.avail_in = in.size() - head;
    z.next_out = out.data();
    z.avail_out = out.size();
    boost::system::error_code ec;
    inflater.write(z, zlib::Flush::sync, ec);
    // What is left of the input says nothing: near the end of its output Beast's inflater takes more than it needs.
    if (ec != zlib::error::end_of_stream || z.avail_out != 1)
        return gzip_verdict::bad;
    out.pop_back();
    boost::crc_32_type crc;
    crc.process_bytes(out.data(), out.size());
    return crc.checksum() == number(0) ? gzip_verdict::good : gzip_verdict::bad;
}

}  // namespace mayfly::grpc::detail
