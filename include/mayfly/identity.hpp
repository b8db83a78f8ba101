// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <string_view>

namespace mayfly {

/// `<request id>@<function>`, by which a controller finds the worker it started among the pollers of a queue. The
/// function is the name it was invoked by, with its version or alias. A missing part becomes `unknown`.
[[nodiscard]] inline std::string invocation_identity(std::string_view request_id, std::string_view function)
{
    constexpr std::string_view missing = "unknown";
    std::string out{request_id.empty() ? missing : request_id};
    out += '@';
    out += function.empty() ? missing : function;
    return out;
}

/// The identity a worker polls with: the user's own if there is one. Empty outside of any function: then the client's
/// own default stands.
[[nodiscard]] inline std::string worker_identity(
    std::string_view own, std::string_view request_id, std::string_view function)
{
    if (!own.empty() || (request_id.empty() && function.empty()))
        return std::string{own};
    return invocation_identity(request_id, function);
}

}  // namespace mayfly
