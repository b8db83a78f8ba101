// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/errors.hpp>

#include <exception>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace mayfly::temporal::workflow {

/// A context was used in a way that it cannot be: its words say how to do better. As with every exception that nobody
/// expects, the workflow task fails, and is tried again by code that was mended.
class usage_error : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

/// It was cancelled: a `cancelled_error`, or the failure of an activity or a child for which that is the cause.
[[nodiscard]] inline bool is_cancellation(const std::exception_ptr& thrown)
{
    if (!thrown)
        return false;
    try {
        std::rethrow_exception(thrown);
    } catch (const cancelled_error&) {
        return true;
    } catch (const activity_error& e) {
        return is_cancellation(e.cause());
    } catch (const child_workflow_error& e) {
        return is_cancellation(e.cause());
    } catch (...) {
        return false;
    }
}

/// Exceptions that fail a workflow, beside those of errors.hpp, which always do. Any other fails the workflow task,
/// which is tried again until the code was mended.
class failure_types {
public:
    failure_types() = default;

    /// All that derive from one of these; `failure_types::of<std::exception>()` is nearly all.
    template <class... E>
    [[nodiscard]] static failure_types of()
    {
        failure_types out;
        (out.tests_.push_back(&is<E>), ...);
        return out;
    }

    [[nodiscard]] bool contains(const std::exception& e) const
    {
        for (const auto test : tests_)
            if (test(e))
                return true;
        return false;
    }

private:
    template <class E>
    [[nodiscard]] static bool is([[maybe_unused]] const std::exception& e)
    {
        if constexpr (std::is_same_v<E, std::exception>)
            return true;
        else
            return dynamic_cast<const E*>(&e) != nullptr;
    }

    std::vector<bool (*)(const std::exception&)> tests_{};
};

}  // namespace mayfly::temporal::workflow
