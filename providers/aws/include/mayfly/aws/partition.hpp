// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace mayfly::aws {

/// A part of AWS with accounts, regions and names of its own.
struct partition {
    std::string_view id;
    std::string_view dns_suffix;
    std::string_view dual_stack_suffix;
    std::string_view region_prefix;  ///< Empty for the one that all other regions belong to.
    std::string_view implicit_region;
};

inline constexpr std::array<partition, 8> partitions{{
    {"aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn", "cn-", "cn-northwest-1"},
    {"aws-us-gov", "amazonaws.com", "api.aws", "us-gov-", "us-gov-west-1"},
    {"aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu", "eusc-", "eusc-de-east-1"},
    {"aws-iso", "c2s.ic.gov", "api.aws.ic.gov", "us-iso-", "us-iso-east-1"},
    {"aws-iso-b", "sc2s.sgov.gov", "api.aws.scloud", "us-isob-", "us-isob-east-1"},
    {"aws-iso-e", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", "eu-isoe-", "eu-isoe-west-1"},
    {"aws-iso-f", "csp.hci.ic.gov", "api.aws.hci.ic.gov", "us-isof-", "us-isof-south-1"},
    {"aws", "amazonaws.com", "api.aws", "", "us-east-1"},
}};

/// Null if there is none of that name.
[[nodiscard]] constexpr const partition* find_partition(std::string_view id) noexcept
{
    const auto at = std::find_if(partitions.begin(), partitions.end(), [id](const partition& p) { return p.id == id; });
    return at == partitions.end() ? nullptr : &*at;
}

/// By the region's name alone: new regions appear all the time, and one that is not known belongs to `aws`.
[[nodiscard]] constexpr const partition& partition_of(std::string_view region) noexcept
{
    return *std::find_if(partitions.begin(), partitions.end(),
        [region](const partition& p) { return region.starts_with(p.region_prefix); });
}

/// Whether a text can stand for a region in a host name: small letters, digits and hyphens within.
[[nodiscard]] constexpr bool is_region(std::string_view text) noexcept
{
    const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
    return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
           std::all_of(text.begin(), text.end(), fits);
}

}  // namespace mayfly::aws
