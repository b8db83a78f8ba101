// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/sha256.hpp>

#include <boost/endian/conversion.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// The canonical request of Signature Version 4: one text for all the ways in which a request may be written.

namespace mayfly::aws {

struct header_view {
    std::string_view name;
    std::string_view value;
};

/// A view of a request as it goes over the wire.
struct signing_request {
    std::string_view method = "GET";
    std::string_view path = "/";             ///< As it stands in the request line, up to the `?`.
    std::string_view query{};                ///< As it stands there, behind the `?`.
    std::span<const header_view> headers{};  ///< All that are sent, in their order, `Host` among them.
    std::string_view body{};
    std::string_view payload_hash{};  ///< SHA-256 of the body in lower-case hex, where it is known; else it is made.
};

/// Path and query of a request line's target.
struct split_target {
    explicit split_target(std::string_view target) noexcept
        : path{target.substr(0, target.find('?'))},
          query{path.size() < target.size() ? target.substr(path.size() + 1) : std::string_view{}}
    {}
    std::string_view path;
    std::string_view query;
};

namespace detail {

[[nodiscard]] constexpr char lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

[[nodiscard]] constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

/// Blanks, and what is left of a value that was folded over several lines.
[[nodiscard]] constexpr bool is_blank(char c) noexcept
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

[[nodiscard]] constexpr std::string_view trimmed(std::string_view text) noexcept
{
    while (!text.empty() && is_blank(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back()))
        text.remove_suffix(1);
    return text;
}

inline constexpr std::array<bool, 256> unreserved = [] {
    std::array<bool, 256> out{};
    for (const char c : std::string_view{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"})
        out[static_cast<unsigned char>(c)] = true;
    return out;
}();

[[nodiscard]] constexpr int hex_digit(char c) noexcept
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/// Whether no hop may change it on the way: only such headers are signed.
[[nodiscard]] constexpr bool is_signable(std::string_view name) noexcept
{
    const auto is = [name](std::string_view other) { return equal_ignoring_case(name, other); };
    switch (name.size()) {
    case 2: return !is("te");
    case 6: return !is("expect");
    case 7: return !is("trailer") && !is("upgrade") && !is("baggage");
    case 10: return !is("user-agent") && !is("connection") && !is("keep-alive") && !is("tracestate");
    case 11: return !is("traceparent");
    case 13: return !is("authorization");
    case 15: return !is("x-amzn-trace-id");
    case 17: return !is("transfer-encoding");
    case 18: return !is("proxy-authenticate");
    case 19: return !is("proxy-authorization");
    default: return true;
    }
}

/// Whether `name`, in any case, is one of the names in `list`, which are joined with `;`.
[[nodiscard]] constexpr bool is_listed(std::string_view list, std::string_view name) noexcept
{
    for (;;) {
        const auto end = list.find(';');
        if (equal_ignoring_case(list.substr(0, end), name))
            return true;
        if (end == list.npos)
            return false;
        list.remove_prefix(end + 1);
    }
}

// The functions below write to a place that is large enough, by a few octets more than the text, and return its new
// end.

inline char* put(char* out, std::string_view text) noexcept
{
    return std::copy(text.begin(), text.end(), out);
}

/// How each octet is written: itself or as an escape, and behind that how long it is then.
inline constexpr std::array<std::array<char, 4>, 256> encodings = [] {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::array<std::array<char, 4>, 256> out{};
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = unreserved[i] ? std::array<char, 4>{static_cast<char>(i), 0, 0, 1}
                               : std::array<char, 4>{'%', digits[i / 16], digits[i % 16], 3};
    return out;
}();

/// Writes four octets, of which one or three count: without a branch, which nobody could foresee.
inline char* put_encoded(char* out, char c) noexcept
{
    const auto& how = encodings[static_cast<unsigned char>(c)];
    std::memcpy(out, how.data(), how.size());
    return out + how[3];
}

/// With everything escaped but unreserved octets: for a part of a path, a query or a form.
inline void append_encoded(std::string& out, std::string_view text)
{
    for (const char c : text) {
        const auto& how = encodings[static_cast<unsigned char>(c)];
        out.append(how.data(), static_cast<std::size_t>(how[3]));
    }
}

/// Eight letters at once; what is no capital stays.
[[nodiscard]] constexpr std::uint64_t lower_eight(std::uint64_t eight) noexcept
{
    constexpr std::uint64_t ones = 0x0101010101010101U;
    const std::uint64_t seven_bits = eight & (ones * 0x7F);
    const std::uint64_t from_a = seven_bits + ones * (0x80 - 'A');
    const std::uint64_t past_z = seven_bits + ones * (0x7F - 'Z');
    return eight | ((from_a & ~past_z & ~eight & (ones * 0x80)) >> 2U);
}

inline char* put_lower(char* out, std::string_view text) noexcept
{
    std::uint64_t eight = 0;
    for (; text.size() >= sizeof eight; text.remove_prefix(sizeof eight), out += sizeof eight) {
        std::memcpy(&eight, text.data(), sizeof eight);
        eight = lower_eight(eight);
        std::memcpy(out, &eight, sizeof eight);
    }
    for (const char c : text)
        *out++ = lower(c);
    return out;
}

/// What is encoded already is encoded once more: a `%` is like any other octet.
inline char* put_path(char* const begin, std::string_view path) noexcept
{
    char* out = begin;
    const bool ends_in_slash = !path.empty() && path.back() == '/';
    while (!path.empty()) {
        const auto slash = path.find('/');
        const std::string_view segment = path.substr(0, slash);
        path.remove_prefix(slash == path.npos ? path.size() : slash + 1);
        if (segment == "..") {
            while (out != begin && *--out != '/') {
            }
        } else if (!segment.empty() && segment != ".") {
            *out++ = '/';
            for (const char c : segment)
                out = put_encoded(out, c);
        }
    }
    if (out == begin || ends_in_slash)
        *out++ = '/';
    return out;
}

/// Decoded and encoded again, so that all ways to write a text become one. A `%` before anything but two hexadecimal
/// digits stands for itself, and so does `+`.
inline char* put_query_text(char* out, std::string_view text) noexcept
{
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%' && text.size() - i > 2 && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
            c = static_cast<char>(static_cast<unsigned char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])));
            i += 2;
        }
        out = put_encoded(out, c);
    }
    return out;
}

/// How many octets at the start are above the blank.
[[nodiscard]] inline std::size_t solid_run(std::string_view text) noexcept
{
    // By words, and four of them at a time: tokens are long, and mostly have no blank at all.
    constexpr std::uint64_t tops = 0x8080808080808080U;
    const auto low = [at = text.data()](std::size_t i) {  // a top bit where there is an octet up to the blank
        std::uint64_t eight = 0;
        std::memcpy(&eight, at + i, sizeof eight);
        return (eight - 0x2121212121212121U) & ~eight & tops;
    };
    std::size_t n = 0;
    while (text.size() - n >= 32 && (low(n) | low(n + 8) | low(n + 16) | low(n + 24)) == 0)
        n += 32;
    while (text.size() - n >= 8 && low(n) == 0)
        n += 8;
    while (n < text.size() && static_cast<unsigned char>(text[n]) > ' ')
        ++n;
    return n;
}

/// Without blanks at its ends, each run of blanks within as one.
inline char* put_header_value(char* out, std::string_view value) noexcept
{
    value = trimmed(value);
    while (!value.empty()) {
        const std::size_t solid = solid_run(value);
        out = put(out, value.substr(0, solid));
        value.remove_prefix(solid);
        if (value.empty())
            break;
        const bool blank = is_blank(value.front());
        *out++ = blank ? ' ' : value.front();
        do
            value.remove_prefix(1);
        while (blank && is_blank(value.front()));  // The last octet is no blank.
    }
    return out;
}

}  // namespace detail

/** Makes canonical requests, one at a time, in buffers that it keeps: after a few requests of a kind it allocates
   nothing.

    The rules are those of all services but S3: the path is normalised and encoded once more than on the wire.
*/
class canonicaliser {
public:
    /// Good until the next call.
    struct result {
        std::string_view text;            ///< The canonical request.
        std::string_view signed_headers;  ///< Lower-case names, sorted, joined with `;`.
        std::string_view payload_hash;
    };

    /// With `listed`, a text like `signed_headers`, exactly those headers are taken; else all that no hop may change.
    result operator()(const signing_request& r, std::optional<std::string_view> listed = std::nullopt)
    {
        using namespace detail;
        std::size_t most = 96 + r.method.size() + 3 * r.path.size() + 4 * r.query.size();
        most += take_headers(r.headers, listed) + sent_hash_.size() + r.payload_hash.size();
        if (text_.size() < most)
            text_.resize(most);

        char* out = text_.data();
        for (const char c : r.method)
            *out++ = c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
        *out++ = '\n';
        out = put_path(out, r.path);
        *out++ = '\n';
        out = put_query(out, r.query);
        *out++ = '\n';
        out = put_headers(out);
        *out++ = '\n';

        char* const names = out;
        for (const taken& h : headers_) {
            if (h.first) {
                if (out != names)
                    *out++ = ';';
                out = put(out, {text_.data() + h.written, h.header->name.size()});
            }
        }
        const std::string_view signed_headers{names, static_cast<std::size_t>(out - names)};
        *out++ = '\n';

        std::string_view hash = sent_hash_.empty() ? r.payload_hash : sent_hash_;
        if (hash.empty()) {
            hash_ = hex(sha256_of(r.body));
            hash = view(hash_);
        }
        char* const hash_at = out;
        out = put(out, hash);
        return {{text_.data(), static_cast<std::size_t>(out - text_.data())}, signed_headers,
            {hash_at, static_cast<std::size_t>(out - hash_at)}};
    }

private:
    struct taken {
        std::uint64_t start;  // of the name in lower case, so that one comparison settles most
        const header_view* header;
        std::size_t written = 0;  // where its name stands in the text
        bool first = true;        // of its name
    };
    struct parameter {
        std::string_view name;
        std::string_view value;
    };

    static std::uint64_t start_of(std::string_view name) noexcept
    {
        std::array<unsigned char, 8> first{};
        std::copy_n(name.begin(), std::min(name.size(), first.size()), first.begin());
        return detail::lower_eight(boost::endian::load_big_u64(first.data()));
    }

    static int compare_names(std::string_view a, std::string_view b) noexcept
    {
        for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
            const auto x = static_cast<unsigned char>(detail::lower(a[i]));
            const auto y = static_cast<unsigned char>(detail::lower(b[i]));
            if (x != y)
                return x < y ? -1 : 1;
        }
        return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
    }

    /// Fills `headers_`, sorted. Returns how much room they need at most.
    std::size_t take_headers(std::span<const header_view> all, std::optional<std::string_view> listed)
    {
        std::size_t room = 0;
        headers_.clear();
        sent_hash_ = {};
        for (const header_view& h : all) {
            if (listed ? !detail::is_listed(*listed, h.name) : !detail::is_signable(h.name))
                continue;
            headers_.push_back({start_of(h.name), &h});
            room += 2 * h.name.size() + h.value.size() + 3;
            if (h.name.size() == 20 && detail::equal_ignoring_case(h.name, "x-amz-content-sha256"))
                sent_hash_ = detail::trimmed(h.value);
        }
        std::sort(headers_.begin(), headers_.end(), [](const taken& a, const taken& b) {
            if (a.start != b.start)
                return a.start < b.start;
            const int order = compare_names(a.header->name, b.header->name);
            return order != 0 ? order < 0 : a.header < b.header;
        });
        return room;
    }

    char* put_headers(char* out) noexcept
    {
        const taken* before = nullptr;
        for (taken& h : headers_) {
            h.first = before == nullptr || h.start != before->start ||
                      compare_names(h.header->name, before->header->name) != 0;
            if (h.first) {
                h.written = static_cast<std::size_t>(out - text_.data());
                out = detail::put_lower(out, h.header->name);
                *out++ = ':';
            } else {
                out[-1] = ',';  // over the line's end
            }
            out = detail::put_header_value(out, h.header->value);
            *out++ = '\n';
            before = &h;
        }
        return out;
    }

    char* put_query(char* out, std::string_view query)
    {
        if (query.empty())
            return out;
        if (query_.size() < 3 * query.size() + 4)
            query_.resize(3 * query.size() + 4);
        parameters_.clear();
        char* end = query_.data();
        while (!query.empty()) {
            const std::string_view piece = query.substr(0, query.find('&'));
            query.remove_prefix(std::min(query.size(), piece.size() + 1));
            if (piece.empty())
                continue;
            const std::string_view name = piece.substr(0, piece.find('='));
            char* const name_at = end;
            end = detail::put_query_text(end, name);
            char* const value_at = end;
            end = detail::put_query_text(end, piece.substr(std::min(piece.size(), name.size() + 1)));
            parameters_.push_back({{name_at, static_cast<std::size_t>(value_at - name_at)},
                {value_at, static_cast<std::size_t>(end - value_at)}});
        }
        // By name and then by value. Sorting `name=value` whole would put `a-b=` before `a=`.
        std::sort(parameters_.begin(), parameters_.end(), [](const parameter& a, const parameter& b) {
            const int order = a.name.compare(b.name);
            return order != 0 ? order < 0 : a.value < b.value;
        });
        const char* const begin = out;
        for (const parameter& p : parameters_) {
            if (out != begin)
                *out++ = '&';
            out = detail::put(out, p.name);
            *out++ = '=';
            out = detail::put(out, p.value);
        }
        return out;
    }

    std::string text_;
    std::string query_;
    std::vector<taken> headers_;
    std::vector<parameter> parameters_;
    std::string_view sent_hash_;
    hex_digest hash_{};
};

}  // namespace mayfly::aws
