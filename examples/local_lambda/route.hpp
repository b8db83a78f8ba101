// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "text.hpp"

#include <mayfly/http/message.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace local_lambda {

enum class operation {
    invoke,
    get_function,
    get_function_configuration,
    update_function_configuration,
    list_functions,
    publish_version,
    list_versions,
    create_alias,
    get_alias,
    update_alias,
    delete_alias,
    list_aliases,
    put_event_invoke_config,
    get_event_invoke_config,
    update_event_invoke_config,
    delete_event_invoke_config,
    list_event_invoke_configs,
    put_concurrency,
    get_concurrency,
    delete_concurrency,
    get_account_settings,
};

/// One operation of the Lambda API, and how it is asked for.
struct route {
    mayfly::http::verb method;
    std::string_view pattern;  ///< Path segments; `{}` stands for the function, `{name}` for the alias.
    operation what;
    std::string_view action;  ///< What a policy has to allow.
};

inline constexpr route routes[] = {
    {mayfly::http::verb::post, "2015-03-31/functions/{}/invocations", operation::invoke, "lambda:InvokeFunction"},
    {mayfly::http::verb::get, "2015-03-31/functions", operation::list_functions, "lambda:ListFunctions"},
    {mayfly::http::verb::get, "2015-03-31/functions/{}", operation::get_function, "lambda:GetFunction"},
    {mayfly::http::verb::get, "2015-03-31/functions/{}/configuration", operation::get_function_configuration,
        "lambda:GetFunctionConfiguration"},
    {mayfly::http::verb::put, "2015-03-31/functions/{}/configuration", operation::update_function_configuration,
        "lambda:UpdateFunctionConfiguration"},
    {mayfly::http::verb::post, "2015-03-31/functions/{}/versions", operation::publish_version, "lambda:PublishVersion"},
    {mayfly::http::verb::get, "2015-03-31/functions/{}/versions", operation::list_versions,
        "lambda:ListVersionsByFunction"},
    {mayfly::http::verb::post, "2015-03-31/functions/{}/aliases", operation::create_alias, "lambda:CreateAlias"},
    {mayfly::http::verb::get, "2015-03-31/functions/{}/aliases", operation::list_aliases, "lambda:ListAliases"},
    {mayfly::http::verb::get, "2015-03-31/functions/{}/aliases/{name}", operation::get_alias, "lambda:GetAlias"},
    {mayfly::http::verb::put, "2015-03-31/functions/{}/aliases/{name}", operation::update_alias, "lambda:UpdateAlias"},
    {mayfly::http::verb::delete_, "2015-03-31/functions/{}/aliases/{name}", operation::delete_alias,
        "lambda:DeleteAlias"},
    {mayfly::http::verb::put, "2019-09-25/functions/{}/event-invoke-config", operation::put_event_invoke_config,
        "lambda:PutFunctionEventInvokeConfig"},
    {mayfly::http::verb::get, "2019-09-25/functions/{}/event-invoke-config", operation::get_event_invoke_config,
        "lambda:GetFunctionEventInvokeConfig"},
    {mayfly::http::verb::post, "2019-09-25/functions/{}/event-invoke-config", operation::update_event_invoke_config,
        "lambda:UpdateFunctionEventInvokeConfig"},
    {mayfly::http::verb::delete_, "2019-09-25/functions/{}/event-invoke-config", operation::delete_event_invoke_config,
        "lambda:DeleteFunctionEventInvokeConfig"},
    {mayfly::http::verb::get, "2019-09-25/functions/{}/event-invoke-config/list", operation::list_event_invoke_configs,
        "lambda:ListFunctionEventInvokeConfigs"},
    {mayfly::http::verb::put, "2017-10-31/functions/{}/concurrency", operation::put_concurrency,
        "lambda:PutFunctionConcurrency"},
    {mayfly::http::verb::get, "2019-09-30/functions/{}/concurrency", operation::get_concurrency,
        "lambda:GetFunctionConcurrency"},
    {mayfly::http::verb::delete_, "2017-10-31/functions/{}/concurrency", operation::delete_concurrency,
        "lambda:DeleteFunctionConcurrency"},
    {mayfly::http::verb::get, "2016-08-19/account-settings", operation::get_account_settings,
        "lambda:GetAccountSettings"},
};

/// A request that names an operation, with what its path and query say.
struct call {
    operation what = operation::invoke;
    std::string_view action{};
    std::string function{};  ///< As written, decoded: a name, part of an ARN, or an ARN.
    std::string name{};      ///< Of an alias.
    parameters query{};
};

namespace detail {

/// Empty segments do not count: older tools end some paths with a slash.
[[nodiscard]] inline std::vector<std::string_view> segments(std::string_view path)
{
    std::vector<std::string_view> out;
    while (!path.empty()) {
        const auto end = std::min(path.find('/'), path.size());
        if (end != 0)
            out.push_back(path.substr(0, end));
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return out;
}

}  // namespace detail

/// What is in front of the question mark, and what is behind it.
[[nodiscard]] inline std::pair<std::string_view, std::string_view> split_target(std::string_view target)
{
    const auto mark = std::min(target.find('?'), target.size());
    return {target.substr(0, mark), target.substr(std::min(mark + 1, target.size()))};
}

/// The operation that a request asks for; nothing if there is none.
[[nodiscard]] inline std::optional<call> find_call(mayfly::http::verb method, std::string_view target)
{
    const auto [path, query] = split_target(target);
    const auto wanted = detail::segments(path);
    for (const route& r : routes) {
        const auto pattern = detail::segments(r.pattern);
        if (r.method != method || pattern.size() != wanted.size())
            continue;
        call out{r.what, r.action, {}, {}, parameters(query)};
        const bool same = std::equal(pattern.begin(), pattern.end(), wanted.begin(), [&](auto p, auto w) {
            if (p == "{}")
                out.function = percent_decode(w);
            else if (p == "{name}")
                out.name = percent_decode(w);
            return p.starts_with('{') || p == w;
        });
        if (same)
            return out;
    }
    return std::nullopt;
}

}  // namespace local_lambda
