// SPDX-License-Identifier: BSL-1.0
#include "bytes.hpp"

#include <mayfly/aws/sigv4_verify.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Signing: however a request is written, its canonical form is the same; whatever is altered, its signature is not.

using namespace mayfly;
using namespace mayfly::aws;

namespace {

struct request {
    std::string method;
    std::string path;
    std::string query;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;

    [[nodiscard]] std::vector<header_view> views() const
    {
        std::vector<header_view> out;
        for (const auto& [name, value] : headers)
            out.push_back({name, value});
        return out;
    }
};

std::string text(fuzz::bytes& in, std::string_view likely, std::uint32_t most)
{
    std::string out;
    for (std::uint32_t n = in.below(most + 1); n > 0 && !in.empty(); --n) {
        const std::uint8_t b = in.byte();
        out += b < 200 ? likely[b % likely.size()] : static_cast<char>(in.byte());
    }
    return out;
}

request read_request(fuzz::bytes& in)
{
    constexpr std::string_view names[]{"Host", "X-Amz-Date", "x-amz-meta-a", "X-Amz-Target", "Content-Type",
        "User-Agent", "TE", "authorization", "x-amz-content-sha256", "Accept"};
    constexpr std::string_view methods[]{"GET", "POST", "put"};
    request out{.method = std::string{methods[in.below(3)]},
        .path = '/' + text(in, "/./..a%2Fb:$", 40),
        .query = text(in, "a=b&c%2f-+", 40),
        .headers = {{"Host", "h"}, {"X-Amz-Date", "20260304T050607Z"}},
        .body = text(in, "{}\"", 20)};
    for (std::uint32_t n = in.below(8); n > 0; --n) {
        const std::uint32_t which = in.below(12);
        std::string name{which < std::size(names) ? std::string{names[which]} : text(in, "ab-AB", 6)};
        // A field name is a token: others never become a field of HTTP, and would not survive the list of what is
        // signed.
        std::erase_if(name, [](char c) {
            return c <= ' ' || c == '\x7F' || std::string_view{"\"(),/:;<=>?@[\\]{}"}.find(c) != std::string_view::npos;
        });
        if (name.empty())
            continue;
        std::string value = text(in, "v  \tw,", 20);
        std::replace(value.begin(), value.end(), '\0', ' ');
        out.headers.emplace_back(std::move(name), std::move(value));
    }
    return out;
}

signing_request view_of(const request& r, const std::vector<header_view>& headers)
{
    return {.method = r.method, .path = r.path, .query = r.query, .headers = headers, .body = r.body};
}

std::string canonical(const request& r)
{
    const std::vector<header_view> headers = r.views();
    return std::string{canonicaliser{}(view_of(r, headers)).text};
}

std::string_view line(std::string_view all, int n)
{
    for (; n > 0; --n)
        all.remove_prefix(all.find('\n') + 1);
    return all.substr(0, all.find('\n'));
}

/// Each octet of a query as an escape, but for what divides.
std::string escaped(std::string_view query)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    bool in_value = false;
    for (std::size_t i = 0; i < query.size(); ++i) {
        const char c = query[i];
        const bool escape = c == '%' && i + 2 < query.size() && detail::hex_digit(query[i + 1]) >= 0 &&
                            detail::hex_digit(query[i + 2]) >= 0;
        if (c == '&' || (c == '=' && !in_value)) {
            in_value = c == '=';
            out += c;
        } else if (escape) {
            out += query.substr(i, 3);
            i += 2;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += {'%', digits[byte >> 4U], digits[byte & 0xFU]};
        }
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz::bytes in{data, size};
    const request r = read_request(in);
    const std::string first = canonical(r);
    const std::string_view path = line(first, 1);
    const std::string_view query = line(first, 2);

    // The path: no empty segment, no dots, and nothing but unreserved octets and escapes.
    MUST("a canonical path is clean", path.starts_with('/') && path.find("//") == path.npos &&
                                          path.find("/./") == path.npos && path.find("/../") == path.npos &&
                                          !path.ends_with("/.") && !path.ends_with("/.."));
    const auto plain = [](std::string_view t, std::string_view more) {
        return std::all_of(t.begin(), t.end(), [more](char c) {
            return detail::unreserved[static_cast<unsigned char>(c)] || c == '%' || more.find(c) != more.npos;
        });
    };
    MUST("nothing is left unescaped", plain(path, "/") && plain(query, "=&"));

    // The query: canonicalising twice changes nothing, nor does writing it otherwise.
    request again = r;
    again.query = query;
    if (fuzz::planted() == 1)
        again.query += "&z";
    MUST("a canonical query is its own", canonical(again) == first);
    again.query = escaped(r.query);
    if (fuzz::planted() == 2 && !again.query.empty())
        again.query += "%00";
    MUST("escapes make no difference", canonical(again) == first);

    // Headers: other case, blanks and order of different names, and those that hops add.
    request dressed = r;
    for (auto& [name, value] : dressed.headers) {
        for (char& c : name)
            c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
        value = " \t" + value + "  ";
    }
    std::stable_sort(
        dressed.headers.begin(), dressed.headers.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    dressed.headers.emplace_back(fuzz::planted() == 3 ? "Via" : "User-Agent", "somebody");
    MUST("how headers are written makes no difference", canonical(dressed) == first);

    // Signing, with a signer that has seen other requests, and verifying.
    static signer warm;
    const credentials keys{"AKID", "secret" + std::to_string(size % 11)};
    const scope where{"eu-west-1", size % 2 == 0 ? "lambda" : "sts"};
    const amz_time at = *amz_time::parse("20260304T050607Z");
    const std::vector<header_view> headers = r.views();
    const std::string authorization{warm.sign(view_of(r, headers), keys, where, at).authorization};
    MUST("a kept signer signs like a new one",
        authorization == signer{}.sign(view_of(r, headers), keys, where, at).authorization);

    const authorization_reading read = parse_authorization(authorization);
    MUST("what was written is read", read && read.value.access_key_id == "AKID" && read.value.region == where.region &&
                                         read.value.service == where.service && read.value.date == at.date());
    // As it is in every answer, but that some requests could not be sent by a well-behaved client.
    verification seen = verify(warm, view_of(r, headers), read.value, keys.secret_access_key, at);
    if (seen.result != signature_check::wrong_payload_hash)
        MUST("what was signed verifies", seen.result == signature_check::good);
    const auto differs = [&](const request& other) {
        const std::vector<header_view> others = other.views();
        return canonical(other) == first ||
               verify(warm, view_of(other, others), read.value, keys.secret_access_key, at).result !=
                   signature_check::good;
    };
    request altered = r;
    altered.body += 'x';
    MUST("what was altered does not", fuzz::planted() == 4 ? !differs(altered) : differs(altered));
    altered = r;
    altered.path += "x";
    MUST("what was altered does not", differs(altered));
    altered = r;
    altered.headers[in.below(static_cast<std::uint32_t>(r.headers.size()))].second += "x";
    MUST("what was altered does not", differs(altered));

    // Anything in place of an Authorization header.
    const std::string noise = "AWS4-HMAC-SHA256 " + text(in, "Credential=/,SignedHeaders;Signature", 60);
    for (const std::string& t : {noise, noise.substr(17), authorization.substr(0, in.byte() % authorization.size())}) {
        const authorization_reading bad = parse_authorization(t);
        MUST("an error says what is wrong, or there is none",
            bad.problem.empty() == (!bad.value.signature.empty() && !bad.value.signed_headers.empty() &&
                                       !bad.value.access_key_id.empty() && bad.problem.empty()));
        if (bad)
            static_cast<void>(verify(warm, view_of(r, headers), bad.value, "secret", at));
    }
    return 0;
}
