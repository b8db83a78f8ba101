// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What an ELF file needs to start: read from its program headers and dynamic section, which are what a loader reads, so
// stripped files tell as much. Only the names of symbols come from the section headers, where these are present.

namespace mayfly::aws {

/// A version of a library's symbols that a file was linked against, like GLIBC_2.34 of libc.so.6.
struct elf_version {
    std::string library{};
    std::string name{};
    std::vector<std::string> symbols{};  ///< The first few that are bound to it, as far as the file tells.
};

struct elf_file {
    enum class kind { program, library, object, other };

    std::uint16_t machine = 0;  ///< 62 for x86-64, 183 for aarch64.
    bool wide = false;          ///< 64 bits, little endian. Of any other file nothing more is read.
    kind is = kind::other;
    std::string interpreter{};          ///< The loader that starts it; empty if it starts by itself.
    std::vector<std::string> needed{};  ///< Libraries, as they are asked for.
    std::vector<elf_version> versions{};

    [[nodiscard]] bool is_static() const noexcept { return interpreter.empty() && needed.empty(); }
};

namespace detail {

/// Numbers and strings at offsets that the file itself names, and may name wrongly.
class elf_bytes {
public:
    explicit elf_bytes(std::string_view bytes) : bytes_(bytes) {}

    template <class Number>
    [[nodiscard]] std::optional<Number> at(std::uint64_t offset) const noexcept
    {
        if (offset > bytes_.size() || bytes_.size() - offset < sizeof(Number))
            return std::nullopt;
        std::uint64_t n = 0;
        for (std::size_t i = 0; i < sizeof(Number); ++i)
            n |= std::uint64_t{static_cast<unsigned char>(bytes_[static_cast<std::size_t>(offset) + i])} << (8 * i);
        return static_cast<Number>(n);
    }

    /// The text up to the next zero byte, which is not far.
    [[nodiscard]] std::optional<std::string> text(std::uint64_t offset) const
    {
        constexpr std::size_t longest = 1024;
        if (offset >= bytes_.size())
            return std::nullopt;
        const auto rest = bytes_.substr(static_cast<std::size_t>(offset), longest);
        const auto end = rest.find('\0');
        return end == rest.npos ? std::nullopt : std::optional(std::string(rest.substr(0, end)));
    }

    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

private:
    std::string_view bytes_;
};

struct elf_segment {
    std::uint32_t type = 0;
    std::uint64_t offset = 0;
    std::uint64_t address = 0;
    std::uint64_t size = 0;
};

inline constexpr std::uint32_t elf_load = 1;
inline constexpr std::uint32_t elf_dynamic = 2;
inline constexpr std::uint32_t elf_interpreter = 3;

/// What the dynamic section says, of what is used here. Addresses are file offsets already.
struct elf_dynamic_section {
    std::vector<std::uint64_t> needed{};
    std::optional<std::uint64_t> strings{};
    std::optional<std::uint64_t> symbols{};
    std::optional<std::uint64_t> symbol_versions{};
    std::optional<std::uint64_t> version_needs{};
    std::uint64_t version_need_count = 0;
    bool pie = false;
};

// Nothing real comes near these, and a file that lies about its counts costs no more than this.
inline constexpr std::uint64_t elf_most_entries = 4096;
inline constexpr std::uint64_t elf_most_symbols = 1 << 22;
inline constexpr std::size_t elf_named_symbols = 8;

class elf_reader {
public:
    explicit elf_reader(std::string_view bytes) : bytes_(bytes) {}

    [[nodiscard]] std::optional<elf_file> read()
    {
        if (bytes_.at<std::uint32_t>(0) != 0x464c'457fU)
            return std::nullopt;
        elf_file out;
        const auto machine = bytes_.at<std::uint16_t>(18);
        const auto type = bytes_.at<std::uint16_t>(16);
        if (!machine || !type)
            return std::nullopt;
        out.machine = *machine;
        out.wide = bytes_.at<std::uint8_t>(4) == 2 && bytes_.at<std::uint8_t>(5) == 1;
        if (!out.wide)
            return out;
        if (!read_segments())
            return std::nullopt;

        elf_dynamic_section dynamic;
        for (const elf_segment& s : segments_) {
            if (s.type == elf_interpreter) {
                auto name = bytes_.text(s.offset);
                if (!name || name->empty())
                    return std::nullopt;
                out.interpreter = std::move(*name);
            } else if (s.type == elf_dynamic && !read_dynamic(s, dynamic)) {
                return std::nullopt;
            }
        }
        constexpr std::uint16_t relocatable = 1, executable = 2, shared = 3;
        if (*type == relocatable)
            out.is = elf_file::kind::object;
        else if (*type == executable || (*type == shared && (dynamic.pie || !out.interpreter.empty())))
            out.is = elf_file::kind::program;
        else if (*type == shared)
            out.is = elf_file::kind::library;

        if (!read_needs(dynamic, out))
            return std::nullopt;
        name_symbols(dynamic, out);
        return out;
    }

private:
    bool read_segments()
    {
        const auto start = bytes_.at<std::uint64_t>(32);
        const auto size = bytes_.at<std::uint16_t>(54);
        const auto count = bytes_.at<std::uint16_t>(56);
        if (!start || !size || !count || (*count != 0 && *size < 56))
            return false;
        for (std::uint64_t i = 0; i < *count; ++i) {
            const std::uint64_t at = *start + i * *size;
            const auto type = bytes_.at<std::uint32_t>(at);
            const auto offset = bytes_.at<std::uint64_t>(at + 8);
            const auto address = bytes_.at<std::uint64_t>(at + 16);
            const auto length = bytes_.at<std::uint64_t>(at + 32);
            if (at < *start || !type || !offset || !address || !length)
                return false;
            segments_.push_back({*type, *offset, *address, *length});
        }
        return true;
    }

    /// Where in the file that lies which the program sees at `address`.
    [[nodiscard]] std::optional<std::uint64_t> offset_of(std::uint64_t address) const noexcept
    {
        for (const elf_segment& s : segments_)
            if (s.type == elf_load && address >= s.address && address - s.address < s.size)
                return s.offset + (address - s.address);
        return std::nullopt;
    }

    bool read_dynamic(const elf_segment& s, elf_dynamic_section& out) const
    {
        constexpr std::uint64_t flags_1 = 0x6fff'fffb, pie_flag = 0x0800'0000;
        for (std::uint64_t i = 0; i < s.size / 16; ++i) {
            const auto tag = bytes_.at<std::uint64_t>(s.offset + 16 * i);
            const auto value = bytes_.at<std::uint64_t>(s.offset + 16 * i + 8);
            if (!tag || !value || i > elf_most_entries)
                return false;
            switch (*tag) {
            case 0: return true;
            case 1: out.needed.push_back(*value); break;
            case 5: out.strings = offset_of(*value); break;
            case 6: out.symbols = offset_of(*value); break;
            case 0x6fff'fff0: out.symbol_versions = offset_of(*value); break;
            case 0x6fff'fffe: out.version_needs = offset_of(*value); break;
            case 0x6fff'ffff: out.version_need_count = *value; break;
            case flags_1: out.pie = (*value & pie_flag) != 0; break;
            default: break;
            }
        }
        return true;
    }

    bool read_needs(const elf_dynamic_section& dynamic, elf_file& out)
    {
        if (dynamic.needed.empty() && dynamic.version_need_count == 0)
            return true;
        if (!dynamic.strings)
            return false;
        for (const std::uint64_t offset : dynamic.needed) {
            auto name = bytes_.text(*dynamic.strings + offset);
            if (!name)
                return false;
            out.needed.push_back(std::move(*name));
        }
        if (dynamic.version_need_count == 0)
            return true;
        if (!dynamic.version_needs)
            return false;

        // A chain of libraries, each with a chain of versions; both go forward by offsets relative to themselves.
        std::uint64_t library = *dynamic.version_needs;
        for (std::uint64_t i = 0; i < dynamic.version_need_count; ++i) {
            const auto count = bytes_.at<std::uint16_t>(library + 2);
            const auto name = bytes_.at<std::uint32_t>(library + 4);
            const auto first = bytes_.at<std::uint32_t>(library + 8);
            const auto next = bytes_.at<std::uint32_t>(library + 12);
            if (!count || !name || !first || !next || i > elf_most_entries)
                return false;
            const auto library_name = bytes_.text(*dynamic.strings + *name);
            if (!library_name)
                return false;
            std::uint64_t version = library + *first;
            for (std::uint64_t k = 0; k < *count; ++k) {
                const auto index = bytes_.at<std::uint16_t>(version + 6);
                const auto version_name = bytes_.at<std::uint32_t>(version + 8);
                const auto next_version = bytes_.at<std::uint32_t>(version + 12);
                if (!index || !version_name || !next_version || out.versions.size() > elf_most_entries)
                    return false;
                auto text = bytes_.text(*dynamic.strings + *version_name);
                if (!text)
                    return false;
                indices_.push_back(*index);
                out.versions.push_back({*library_name, std::move(*text), {}});
                if (*next_version == 0)
                    break;
                version += *next_version;
            }
            if (*next == 0)
                break;
            library += *next;
        }
        return true;
    }

    /// How many dynamic symbols there are, which only the section headers say outright.
    [[nodiscard]] std::uint64_t symbol_count() const noexcept
    {
        const auto start = bytes_.at<std::uint64_t>(40);
        const auto size = bytes_.at<std::uint16_t>(58);
        const auto count = bytes_.at<std::uint16_t>(60);
        if (!start || !size || !count || *size < 64)
            return 0;
        constexpr std::uint32_t dynamic_symbols = 11;
        for (std::uint64_t i = 0; i < *count; ++i)
            if (bytes_.at<std::uint32_t>(*start + i * *size + 4) == dynamic_symbols)
                return std::min(bytes_.at<std::uint64_t>(*start + i * *size + 32).value_or(0) / 24, elf_most_symbols);
        return 0;
    }

    void name_symbols(const elf_dynamic_section& dynamic, elf_file& out) const
    {
        if (indices_.empty() || !dynamic.symbols || !dynamic.symbol_versions)
            return;
        const std::uint64_t count = symbol_count();
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto index = bytes_.at<std::uint16_t>(*dynamic.symbol_versions + 2 * i);
            const auto name = bytes_.at<std::uint32_t>(*dynamic.symbols + 24 * i);
            if (!index || !name)
                return;
            const auto found = std::ranges::find(indices_, static_cast<std::uint16_t>(*index & 0x7fff));
            if (found == indices_.end())
                continue;
            auto& symbols = out.versions[static_cast<std::size_t>(found - indices_.begin())].symbols;
            auto text = bytes_.text(*dynamic.strings + *name);
            if (text && !text->empty() && symbols.size() < elf_named_symbols)
                symbols.push_back(std::move(*text));
        }
    }

    elf_bytes bytes_;
    std::vector<elf_segment> segments_{};
    std::vector<std::uint16_t> indices_{};  // of versions, in their order
};

}  // namespace detail

/// Nothing if it is no ELF file, or one whose headers point outside of it. Never fails otherwise, whatever the bytes.
[[nodiscard]] inline std::optional<elf_file> read_elf(std::string_view bytes)
{
    return detail::elf_reader(bytes).read();
}

}  // namespace mayfly::aws
