// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/message.hpp>

#include <boost/system/error_code.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace mayfly::http {

/// The response that goes with an error: no status, and what failed as its body, in words for people: which host, which
/// phase, what the system said. No secret is in it.
[[nodiscard]] inline response failure(std::string words)
{
    response out;
    out.result(status::unknown);
    out.body() = std::move(words);
    return out;
}

/// What failed, as much as is known: for logs and events. `ec` is an error, and came together with `r`.
[[nodiscard]] inline std::string failure_text(const boost::system::error_code& ec, const response& r)
{
    return r.result() == status::unknown && !r.body().empty() ? r.body() : ec.message();
}

}  // namespace mayfly::http
