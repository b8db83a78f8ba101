// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/error.hpp>
#include <mayfly/error.hpp>

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/error_condition.hpp>

#include <string>
#include <type_traits>
#include <utility>

namespace mayfly::aws {

/// Why there are no credentials, where neither STS nor HTTP has a word for it.
enum class credential_errc {
    none_found = 1,  ///< No source is configured, and the machine has no role.
    bad_settings,    ///< A source is configured, and wrongly so.
    source_refused,  ///< The source answered, and not with credentials.
    source_failed,   ///< The source did not come to an answer; it may next time.
};

namespace detail {

class credential_category final : public boost::system::error_category {
public:
    constexpr credential_category() noexcept : error_category(0x6d61'7966'6c79'0021) {}
    const char* name() const noexcept override { return "mayfly.aws.credentials"; }

    std::string message(int v) const override
    {
        switch (static_cast<credential_errc>(v)) {
        case credential_errc::none_found: return "no credentials were found";
        case credential_errc::bad_settings: return "the settings for credentials are not valid";
        case credential_errc::source_refused: return "the source of credentials gave none";
        case credential_errc::source_failed: return "the source of credentials failed";
        }
        return "unknown";
    }

    boost::system::error_condition default_error_condition(int v) const noexcept override
    {
        return static_cast<credential_errc>(v) == credential_errc::source_failed ? condition::transient
                                                                                 : condition::permanent;
    }
};

inline constexpr credential_category credential_category_instance{};

}  // namespace detail

[[nodiscard]] constexpr const boost::system::error_category& credential_category() noexcept
{
    return detail::credential_category_instance;
}

[[nodiscard]] inline boost::system::error_code make_error_code(credential_errc e) noexcept
{
    return {static_cast<int>(e), credential_category()};
}

/// A failure in words; never holds a secret.
[[nodiscard]] inline failure credential_failure(boost::system::error_code why, std::string words)
{
    failure out;
    out.ec = why;
    out.message = std::move(words);
    return out;
}

}  // namespace mayfly::aws

template <>
struct boost::system::is_error_code_enum<mayfly::aws::credential_errc> : std::true_type {};
