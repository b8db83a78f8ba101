// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::grpc {

/// One pair of a call's metadata.
struct metadata_entry {
    std::string name{};   ///< Lower case.
    std::string value{};  ///< Printable ASCII; any bytes if the name ends in `-bin`.

    friend bool operator==(const metadata_entry&, const metadata_entry&) = default;
};

/// What travels beside a message. A name may stand in it several times; the order is kept. Values of names that end in
/// `-bin` are bytes here, and base64 on the wire only.
class metadata {
public:
    metadata() = default;
    metadata(std::initializer_list<metadata_entry> entries) : entries_(entries) {}

    void add(std::string name, std::string value) { entries_.push_back({std::move(name), std::move(value)}); }

    /// The value of the first entry of this name.
    [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const
    {
        for (const auto& e : entries_)
            if (e.name == name)
                return e.value;
        return std::nullopt;
    }
    [[nodiscard]] bool contains(std::string_view name) const { return get(name).has_value(); }

    [[nodiscard]] auto begin() const noexcept { return entries_.begin(); }
    [[nodiscard]] auto end() const noexcept { return entries_.end(); }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }

    friend bool operator==(const metadata&, const metadata&) = default;

private:
    std::vector<metadata_entry> entries_{};
};

/// Whether the values of this name are bytes.
[[nodiscard]] constexpr bool is_binary(std::string_view name) noexcept
{
    return name.ends_with("-bin");
}

namespace detail {

constexpr bool is_name_char(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

/// Names that are the protocol's own.
constexpr bool is_reserved(std::string_view name) noexcept
{
    constexpr std::string_view own[] = {"te", "content-type", "user-agent", "connection", "host", "keep-alive",
        "proxy-connection", "transfer-encoding", "upgrade", "content-length"};
    return name.starts_with("grpc-") || std::find(std::begin(own), std::end(own), name) != std::end(own);
}

}  // namespace detail

/// What is wrong with metadata that is to be sent: the name, and the remedy. No value is in it.
[[nodiscard]] inline std::optional<std::string> problem_of(const metadata& all)
{
    for (const auto& [name, value] : all) {
        if (name.empty() || !std::all_of(name.begin(), name.end(), detail::is_name_char)) {
            std::string shown = name;
            std::replace_if(
                shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
            return "metadata \"" + shown + "\": write the name in a-z, 0-9, '_', '-' and '.'";
        }
        if (detail::is_reserved(name))
            return "metadata \"" + name + "\": this name is the protocol's own; leave it away";
        if (is_binary(name))
            continue;
        if (!std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; }))
            return "metadata \"" + name +
                   "\": the value is not printable ASCII; bytes go under a name that ends in -bin";
        if (value.starts_with(' ') || value.ends_with(' '))
            return "metadata \"" + name + "\": the value begins or ends with a space, which would be lost";
    }
    return std::nullopt;
}

}  // namespace mayfly::grpc
