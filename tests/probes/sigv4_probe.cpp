// SPDX-License-Identifier: BSL-1.0

// Signs what other implementations sign, for comparison.
//
// Reads one JSON object a line:
//     {"method", "path", "query", "headers", "body", "access_key", "secret_key", "token", "region", "service",
//     "amz_date"}
// `path` and `query` as they stand in the request line, `headers` a list of [name, value], `body` in base64; the token
// may be absent, null or empty. Where `headers` lack X-Amz-Date or, with a token, X-Amz-Security-Token, these are
// added.
//
// Writes one JSON object a line: {"canonical_request", "string_to_sign", "signature", "authorization"}, or {"error"}.
// Ends with 1 if there was an error in any line.

#include <mayfly/aws/sigv4.hpp>
#include <mayfly/base64.hpp>
#include <mayfly/detail/json_read.hpp>
#include <mayfly/detail/json_write.hpp>

#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using mayfly::detail::json_value;
using mayfly::detail::json_writer;
using namespace mayfly;

/// One line's request, with what it lacked added.
class reading {
public:
    explicit reading(const json_value& line)
        : method{text(line, "method")},
          path{text(line, "path")},
          query{text(line, "query", false)},
          region{text(line, "region")},
          service{text(line, "service")}
    {
        with.access_key_id = text(line, "access_key");
        with.secret_access_key = text(line, "secret_key");
        with.session_token = text(line, "token", false);
        const std::string date = text(line, "amz_date");
        at = aws::amz_time::parse(date);
        if (!at && error.empty())
            error = "amz_date is " + date + ": write it like 20260304T050607Z";
        if (auto decoded = mayfly::from_base64(text(line, "body", false)))
            body = std::move(*decoded);
        else
            fail("body: write it in base64");

        const json_value* const list = line.find("headers");
        if (list == nullptr || !list->is_array())
            fail("headers: a list of [name, value] is needed");
        else
            read_headers(*list);
        if (at)
            add("X-Amz-Date", at->text());
        if (!with.session_token.empty())
            add("X-Amz-Security-Token", with.session_token);
    }

    std::string method;
    std::string path;
    std::string query;
    std::string region;
    std::string service;
    std::string body;
    aws::credentials with;
    std::optional<aws::amz_time> at;
    std::vector<aws::header_view> headers;
    std::string error;  // the first thing that is wrong; never holds a secret

private:
    void fail(std::string_view why)
    {
        if (error.empty())
            error = why;
    }

    std::string text(const json_value& line, std::string_view key, bool needed = true)
    {
        const json_value* const found = line.find(key);
        if (found != nullptr && found->is_string())
            return found->text;
        if (needed || (found != nullptr && !found->is_null()))
            fail(std::string{key} + ": a string is needed");
        return {};
    }

    void read_headers(const json_value& list)
    {
        for (const json_value& pair : list.items) {
            if (pair.items.size() == 2 && pair.is_array() && pair.items[0].is_string() && pair.items[1].is_string())
                headers.push_back({pair.items[0].text, pair.items[1].text});
            else
                fail("headers: each must be a list of two strings");
        }
    }

    /// `value` lives as long as this does.
    void add(std::string_view name, std::string_view value)
    {
        for (const aws::header_view& h : headers) {
            if (aws::detail::equal_ignoring_case(h.name, name)) {
                if (aws::detail::trimmed(h.value) != value)
                    fail("the header " + std::string{name} + " differs from what the request is to be signed with");
                return;
            }
        }
        headers.push_back({name, value});
    }
};

std::string answer(aws::signer& signer, std::string_view line, bool& failed)
{
    std::string out;
    json_writer json{out};
    const auto refuse = [&](std::string_view why) {
        failed = true;
        json.begin_object().member("error", why).end_object();
        return out;
    };
    const mayfly::detail::json_document document = mayfly::detail::read_json(line);
    if (!document)
        return refuse(document.error);
    if (!document.root.is_object())
        return refuse("an object was expected");
    reading r{document.root};
    if (!r.error.empty())
        return refuse(r.error);

    const aws::signature made =
        signer.sign({.method = r.method, .path = r.path, .query = r.query, .headers = r.headers, .body = r.body},
            r.with, {r.region, r.service}, *r.at);
    json.begin_object()
        .member("canonical_request", made.canonical_request)
        .member("string_to_sign", made.string_to_sign)
        .member("signature", made.value)
        .member("authorization", made.authorization)
        .end_object();
    return out;
}

}  // namespace

int main()
{
    aws::signer signer;
    bool failed = false;
    for (std::string line; std::getline(std::cin, line);) {
        if (!line.empty())
            std::cout << answer(signer, line, failed) << '\n' << std::flush;
    }
    return failed ? 1 : 0;
}
