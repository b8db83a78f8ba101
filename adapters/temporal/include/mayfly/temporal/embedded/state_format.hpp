// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/record.hpp>

#include <boost/crc.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

/* A state file: `state_header`, then frames, each of them a change that holds as a whole or not at all.

       4 bytes   size of the payload     all numbers little-endian
       4 bytes   CRC-32 of the size
       4 bytes   CRC-32 of the payload
       payload   records: 1 byte kind, with 0x80 if erased; 4 bytes size and key; 4 bytes size and value

   The size has a sum of its own, so that the end of a file that was cut short is told from a damaged middle.
*/

namespace mayfly::temporal::embedded {

inline constexpr std::string_view state_header = "mayfly state 1\n";
inline constexpr std::size_t frame_head_size = 12;

namespace detail {

inline void append_number(std::string& to, std::size_t n)
{
    for (int shift = 0; shift < 32; shift += 8)
        to += static_cast<char>((n >> shift) & 0xFF);
}

[[nodiscard]] inline std::uint32_t number_at(std::string_view from, std::size_t at) noexcept
{
    std::uint32_t n = 0;
    for (std::size_t i = 4; i-- > 0;)
        n = n << 8 | static_cast<unsigned char>(from[at + i]);
    return n;
}

[[nodiscard]] inline std::uint32_t crc_of(std::string_view bytes)
{
    boost::crc_32_type crc;
    crc.process_bytes(bytes.data(), bytes.size());
    return crc.checksum();
}

[[nodiscard]] inline bool take_text(std::string_view& from, std::string& into)
{
    if (from.size() < 4 || from.size() - 4 < number_at(from, 0))
        return false;
    const std::size_t size = number_at(from, 0);
    into.assign(from.substr(4, size));
    from.remove_prefix(4 + size);
    return true;
}

}  // namespace detail

/// How much of a frame a record takes.
[[nodiscard]] inline std::size_t frame_size(const record& r) noexcept
{
    return 9 + r.key.size() + r.value.size();
}

/// Appends one frame. Its records have together less than 4 GiB.
inline void append_frame(std::string& to, const record* begin, const record* end)
{
    const std::size_t head = to.size();
    to.resize(head + frame_head_size);
    for (const record* r = begin; r != end; ++r) {
        to += static_cast<char>(static_cast<unsigned>(r->kind) | (r->erased ? 0x80U : 0U));
        detail::append_number(to, r->key.size());
        to += r->key;
        detail::append_number(to, r->value.size());
        to += r->value;
    }
    const std::string_view payload = std::string_view{to}.substr(head + frame_head_size);
    std::string numbers;
    detail::append_number(numbers, payload.size());
    detail::append_number(numbers, detail::crc_of(numbers));
    detail::append_number(numbers, detail::crc_of(payload));
    to.replace(head, frame_head_size, numbers);
}

/// What stands at the beginning of the rest of a file.
struct frame_head {
    enum class kind : std::uint8_t {
        whole,    ///< A frame of `size` bytes, its head included.
        cut,      ///< The beginning of one: an append that was not finished.
        blank,    ///< Zeros. If all the rest is, a file system made room that was then not written.
        damaged,  ///< Anything else.
    };
    kind is = kind::damaged;
    std::size_t size = 0;
};

/// `rest` holds at least the first bytes of what is left, `left` says how much that is.
[[nodiscard]] inline frame_head read_frame_head(std::string_view rest, std::uint64_t left)
{
    using enum frame_head::kind;
    if (left < frame_head_size)
        return {cut, 0};
    const std::size_t size = detail::number_at(rest, 0) + frame_head_size;
    if (detail::number_at(rest, 4) != detail::crc_of(rest.substr(0, 4)))
        return {rest.find_first_not_of('\0') == rest.npos ? blank : damaged, 0};
    return {size > left ? cut : whole, size};
}

/// The records of a whole frame, head included; none if it is damaged.
[[nodiscard]] inline std::optional<records> read_frame(std::string_view frame)
{
    std::string_view payload = frame.substr(frame_head_size);
    if (detail::number_at(frame, 8) != detail::crc_of(payload))
        return std::nullopt;
    records out;
    while (!payload.empty()) {
        const auto first = static_cast<unsigned char>(payload.front());
        payload.remove_prefix(1);
        record r{.kind = static_cast<record_kind>(first & 0x7F), .erased = (first & 0x80) != 0};
        if (!detail::take_text(payload, r.key) || !detail::take_text(payload, r.value))
            return std::nullopt;
        out.push_back(std::move(r));
    }
    return out;
}

}  // namespace mayfly::temporal::embedded
