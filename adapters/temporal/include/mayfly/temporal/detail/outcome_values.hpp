// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/client_error.hpp>
#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/failure_converter.hpp>

#include <boost/system/error_code.hpp>

#include <type_traits>
#include <utility>
#include <variant>

// What executions came to, as their callers want it. `Outcome` has `value`, `words`, `failure` and `exception`.

namespace mayfly::temporal::detail {

template <class R>
using result_value = std::conditional_t<std::is_void_v<R>, std::monostate, R>;

template <class R, class Outcome>
boost::system::error_code read_result(
    const ::temporal::api::common::v1::Payloads& said, const data_converter& with, Outcome& out)
{
    if constexpr (std::is_void_v<R>) {
        out.value.emplace();
    } else {
        // No payload is what a function leaves that returns nothing.
        ::temporal::api::common::v1::Payload none;
        (*none.mutable_metadata())["encoding"] = "binary/null";
        auto value = with.template from_payload<R>(said.payloads_size() == 0 ? none : said.payloads(0));
        if (!value) {
            out.words = "the result: " + value.error().message;
            return client_errc::not_convertible;
        }
        out.value.emplace(*std::move(value));
    }
    return {};
}

template <class Outcome>
void read_failure(const ::temporal::api::failure::v1::Failure& said, const data_converter& with, Outcome& out)
{
    out.failure = said;
    out.exception = to_exception(said, with);
    // What a codec hides is in the exception only.
    out.words = describe(said.has_encoded_attributes() ? to_failure(out.exception, data_converter()) : said);
}

}  // namespace mayfly::temporal::detail
