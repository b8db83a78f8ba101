// SPDX-License-Identifier: BSL-1.0
#pragma once

// HTTP/2 frames written by hand.

#include <mayfly/grpc/detail/message_reader.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace grpc_test {

inline const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

inline std::string frame(unsigned type, unsigned flags, std::uint32_t id, std::string_view payload = "")
{
    std::string out;
    for (unsigned shift = 24; shift > 0;)
        out += static_cast<char>((payload.size() >> (shift -= 8)) & 255U);
    out += static_cast<char>(type);
    out += static_cast<char>(flags);
    for (unsigned shift = 32; shift > 0;)
        out += static_cast<char>((id >> (shift -= 8)) & 255U);
    return out.append(payload);
}

/// A header field as HPACK's plainest form: a literal that is not indexed, without Huffman.
inline std::string field(std::string_view name, std::string_view value)
{
    const auto text = [](std::string_view t) {
        std::string out;
        if (t.size() < 127) {
            out += static_cast<char>(t.size());
        } else {
            out += '\x7f';
            std::size_t rest = t.size() - 127;
            for (; rest >= 128; rest /= 128)
                out += static_cast<char>(rest % 128 + 128);
            out += static_cast<char>(rest);
        }
        return out.append(t);
    };
    return '\0' + text(name) + text(value);
}

inline std::string message(std::string_view text, char flag = 0)
{
    const auto p = mayfly::grpc::detail::message_prefix(text.size());
    std::string out(p.data(), p.size());
    out[0] = flag;
    return out.append(text);
}

inline std::string call_head(std::string_view more = "", std::string_view path = "/a.B/C")
{
    return field(":method", "POST") + field(":scheme", "http") + field(":path", path) + field(":authority", "h") +
           field("te", "trailers") + field("content-type", "application/grpc") + std::string(more);
}

/// A good answer on this stream, whole.
inline std::string answer(std::uint32_t id, std::string_view text)
{
    return frame(1, 4, id, field(":status", "200") + field("content-type", "application/grpc")) +
           frame(0, 0, id, message(text)) + frame(1, 5, id, field("grpc-status", "0"));
}

inline const std::string settings = frame(4, 0, 0);

/// The type, stream and payload of the first frame, which is taken away. None if it is not whole.
struct whole_frame {
    int type = -1;
    std::uint32_t id = 0;
    std::string payload{};
};
inline whole_frame take_frame(std::string_view& bytes)
{
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    if (bytes.size() < 9)
        return {};
    const std::size_t size = std::size_t{byte(0)} << 16U | std::size_t{byte(1)} << 8U | byte(2);
    if (bytes.size() < size + 9)
        return {};
    whole_frame out{byte(3), std::uint32_t{byte(6)} << 16U | std::uint32_t{byte(7)} << 8U | byte(8),
        std::string(bytes.substr(9, size))};
    bytes.remove_prefix(size + 9);
    return out;
}

/// The last GOAWAY's code among these frames, or -1.
inline int goaway_in(std::string_view bytes)
{
    int code = -1;
    for (whole_frame f = take_frame(bytes); f.type >= 0; f = take_frame(bytes))
        if (f.type == 7)
            code = static_cast<unsigned char>(f.payload[7]);
    return code;
}

}  // namespace grpc_test
