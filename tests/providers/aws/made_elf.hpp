// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// An ELF file to order, with what a loader reads of one and nothing else.
struct made_elf {
    struct version {
        std::string library{};
        std::string name{};
        std::vector<std::string> symbols{};
    };
    std::uint16_t machine = 62;
    std::uint16_t type = 3;
    bool pie = true;
    std::string interpreter = "/lib64/ld-linux-x86-64.so.2";
    std::vector<std::string> needed{};
    std::vector<version> versions{};
    bool sections = true;

    [[nodiscard]] std::string bytes() const
    {
        std::string strings(1, '\0');
        const auto string = [&strings](std::string_view text) {
            const auto at = strings.size();
            strings += text;
            strings += '\0';
            return std::uint64_t{at};
        };
        std::string dynamic, symbols(24, '\0'), indices(2, '\0'), needs;
        for (const std::string& library : needed)
            put64(put64(dynamic, 1), string(library));
        for (std::size_t i = 0; i < versions.size(); ++i) {
            const auto index = static_cast<std::uint16_t>(i + 2);
            put32(put32(put32(put16(put16(needs, 1), 1), string(versions[i].library)), 16),
                i + 1 == versions.size() ? 0 : 32);
            put32(put32(put16(put16(put32(needs, 0), 0), index), string(versions[i].name)), 0);
            for (const std::string& symbol : versions[i].symbols) {
                put32(symbols, string(symbol));
                symbols.append(20, '\0');
                put16(indices, index);
            }
        }

        constexpr std::uint64_t base = 0x40'0000, body = 64 + 3 * 56;
        const bool is_dynamic = !needed.empty() || !versions.empty() || pie;
        const std::uint64_t at_strings = body + interpreter.size() + 1;
        const std::uint64_t at_symbols = at_strings + strings.size();
        const std::uint64_t at_indices = at_symbols + symbols.size();
        const std::uint64_t at_needs = at_indices + indices.size();
        const std::uint64_t at_dynamic = at_needs + needs.size();
        put64(put64(dynamic, 5), base + at_strings);
        put64(put64(dynamic, 6), base + at_symbols);
        put64(put64(dynamic, 0x6fff'fff0), base + at_indices);
        put64(put64(dynamic, 0x6fff'fffe), base + at_needs);
        put64(put64(dynamic, 0x6fff'ffff), versions.size());
        if (pie)
            put64(put64(dynamic, 0x6fff'fffb), 0x0800'0000);
        dynamic.append(16, '\0');
        const std::uint64_t at_sections = at_dynamic + dynamic.size();

        std::string out = "\x7f"
                          "ELF";
        out += std::string{2, 1, 1};
        out.append(9, '\0');
        put32(put16(put16(out, type), machine), 1);
        put64(put64(put64(out, base), 64), sections ? at_sections : 0);
        put16(put16(put16(put32(out, 0), 64), 56), 3);
        put16(put16(put16(out, 64), sections ? 1 : 0), 0);
        segment(out, 1, 0, base, at_sections);
        segment(out, interpreter.empty() ? 0 : 3, body, base + body, interpreter.size() + 1);
        segment(out, is_dynamic ? 2 : 0, at_dynamic, base + at_dynamic, dynamic.size());
        out += interpreter + '\0' + strings + symbols + indices + needs + dynamic;
        if (sections) {
            put64(put64(put64(put32(put32(out, 0), 11), 0), base + at_symbols), at_symbols);
            put64(out, symbols.size());
            out.append(24, '\0');
        }
        return out;
    }

private:
    template <std::size_t Bytes>
    static std::string& put(std::string& out, std::uint64_t n)
    {
        for (std::size_t i = 0; i < Bytes; ++i)
            out += static_cast<char>(static_cast<unsigned char>(n >> (8 * i)));
        return out;
    }
    static std::string& put16(std::string& out, std::uint64_t n) { return put<2>(out, n); }
    static std::string& put32(std::string& out, std::uint64_t n) { return put<4>(out, n); }
    static std::string& put64(std::string& out, std::uint64_t n) { return put<8>(out, n); }

    static void segment(
        std::string& out, std::uint32_t type, std::uint64_t offset, std::uint64_t address, std::uint64_t size)
    {
        put64(put64(put64(put64(put64(put64(put32(put32(out, type), 5), offset), address), address), size), size), 1);
    }
};
