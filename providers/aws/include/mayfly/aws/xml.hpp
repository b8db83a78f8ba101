// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

// As much of XML as the answers of the query protocol need: the text of an element that stands there once.

namespace mayfly::aws {

/// What stands between `<name>` (attributes allowed) and its end, nothing decoded. Empty if there is none. To look
/// inside an element of that name, give its content to the next call.
[[nodiscard]] inline std::string_view xml_content(std::string_view document, std::string_view name) noexcept
{
    for (auto at = document.find('<'); at != document.npos; at = document.find('<', at + 1)) {
        std::string_view rest = document.substr(at + 1);
        if (!rest.starts_with(name))
            continue;
        rest.remove_prefix(name.size());
        if (rest.empty() || (rest.front() != '>' && rest.front() != ' ' && rest.front() != '/'))
            continue;
        const auto open_end = rest.find('>');
        if (open_end == rest.npos || (open_end > 0 && rest[open_end - 1] == '/'))
            return {};
        rest.remove_prefix(open_end + 1);
        for (auto end = rest.find("</"); end != rest.npos; end = rest.find("</", end + 2)) {
            const std::string_view tail = rest.substr(end + 2);
            if (tail.starts_with(name) && tail.size() > name.size() && tail[name.size()] == '>')
                return rest.substr(0, end);
        }
        return {};
    }
    return {};
}

/// The text with its five named and all numbered references replaced. What is none stays as it is.
[[nodiscard]] inline std::string xml_decoded(std::string_view text)
{
    std::string out;
    while (!text.empty()) {
        const auto amp = text.find('&');
        out += text.substr(0, amp);
        if (amp == text.npos)
            break;
        text.remove_prefix(amp);
        constexpr std::size_t longest = 16;
        const auto end = text.substr(0, longest).find(';');
        const std::string_view name = end == text.npos ? std::string_view{} : text.substr(1, end - 1);
        std::uint32_t point = name == "amp"    ? '&'
                              : name == "lt"   ? '<'
                              : name == "gt"   ? '>'
                              : name == "quot" ? '"'
                              : name == "apos" ? '\''
                                               : 0;
        if (name.starts_with('#')) {
            const bool hex = name.size() > 1 && name[1] == 'x';
            const std::string_view digits = name.substr(hex ? 2 : 1);
            const auto [stop, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), point, hex ? 16 : 10);
            // Messages are ASCII but for what people wrote; beyond it a reference is shown as it came.
            if (ec != std::errc{} || stop != digits.data() + digits.size() || point > 0x7F)
                point = 0;
        }
        if (point == 0) {
            out += '&';
            text.remove_prefix(1);
        } else {
            out += static_cast<char>(point);
            text.remove_prefix(end + 1);
        }
    }
    return out;
}

/// The decoded text of an element.
[[nodiscard]] inline std::string xml_text(std::string_view document, std::string_view name)
{
    return xml_decoded(xml_content(document, name));
}

}  // namespace mayfly::aws
