// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <string_view>

#include <stdlib.h>

namespace mayfly::lambda_runtime::detail {

/// `_X_AMZN_TRACE_ID` in the process environment: set for an invocation, unset when there is no trace.
class trace_variable {
public:
    trace_variable() = default;
    trace_variable(const trace_variable&) = delete;
    trace_variable& operator=(const trace_variable&) = delete;
    ~trace_variable()
    {
        if (!text_.empty())
            ::unsetenv(name);
    }

    // Not setenv, which keeps every value it was ever given.
    void set(std::string_view trace_id)
    {
        ::unsetenv(name);
        text_.clear();
        if (trace_id.empty())
            return;
        text_.assign(name).append("=").append(trace_id);
        ::putenv(text_.data());
    }

private:
    static constexpr const char* name = "_X_AMZN_TRACE_ID";
    std::string text_;
};

}  // namespace mayfly::lambda_runtime::detail
