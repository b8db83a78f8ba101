// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/conversion_error.hpp>
#include <mayfly/temporal/detail/payload_values.hpp>
#include <mayfly/temporal/payload_codec.hpp>

#include <boost/system/result.hpp>

#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace mayfly::temporal {

/** Turns values into payloads and back, as the official SDKs do.

    | C++                                                            | encoding          |
    | -------------------------------------------------------------- | ----------------- |
    | `nullptr`, `std::monostate`, `std::nullopt`, no value, `void`  | `binary/null`     |
    | `std::vector` of `std::byte` or `unsigned char`, spans of them | `binary/plain`    |
    | messages of protobuf                                           | `binary/protobuf` |
    | everything else                                                | `json/plain`      |

    The official order has `json/protobuf` before `binary/protobuf`. Protobuf's lite library cannot write that JSON, so
    messages are written in binary, which every SDK reads. `json/protobuf` is read as `boost::json::value`; as a message
    only where it has a mapping: the well-known Timestamp and Duration have one, others get it by `tag_invoke`. For all
    else there is an error that says so.

    In JSON:
    - Structs and classes described with Boost.Describe are objects of their members, those of their bases first. A
   member that is missing keeps what the default constructor gave it, a surplus one is passed over: payloads outlive
   versions.
    - Described enumerations are their names, others numbers; numbers are read for both.
    - 64-bit integers are exact. A number that does not fit its type is an error, so are NaN and infinity.
    - `std::optional`, `std::unique_ptr` and `std::shared_ptr` are their value or null.
    - Sequences and sets are arrays, `std::pair` and `std::tuple` arrays of just as many.
    - Maps are objects if their keys are text, integers or enumerations (these two as text); else arrays of pairs.
    - A variant is what it holds; the first alternative that fits is read. At most a thousand
      alternatives may fail in one payload.
    - Durations are seconds, with a fraction if there is one, which `datetime.timedelta` and others are made of. Text is
      read too: `1.5s`, `1h30m`, `PT1H30M`.
    - Time points of the system clock are text, ISO 8601 in UTC. Any offset is read; none means UTC.
    - Bytes within JSON are text in base64.
    - Text has to be UTF-8, nesting has a limit, `deepest_json`.
    - A type of your own has its own way with `tag_invoke` of Boost.JSON (`value_from_tag`; `value_to_tag` or
      `try_value_to_tag`), found beside the type, before the rules for text, ranges and described types.

    What is read is chosen by the payload's metadata alone. A copy shares the codecs and costs little; const functions
   may be called from any thread.
*/
class data_converter {
public:
    /// Without codecs: whoever sees a payload can read it.
    data_converter() = default;

    /// Codecs are applied last to first on the way out and first to last on the way in, as with the official SDKs: so
    /// `{encryption, compression}` compresses, then encrypts.
    explicit data_converter(std::vector<std::shared_ptr<const payload_codec>> codecs)
    {
        if (!codecs.empty())
            codecs_ = std::make_shared<const std::vector<std::shared_ptr<const payload_codec>>>(std::move(codecs));
    }

    template <class T>
    [[nodiscard]] converted<::temporal::api::common::v1::Payload> to_payload(const T& value) const
    {
        auto plain = detail::value_to_payload(value);
        return plain && codecs_ ? encode(*std::move(plain)) : plain;
    }

    /// For `void` any payload will do.
    template <class T>
    [[nodiscard]] converted<T> from_payload(const ::temporal::api::common::v1::Payload& payload) const
    {
        if constexpr (std::is_void_v<T>) {
            return {};
        } else {
            if (!codecs_)
                return detail::payload_to_value<T>(payload);
            const auto plain = decode(payload);
            if (!plain)
                return plain.error();
            return detail::payload_to_value<T>(*plain);
        }
    }

    /// One payload for each argument.
    template <class... T>
    [[nodiscard]] converted<::temporal::api::common::v1::Payloads> to_payloads(const T&... values) const
    {
        ::temporal::api::common::v1::Payloads out;
        conversion_error error;
        [[maybe_unused]] const auto add = [&](const auto& value) {
            auto one = to_payload(value);
            if (one)
                *out.add_payloads() = *std::move(one);
            else
                error.message = argument(out.payloads_size()) + one.error().message;
            return bool(one);
        };
        if ((add(values) && ...))
            return out;
        return error;
    }

    /// Arguments that are missing at the end are default-constructed, surplus ones are passed over.
    template <class... T>
    [[nodiscard]] converted<std::tuple<T...>> from_payloads(const ::temporal::api::common::v1::Payloads& payloads) const
    {
        return read<T...>(payloads, std::index_sequence_for<T...>{});
    }

    /// Through the codecs only.
    [[nodiscard]] converted<::temporal::api::common::v1::Payload> encode(
        ::temporal::api::common::v1::Payload payload) const
    {
        return through<&payload_codec::encode>(std::move(payload), "encode");
    }
    [[nodiscard]] converted<::temporal::api::common::v1::Payload> decode(
        ::temporal::api::common::v1::Payload payload) const
    {
        return through<&payload_codec::decode>(std::move(payload), "decode");
    }

    [[nodiscard]] converted<::temporal::api::common::v1::Payloads> encode(
        ::temporal::api::common::v1::Payloads payloads) const
    {
        return all_through<&payload_codec::encode>(std::move(payloads), "encode");
    }
    [[nodiscard]] converted<::temporal::api::common::v1::Payloads> decode(
        ::temporal::api::common::v1::Payloads payloads) const
    {
        return all_through<&payload_codec::decode>(std::move(payloads), "decode");
    }

    [[nodiscard]] bool has_codecs() const noexcept { return codecs_ != nullptr; }

private:
    static std::string argument(int index) { return "argument " + std::to_string(index + 1) + ": "; }

    template <auto Function>
    converted<::temporal::api::common::v1::Payload> through(
        ::temporal::api::common::v1::Payload payload, const char* what) const
    {
        const std::size_t count = codecs_ ? codecs_->size() : 0;
        for (std::size_t i = 0; i < count; ++i) {
            const payload_codec& codec = *(*codecs_)[Function == &payload_codec::encode ? count - 1 - i : i];
            try {
                auto next = (codec.*Function)(std::move(payload));
                if (!next)
                    return conversion_error{
                        std::string("the payload codec could not ") + what + ": " + next.error().message};
                payload = *std::move(next);
            } catch (...) {
                // Not what it says: nobody promised that it holds no secret.
                return conversion_error{std::string("the payload codec could not ") + what + ": it threw an exception"};
            }
        }
        return payload;
    }

    template <auto Function>
    converted<::temporal::api::common::v1::Payloads> all_through(
        ::temporal::api::common::v1::Payloads payloads, const char* what) const
    {
        if (codecs_) {
            for (auto& payload : *payloads.mutable_payloads()) {
                auto next = through<Function>(std::move(payload), what);
                if (!next)
                    return next.error();
                payload = *std::move(next);
            }
        }
        return payloads;
    }

    template <class... T, std::size_t... I>
    converted<std::tuple<T...>> read(
        const ::temporal::api::common::v1::Payloads& payloads, std::index_sequence<I...>) const
    {
        std::tuple<std::optional<T>...> parts;
        conversion_error error;
        [[maybe_unused]] const auto one = [&]<class Part>(std::optional<Part>& part, int index) {
            if (index >= payloads.payloads_size()) {
                if constexpr (std::default_initializable<Part>) {
                    part.emplace();
                    return true;
                } else {
                    error.message = argument(index) + "it is missing";
                    return false;
                }
            }
            auto value = from_payload<Part>(payloads.payloads(index));
            if (value)
                part.emplace(*std::move(value));
            else
                error.message = argument(index) + value.error().message;
            return bool(value);
        };
        if ((one(std::get<I>(parts), static_cast<int>(I)) && ...))
            return std::tuple<T...>(*std::move(std::get<I>(parts))...);
        return error;
    }

    std::shared_ptr<const std::vector<std::shared_ptr<const payload_codec>>> codecs_{};
};

}  // namespace mayfly::temporal
