// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/config.hpp>
#include <mayfly/aws/partition.hpp>
#include <mayfly/http/url.hpp>
#include <mayfly/problem.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace mayfly::aws {

/// Where the requests for a service go, and what they are signed for.
struct endpoint {
    http::origin origin{};
    std::string path_prefix{};  ///< Stands before each request's path: empty, or `/...` without a slash at its end.
    std::string region{};       ///< To sign for.
    std::string service{};      ///< To sign for.
    std::string from{};         ///< Where an override was found; empty for the service's own address.

    friend bool operator==(const endpoint&, const endpoint&) = default;
};

/// The configured region, if any was said: `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's `region`.
[[nodiscard]] inline std::optional<setting> configured_region(const config& c)
{
    if (auto said = c.variables.get("AWS_REGION"))
        return setting{*std::move(said), "AWS_REGION"};
    return c.get("AWS_DEFAULT_REGION", "region");
}

/// The override of a service's address, if there is one. `service` is `lambda`, `sts` or `ecs`.
[[nodiscard]] inline std::optional<setting> configured_endpoint(const config& c, std::string_view service)
{
    if (c.flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls"))
        return std::nullopt;
    std::string variable = "AWS_ENDPOINT_URL_";
    for (const char ch : service)
        variable += ch >= 'a' && ch <= 'z' ? static_cast<char>(ch - ('a' - 'A')) : ch;
    for (const std::string& name : {variable, std::string{"AWS_ENDPOINT_URL"}}) {
        if (auto said = c.variables.get(name))
            return setting{*std::move(said), name};
    }
    if (auto said = c.of_service(service, "endpoint_url"))
        return said;
    return c.of_profile(c.profile, "endpoint_url");
}

/// The address of a service in a region. An override is taken as it is; flags for FIPS and dual stack do not alter it.
[[nodiscard]] inline checked<endpoint> resolve_endpoint(
    const config& c, std::string_view service, std::string_view region)
{
    if (!is_region(region))
        return problems{{"region", '"' + std::string{region} + '"',
            "set AWS_REGION, or region in the profile, to a name like us-east-1"}};
    endpoint out{.region = std::string{region}, .service = std::string{service}};
    if (const auto said = configured_endpoint(c, service)) {
        const auto url = http::parse_url(said->value);
        if (!url || url->target.find('?') != url->target.npos)
            return problems{{said->from, '"' + http::url_to_show(said->value) + '"',
                "write http:// or https://, a host, and perhaps a path"}};
        out.origin = url->origin;
        out.path_prefix = url->target;
        while (out.path_prefix.ends_with('/'))
            out.path_prefix.pop_back();
        out.from = said->from;
        return out;
    }
    const partition& home = partition_of(region);
    const bool dual_stack = c.flag("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint");
    bool fips = c.flag("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint");
    // There the ordinary host is the FIPS one.
    if (service == "sts" && home.id == "aws-us-gov")
        fips = false;
    out.origin.host.append(service).append(fips ? "-fips." : ".").append(region).append(".");
    out.origin.host += dual_stack ? home.dual_stack_suffix : home.dns_suffix;
    return out;
}

}  // namespace mayfly::aws
