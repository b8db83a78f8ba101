// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

#include <optional>
#include <ostream>
#include <string>

namespace mayfly::aws {

/// What a request is signed with. Always used as one value: the parts of two sets never mix.
struct credentials {
    std::string access_key_id{};
    std::string secret_access_key{};
    std::string session_token{};         ///< Empty for long-lived keys.
    std::optional<wall_time> expires{};  ///< Never, if not set.
    std::string source{};                ///< Where they were found, for people: `the environment`, `profile prod`.

    friend bool operator==(const credentials&, const credentials&) = default;
};

/// Says which ones they are, never what they are: only the access key id is shown, which is no secret.
[[nodiscard]] inline std::string to_string(const credentials& c)
{
    std::string out = c.access_key_id.empty() ? std::string{"no access key"} : c.access_key_id;
    if (!c.session_token.empty())
        out += " (temporary)";
    if (!c.source.empty())
        out += " from " + c.source;
    return out;
}

inline std::ostream& operator<<(std::ostream& out, const credentials& c)
{
    return out << to_string(c);
}

}  // namespace mayfly::aws
