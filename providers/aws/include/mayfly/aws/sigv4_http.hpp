// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/sigv4.hpp>
#include <mayfly/http/message.hpp>

#include <string_view>
#include <vector>

namespace mayfly::aws {

/// The header names and values of a message, as they are sent. `out` is a buffer to be used again.
inline void view_headers(const http::fields& fields, std::vector<header_view>& out)
{
    out.clear();
    for (const auto& f : fields)
        out.push_back({{f.name_string().data(), f.name_string().size()}, {f.value().data(), f.value().size()}});
}

/** Signs requests of mayfly::http in place. From one thread or strand.

    The request must hold `Host` already, with the port unless it is the scheme's own; set `Content-Length` and
    `User-Agent` before or after, as you like.
*/
class request_signer {
public:
    /// Sets `X-Amz-Date`, `X-Amz-Security-Token` (or takes it away) and `Authorization`, over what stood there before.
    /// `payload_hash` is the body's hash where it is known from an attempt before.
    void sign(http::request& r, const credentials& with, const scope& s, const amz_time& at,
        std::string_view payload_hash = {})
    {
        r.erase(http::field::authorization);
        r.set("X-Amz-Date", at.text());
        if (with.session_token.empty())
            r.erase("X-Amz-Security-Token");
        else
            r.set("X-Amz-Security-Token", with.session_token);

        view_headers(r, headers_);
        const split_target target{{r.target().data(), r.target().size()}};
        const signature made = signer_.sign({.method = {r.method_string().data(), r.method_string().size()},
                                                .path = target.path,
                                                .query = target.query,
                                                .headers = headers_,
                                                .body = r.body(),
                                                .payload_hash = payload_hash},
            with, s, at);
        r.set(http::field::authorization, made.authorization);
    }

private:
    signer signer_;
    std::vector<header_view> headers_;
};

}  // namespace mayfly::aws
