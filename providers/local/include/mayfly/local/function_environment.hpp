// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/local/function.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mayfly::local {

/// Where one execution environment listens and logs.
struct environment_names {
    std::string runtime_api{};  ///< `127.0.0.1:PORT`
    std::string log_stream{};
};

[[nodiscard]] inline std::string log_group(const function_settings& f)
{
    return "/aws/lambda/" + f.name;
}

/// The folder that the bootstrap is in, absolute.
[[nodiscard]] inline std::string task_root(const function_settings& f)
{
    return std::filesystem::absolute(f.bootstrap).lexically_normal().parent_path().string();
}

/// The whole environment of a function's process, each as `NAME=value`: what Lambda sets, and the function's own.
[[nodiscard]] inline std::vector<std::string> function_environment(
    const function_settings& f, const account_settings& in, const environment_names& names)
{
    const std::string root = task_root(f);
    // The function's own win over those that Lambda lets it set.
    std::map<std::string, std::string, std::less<>> all = f.variables;
    all.try_emplace("LANG", "en_US.UTF-8");
    all.try_emplace("TZ", ":UTC");
    all.try_emplace("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin");
    all.try_emplace("LD_LIBRARY_PATH", root + ':' + root + "/lib:/opt/lib");
    all.try_emplace("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR");
    all.try_emplace("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000");
    all["_HANDLER"] = f.handler;
    all["AWS_DEFAULT_REGION"] = in.region;
    all["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = std::to_string(f.memory_mib);
    all["AWS_LAMBDA_FUNCTION_NAME"] = f.name;
    all["AWS_LAMBDA_FUNCTION_VERSION"] = f.version;
    all["AWS_LAMBDA_INITIALIZATION_TYPE"] = "on-demand";
    all["AWS_LAMBDA_LOG_GROUP_NAME"] = log_group(f);
    all["AWS_LAMBDA_LOG_STREAM_NAME"] = names.log_stream;
    all["AWS_LAMBDA_RUNTIME_API"] = names.runtime_api;
    all["AWS_REGION"] = in.region;
    all["LAMBDA_RUNTIME_DIR"] = "/var/runtime";
    all["LAMBDA_TASK_ROOT"] = root;

    std::vector<std::string> out;
    out.reserve(all.size());
    for (const auto& [name, value] : all)
        out.push_back(name + '=' + value);
    return out;
}

}  // namespace mayfly::local
