// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::grpc::detail {

inline constexpr std::size_t prefix_size = 5;

/// What goes before a message: not compressed, and so long.
[[nodiscard]] constexpr std::array<char, prefix_size> message_prefix(std::size_t length) noexcept
{
    const auto byte = [length](unsigned shift) { return static_cast<char>((length >> shift) & 255U); };
    return {0, byte(24), byte(16), byte(8), byte(0)};
}

/// Writes what follows the first `done` bytes of prefix and message, as far as there is room.
inline std::size_t copy_message(std::string_view message, std::size_t done, char* to, std::size_t room)
{
    std::size_t written = 0;
    if (done < prefix_size) {
        const auto prefix = message_prefix(message.size());
        written = std::min(room, prefix_size - done);
        std::copy_n(prefix.data() + done, written, to);
        done += written;
        if (done < prefix_size)
            return written;
    }
    const auto part = message.substr(done - prefix_size, room - written);
    std::copy_n(part.data(), part.size(), to + written);
    return written + part.size();
}

/// One message from the bytes of a stream, however they are cut.
class message_reader {
public:
    enum class verdict {
        good,       ///< As far as it has come.
        too_large,  ///< Its length exceeds the limit.
        bad_flag,   ///< Its first byte is neither 0 nor 1.
        second,     ///< There is more than one message.
    };

    /// What is wrong once is not looked at again.
    verdict feed(std::string_view bytes, std::size_t limit)
    {
        while (!bytes.empty()) {
            if (have_ == prefix_size && message_.size() == length_)
                return verdict::second;
            if (have_ < prefix_size) {
                head_[have_++] = static_cast<unsigned char>(bytes.front());
                bytes.remove_prefix(1);
                if (head_[0] > 1)
                    return verdict::bad_flag;
                if (have_ == prefix_size && !begin(limit))
                    return verdict::too_large;
                continue;
            }
            const auto part = bytes.substr(0, length_ - message_.size());
            message_.append(part);
            bytes.remove_prefix(part.size());
        }
        return verdict::good;
    }

    [[nodiscard]] bool begun() const noexcept { return have_ != 0; }
    [[nodiscard]] bool complete() const noexcept { return have_ == prefix_size && message_.size() == length_; }
    [[nodiscard]] bool compressed() const noexcept { return head_[0] == 1; }
    [[nodiscard]] std::size_t length() const noexcept { return length_; }
    [[nodiscard]] std::size_t received() const noexcept { return message_.size(); }
    [[nodiscard]] std::string take() { return std::exchange(message_, {}); }

private:
    bool begin(std::size_t limit)
    {
        length_ = std::size_t{head_[1]} << 24U | std::size_t{head_[2]} << 16U | std::size_t{head_[3]} << 8U | head_[4];
        // A length is only a promise, and is not paid for in advance.
        message_.reserve(std::min<std::size_t>(length_, 4 * 1024));
        return length_ <= limit;
    }

    std::array<unsigned char, prefix_size> head_{};
    std::size_t have_ = 0;
    std::size_t length_ = 0;
    std::string message_{};
};

}  // namespace mayfly::grpc::detail
