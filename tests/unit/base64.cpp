// SPDX-License-Identifier: BSL-1.0
#include <mayfly/base64.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <optional>
#include <string>

using mayfly::base64_form;
using mayfly::from_base64;
using mayfly::to_base64;

TEST_CASE("base64 with its padding, and without anything else")
{
    struct row {
        const char* bytes;
        const char* text;
    };
    const row rows[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};
    for (const row& r : rows) {
        CHECK(to_base64(r.bytes) == r.text);
        CHECK(from_base64(r.text) == r.bytes);
    }
    for (const char* const bad : {"Z", "Zg", "Zg=", "Z!==", "Zm9v\n", "_-8="})
        CHECK_MESSAGE(from_base64(bad) == std::nullopt, bad);
}

TEST_CASE("the liberal form is read with and without padding, in both alphabets")
{
    constexpr auto liberal = base64_form::liberal;
    for (std::size_t n = 0; n < 70; ++n) {
        std::string bytes;
        for (std::size_t i = 0; i < n; ++i)
            bytes += static_cast<char>(i * 37 + n);
        std::string text = to_base64(bytes, liberal);
        CHECK(text.find('=') == std::string::npos);
        CHECK(from_base64(text, liberal) == bytes);
        CHECK(from_base64(to_base64(bytes), liberal) == bytes);
        for (char& c : text)
            c = c == '+' ? '-' : c == '/' ? '_' : c;
        CHECK(from_base64(text, liberal) == bytes);
    }
    CHECK(to_base64("foob", liberal) == "Zm9vYg");
    for (const char* const wrong : {"A", "A===", "=", "Zm9v!", "Zm 9v", "=AAA", "Zg=", "Z=g="})
        CHECK_MESSAGE(from_base64(wrong, liberal) == std::nullopt, wrong);
}
