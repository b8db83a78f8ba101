// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/system/error_code.hpp>

namespace mayfly::detail {

/// The least completion handler of `void(error_code, Results...)`, for asking a type whether it has an operation.
template <class... Results>
struct completion_archetype {
    completion_archetype(completion_archetype&&) = default;
    completion_archetype(const completion_archetype&) = delete;
    void operator()(boost::system::error_code, Results...) {}
};

}  // namespace mayfly::detail
