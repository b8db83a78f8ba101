// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <random>
#include <string>
#include <string_view>

namespace mayfly::local::detail {

/// Makes up names that no other has: of requests, traces and log streams.
class id_maker {
public:
    id_maker() : random_(seed()) {}

    /// A version 4 UUID.
    [[nodiscard]] std::string request_id()
    {
        std::string out = hex(32);
        out[12] = '4';
        out[16] = "89ab"[random_() & 3U];
        for (const std::size_t at : {20U, 16U, 12U, 8U})
            out.insert(at, 1, '-');
        return out;
    }

    [[nodiscard]] std::string trace_id(std::chrono::system_clock::time_point now)
    {
        std::array<char, 16> seconds{};
        std::snprintf(seconds.data(), seconds.size(), "%08llx",
            static_cast<unsigned long long>(std::chrono::system_clock::to_time_t(now)));
        return "Root=1-" + std::string(seconds.data()) + '-' + hex(24) + ";Parent=" + hex(16) +
               ";Sampled=0;Lineage=1:" + hex(8) + ":0";
    }

    [[nodiscard]] std::string log_stream(std::string_view version, std::chrono::system_clock::time_point now)
    {
        const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
        std::tm utc{};
        ::gmtime_r(&seconds, &utc);
        std::array<char, 32> day{};
        std::strftime(day.data(), day.size(), "%Y/%m/%d/[", &utc);
        return day.data() + std::string(version) + ']' + hex(32);
    }

private:
    [[nodiscard]] static std::mt19937_64 seed()
    {
        std::random_device device;
        std::seed_seq words{device(), device(), device(), device(), device(), device(), device(), device()};
        return std::mt19937_64(words);
    }

    [[nodiscard]] std::string hex(std::size_t digits)
    {
        constexpr std::string_view all = "0123456789abcdef";
        std::string out(digits, '0');
        std::uint64_t bits = 0;
        for (std::size_t i = 0; i < digits; ++i, bits >>= 4U) {
            if (i % 16 == 0)
                bits = random_();
            out[i] = all[bits & 0xFU];
        }
        return out;
    }

    std::mt19937_64 random_;
};

}  // namespace mayfly::local::detail
