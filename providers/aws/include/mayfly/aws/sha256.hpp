// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

// SHA-256 and HMAC as values on the stack. OpenSSL 3 calls the plain functions deprecated; they stay here because the
// EVP ones allocate at every copy of a state, and a signature copies two.

namespace mayfly::aws {

using digest = std::array<unsigned char, 32>;
using hex_digest = std::array<char, 64>;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/// A hash being made. Copying one copies what it has read so far. Never allocates.
class sha256 {
public:
    sha256() noexcept { SHA256_Init(&state_); }

    sha256& update(std::string_view text) noexcept
    {
        SHA256_Update(&state_, text.data(), text.size());
        return *this;
    }
    sha256& update(const digest& bytes) noexcept
    {
        SHA256_Update(&state_, bytes.data(), bytes.size());
        return *this;
    }

    /// Once.
    [[nodiscard]] digest finish() noexcept
    {
        digest out;
        SHA256_Final(out.data(), &state_);
        return out;
    }

private:
    SHA256_CTX state_;
};

#pragma GCC diagnostic pop

[[nodiscard]] inline digest sha256_of(std::string_view text) noexcept
{
    return sha256{}.update(text).finish();
}

namespace detail {

inline constexpr std::array<std::array<char, 2>, 256> hex_pairs = [] {
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<std::array<char, 2>, 256> out{};
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = {digits[i / 16], digits[i % 16]};
    return out;
}();

}  // namespace detail

/// Lower case.
[[nodiscard]] inline hex_digest hex(const digest& bytes) noexcept
{
    hex_digest out;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        std::memcpy(&out[2 * i], detail::hex_pairs[bytes[i]].data(), 2);
    return out;
}

[[nodiscard]] inline std::string_view view(const hex_digest& text) noexcept
{
    return {text.data(), text.size()};
}

/// The bytes of a digest as the text that the next HMAC of a chain takes for its key.
[[nodiscard]] inline std::string_view view(const digest& bytes) noexcept
{
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// HMAC-SHA-256 with one key: both of the key's blocks are hashed once, here. Never allocates.
class hmac_key {
public:
    explicit hmac_key(std::string_view key) noexcept
    {
        constexpr std::size_t block = 64;
        std::array<char, block> inner{};
        std::array<char, block> outer{};
        const digest hashed = key.size() > block ? sha256_of(key) : digest{};
        if (key.size() > block)
            key = view(hashed);
        for (std::size_t i = 0; i < block; ++i) {
            const char k = i < key.size() ? key[i] : '\0';
            inner[i] = static_cast<char>(k ^ 0x36);
            outer[i] = static_cast<char>(k ^ 0x5C);
        }
        inner_.update({inner.data(), block});
        outer_.update({outer.data(), block});
        OPENSSL_cleanse(inner.data(), block);
        OPENSSL_cleanse(outer.data(), block);
    }

    [[nodiscard]] digest sign(std::string_view text) const noexcept
    {
        sha256 inner = inner_;
        sha256 outer = outer_;
        return outer.update(inner.update(text).finish()).finish();
    }

private:
    sha256 inner_;
    sha256 outer_;
};

[[nodiscard]] inline digest hmac_sha256(std::string_view key, std::string_view text) noexcept
{
    return hmac_key{key}.sign(text);
}

/// Takes as long wherever the two differ. Their lengths are no secret.
[[nodiscard]] inline bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept
{
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace mayfly::aws
