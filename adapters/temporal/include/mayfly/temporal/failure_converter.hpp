// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/detail/failure_reader.hpp>
#include <mayfly/temporal/detail/failure_writer.hpp>
#include <mayfly/temporal/errors.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

namespace mayfly::temporal {

/** The failure that an exception becomes on the wire.

    - What was received goes out as it came in, also of a kind that is not known here.
    - An `application_error` and its likes become what they say.
    - Any other exception becomes an application failure that may be tried again. Its type is the name of the class
      without namespaces: `not_found` for `shop::not_found`; for `non_retryable_error_types` that is its name. Something
      thrown that is no `std::exception` has its type and no words.
    - The cause is `cause()`, or what `std::throw_with_nested` put within; from `most_causes` on they are left out.
    - Text that is not UTF-8, which no server would take, and more of it than `longest_text` is repaired.

    Details go through the converter's codecs. If these fail, the failure goes out without and says so.
*/
[[nodiscard]] inline ::temporal::api::failure::v1::Failure to_failure(
    const std::exception_ptr& thrown, const data_converter& converter, const failure_options& options = {})
{
    ::temporal::api::failure::v1::Failure out;
    detail::failure_writer{converter, options}.write(thrown, out, 0);
    return out;
}

/** The exception that a failure was, cause within cause: an `application_error`, a `timeout_error` and so on, or a
    `temporal_error` for a kind that is not known.

    Message and stack trace are taken out of encoded attributes where there are any. What no codec here can decode stays
    as it is: the message is then `Encoded failure`, and reading the details is an error.
*/
[[nodiscard]] inline std::exception_ptr to_exception(
    const ::temporal::api::failure::v1::Failure& failure, const data_converter& converter)
{
    const auto kept = std::make_shared<const ::temporal::api::failure::v1::Failure>(failure);
    return detail::failure_reader{converter, kept}.read(*kept, 0);
}

/// One line for people: `not_found: there is no such order; caused by: timeout: no answer`.
[[nodiscard]] inline std::string describe(const ::temporal::api::failure::v1::Failure& failure)
{
    constexpr std::size_t most = 16;
    std::string out;
    const ::temporal::api::failure::v1::Failure* at = &failure;
    for (std::size_t i = 0; i < most; ++i, at = &at->cause()) {
        if (i != 0)
            out += "; caused by: ";
        const std::string_view kind = detail::kind_of(*at);
        detail::append_line(out, kind);
        if (!kind.empty() && !at->message().empty())
            out += ": ";
        detail::append_line(out, at->message());
        if (!at->has_cause())
            return out;
    }
    return out += "; and so on";
}

}  // namespace mayfly::temporal
