// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/error.hpp>
#include <mayfly/temporal/workflow_outcome.hpp>

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/error_condition.hpp>
#include <boost/system/system_error.hpp>

#include <cstdint>
#include <string>
#include <type_traits>

namespace mayfly::temporal::testing {

/// Why a test environment has no answer. The words beside it say what to do.
enum class environment_errc : std::uint8_t {
    not_ready = 1,     ///< What was registered cannot be, or there is no port to listen on.
    missing_activity,  ///< A workflow called an activity that there is not.
    task_failed,       ///< A workflow did what fails its task. A worker would try that again for ever.
    nondeterministic,  ///< A run that has ended does not replay.
    stuck,             ///< It waits for what will not come, or has waited for too long.
};

namespace detail {

class environment_category final : public boost::system::error_category {
public:
    constexpr environment_category() noexcept : error_category(0x6d61'7966'6c79'006c) {}
    const char* name() const noexcept override { return "mayfly.temporal.testing"; }
    std::string message(int v) const override
    {
        switch (static_cast<environment_errc>(v)) {
        case environment_errc::not_ready: return "the environment is not ready";
        case environment_errc::missing_activity: return "an activity is missing";
        case environment_errc::task_failed: return "a workflow task failed";
        case environment_errc::nondeterministic: return "a run does not replay";
        case environment_errc::stuck: return "nothing goes on";
        }
        return "unknown error";
    }
    boost::system::error_condition default_error_condition(int) const noexcept override { return condition::permanent; }
};

inline constexpr environment_category environment_category_instance{};

}  // namespace detail

[[nodiscard]] constexpr const boost::system::error_category& environment_category() noexcept
{
    return detail::environment_category_instance;
}

[[nodiscard]] inline boost::system::error_code make_error_code(environment_errc e) noexcept
{
    return {static_cast<int>(e), environment_category()};
}

/** What something came to: a value; or an error and why, in words.

    The error is one of `client_errc` for how a workflow, an update or a query ended, of `environment_errc`, or that of
    a call. What a workflow threw is in `exception`, as one of the exceptions of errors.hpp.
*/
template <class R>
struct answer : workflow_answer<R> {
    using value_type = typename workflow_answer<R>::value_type;

    boost::system::error_code error{};

    [[nodiscard]] explicit operator bool() const noexcept { return this->value.has_value(); }

    /// The value. Where there is none it throws the words, for the test to end with them.
    [[nodiscard]] const value_type& get() const
    {
        if (!this->value)
            throw boost::system::system_error(error, this->words);
        return *this->value;
    }
    [[nodiscard]] const value_type& operator*() const { return get(); }
    [[nodiscard]] const value_type* operator->() const { return &get(); }
};

}  // namespace mayfly::temporal::testing

template <>
struct boost::system::is_error_code_enum<mayfly::temporal::testing::environment_errc> : std::true_type {};
