// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/message.hpp>
#include <mayfly/http/url.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <string_view>

namespace mayfly::http::detail {

inline constexpr std::array<bool, 256> ends_word = [] {
    std::array<bool, 256> out{};
    for (const char c : {' ', '\t', '\r', '\n', '\0', '\x7f'})
        out[static_cast<unsigned char>(c)] = true;
    return out;
}();

/// Whether a request can be written as it is: nothing in it ends a line or a word too early, or says that the body
/// comes in chunks.
inline bool is_writable(const request& r)
{
    const auto is_word = [](std::string_view text) {
        return !text.empty() &&
               std::none_of(text.begin(), text.end(), [](char c) { return ends_word[static_cast<unsigned char>(c)]; });
    };
    // One search for each octet: tokens are long.
    const auto is_line = [](std::string_view text) {
        return text.find('\r') == text.npos && text.find('\n') == text.npos && text.find('\0') == text.npos;
    };
    if (!is_word(r.method_string()) || !is_word(r.target()))
        return false;
    return std::all_of(r.begin(), r.end(), [&](const fields::value_type& f) {
        const std::string_view name = f.name_string();
        return f.name() != field::transfer_encoding && is_word(name) && name.find(':') == name.npos &&
               is_line(f.value());
    });
}

/// How the way to the server changes what is written.
struct request_form {
    std::string_view host{};                 ///< Value of `Host`, if the request has none.
    bool absolute = false;                   ///< Through a proxy that reads it: the target is a whole url.
    std::string_view proxy_authorization{};  ///< Empty for none.
};

/// Appends request line and fields, up to and with the empty line. `Content-Length` is what the body is long, whatever
/// the request says; `Expect` is left away: nobody waits for its answer.
inline void write_head(std::string& out, const request& r, const request_form& form)
{
    const auto text = [&](std::string_view s) { out.append(s.data(), s.size()); };
    const auto line = [&](std::string_view name, std::string_view value) {
        text(name);
        text(": ");
        text(value);
        text("\r\n");
    };

    text(r.method_string());
    text(" ");
    if (form.absolute) {
        text("http://");
        text(form.host);
    }
    text(r.target());
    text(" HTTP/1.1\r\n");

    bool has_host = false;
    for (const auto& f : r) {
        if (f.name() == field::content_length || f.name() == field::expect)
            continue;
        has_host = has_host || f.name() == field::host;
        line(f.name_string(), f.value());
    }
    if (!has_host)
        line("Host", form.host);
    if (!form.proxy_authorization.empty())
        line("Proxy-Authorization", form.proxy_authorization);

    const verb method = r.method();
    const bool no_body_means_none = method == verb::get || method == verb::head || method == verb::delete_ ||
                                    method == verb::options || method == verb::connect || method == verb::trace;
    if (!r.body().empty() || !no_body_means_none) {
        char digits[20];
        const auto end = std::to_chars(digits, digits + sizeof digits, r.body().size()).ptr;
        line("Content-Length", {digits, static_cast<std::string_view::size_type>(end - digits)});
    }
    text("\r\n");
}

}  // namespace mayfly::http::detail
