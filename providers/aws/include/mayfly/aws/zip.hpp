// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/problem.hpp>

#include <boost/beast/zlib/deflate_stream.hpp>
#include <boost/beast/zlib/error.hpp>
#include <boost/crc.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

// A zip archive as a value: the same entries, in any order, make the same bytes.

namespace mayfly::aws {

struct zip_entry {
    std::string name{};  ///< Relative, parts separated by `/`.
    std::string content{};
    bool executable = false;  ///< Mode 0755 where it is unpacked; otherwise 0644.
};

struct zip_archive {
    struct line {
        std::string name{};
        std::size_t size = 0;
        std::size_t packed = 0;  ///< What it takes in the archive.
        bool executable = false;
    };
    std::string bytes{};
    std::vector<line> lines{};  ///< In the order of the archive: by name.

    /// What the entries take when they are unpacked.
    [[nodiscard]] std::size_t unpacked() const noexcept
    {
        std::size_t sum = 0;
        for (const line& l : lines)
            sum += l.size;
        return sum;
    }
};

namespace detail {

// The format's own numbers. Sizes beyond 32 bits would need its 64-bit form, which nothing that a function takes has.
inline constexpr std::uint32_t zip_local_header = 0x0403'4b50;
inline constexpr std::uint32_t zip_central_header = 0x0201'4b50;
inline constexpr std::uint32_t zip_end = 0x0605'4b50;
inline constexpr std::uint16_t zip_date = 1 << 5 | 1;  // 1980-01-01, the first day it can name
inline constexpr std::uint16_t zip_utf8 = 1 << 11;
inline constexpr std::uint64_t zip_largest = std::numeric_limits<std::uint32_t>::max();

template <class Number>
void put_little(std::string& out, Number n)
{
    for (std::size_t i = 0; i < sizeof(Number); ++i)
        out += static_cast<char>(static_cast<unsigned char>(n >> (8 * i)));
}

[[nodiscard]] inline std::uint32_t crc32_of(std::string_view bytes)
{
    boost::crc_32_type crc;
    crc.process_bytes(bytes.data(), bytes.size());
    return crc.checksum();
}

/// Raw deflate, at the highest level. Empty if that does not make it smaller.
[[nodiscard]] inline std::string deflated(std::string_view bytes)
{
    namespace zlib = boost::beast::zlib;
    zlib::deflate_stream stream;
    stream.reset(9, 15, 9, zlib::Strategy::normal);

    std::string out(bytes.size(), '\0');
    zlib::z_params p;
    p.next_in = bytes.data();
    p.avail_in = bytes.size();
    p.next_out = out.data();
    p.avail_out = out.size();
    boost::system::error_code ec;
    stream.write(p, zlib::Flush::finish, ec);
    if (ec != zlib::error::end_of_stream || p.avail_out == 0)
        return {};
    out.resize(out.size() - p.avail_out);
    return out;
}

[[nodiscard]] inline std::string wrong_with_zip_name(std::string_view name)
{
    if (name.empty() || name.size() > std::numeric_limits<std::uint16_t>::max())
        return "give a name of 1 to 65535 bytes";
    if (name.find('\0') != name.npos || name.find('\\') != name.npos)
        return "leave out backslashes and zero bytes; folders are separated by /";
    for (std::size_t at = 0; at <= name.size();) {
        const auto end = std::min(name.find('/', at), name.size());
        const auto part = name.substr(at, end - at);
        if (part.empty() || part == "." || part == "..")
            return "give a path within the archive, with no empty part, . or ..";
        at = end + 1;
    }
    return {};
}

}  // namespace detail

/** The archive of these entries.

    They are sorted by name, compressed where that makes them smaller, and bear the same fixed time. `before` hears of
    each entry before it is compressed, which takes a second for some 20 MB. Refused are names that would leave the
    folder which the archive is unpacked into, names given twice, and what the format's 32-bit sizes cannot hold.
*/
[[nodiscard]] inline checked<zip_archive> make_zip(
    std::vector<zip_entry> entries, const std::function<void(const zip_entry&)>& before = {})
{
    std::ranges::sort(entries, {}, &zip_entry::name);
    problems wrong;
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const std::string& name = entries[i].name;
        if (std::string remedy = detail::wrong_with_zip_name(name); !remedy.empty())
            wrong.push_back({"name", '"' + name + '"', std::move(remedy)});
        if (i != 0 && entries[i - 1].name == name)
            wrong.push_back({"name", '"' + name + '"', "give it once; two entries cannot have one name"});
        for (auto at = name.find('/'); at != name.npos; at = name.find('/', at + 1))
            if (const auto folder = name.substr(0, at);
                std::ranges::binary_search(entries, folder, {}, &zip_entry::name))
                wrong.push_back(
                    {"name", '"' + name + '"', '"' + folder + "\" is a file already, and cannot be a folder too"});
        sum += entries[i].content.size() + 2 * name.size() + 128;
    }
    if (sum > detail::zip_largest)
        wrong.push_back({"size", std::to_string(sum) + " bytes", "a zip archive without 64-bit sizes ends at 4 GiB"});
    if (entries.size() > std::numeric_limits<std::uint16_t>::max())
        wrong.push_back({"entries", std::to_string(entries.size()), "a zip archive holds no more than 65535"});
    if (!wrong.empty())
        return wrong;

    using detail::put_little;
    zip_archive out;
    std::string central;
    for (const zip_entry& e : entries) {
        if (before)
            before(e);
        const std::string packed = detail::deflated(e.content);
        const std::string& data = packed.empty() ? e.content : packed;
        const auto offset = static_cast<std::uint32_t>(out.bytes.size());
        const bool ascii = std::ranges::all_of(e.name, [](char c) { return static_cast<unsigned char>(c) < 0x80; });

        // What the local and the central header share.
        std::string common;
        put_little<std::uint16_t>(common, 20);  // the version that unpacks it: 2.0, deflate
        put_little<std::uint16_t>(common, ascii ? 0 : detail::zip_utf8);
        put_little<std::uint16_t>(common, packed.empty() ? 0 : 8);
        put_little<std::uint16_t>(common, 0);  // midnight
        put_little<std::uint16_t>(common, detail::zip_date);
        put_little(common, detail::crc32_of(e.content));
        put_little(common, static_cast<std::uint32_t>(data.size()));
        put_little(common, static_cast<std::uint32_t>(e.content.size()));
        put_little(common, static_cast<std::uint16_t>(e.name.size()));
        put_little<std::uint16_t>(common, 0);  // extra field

        put_little(out.bytes, detail::zip_local_header);
        out.bytes += common;
        out.bytes += e.name;
        out.bytes += data;

        put_little(central, detail::zip_central_header);
        put_little<std::uint16_t>(central, 3 << 8 | 20);  // made on Unix, so that modes count
        central += common;
        put_little<std::uint16_t>(central, 0);  // comment
        put_little<std::uint16_t>(central, 0);  // disk
        put_little<std::uint16_t>(central, 0);  // internal attributes
        put_little<std::uint32_t>(central, (e.executable ? 0100755U : 0100644U) << 16);
        put_little(central, offset);
        central += e.name;

        out.lines.push_back({e.name, e.content.size(), data.size(), e.executable});
    }

    const auto start = static_cast<std::uint32_t>(out.bytes.size());
    const auto count = static_cast<std::uint16_t>(entries.size());
    out.bytes += central;
    put_little(out.bytes, detail::zip_end);
    put_little<std::uint16_t>(out.bytes, 0);
    put_little<std::uint16_t>(out.bytes, 0);
    put_little(out.bytes, count);
    put_little(out.bytes, count);
    put_little(out.bytes, static_cast<std::uint32_t>(central.size()));
    put_little(out.bytes, start);
    put_little<std::uint16_t>(out.bytes, 0);  // comment
    return out;
}

}  // namespace mayfly::aws
