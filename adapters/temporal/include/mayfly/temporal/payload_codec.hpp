// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/conversion_error.hpp>
#include <mayfly/temporal/proto/common.pb.h>

namespace mayfly::temporal {

/** Transforms whole payloads on their way out and back: encryption, compression.

    What it makes of a payload is a payload of its own: as a rule the serialised one becomes `data`, with an `encoding`
    that nobody else uses, such as `binary/encrypted`. All payloads that leave the process go through it: arguments,
    results, heartbeats, details of failures and, if asked for, their messages.

    Both functions may be called from several threads at once. An error's message travels in failures and logs: it may
    name a key, and never shows one.
*/
class payload_codec {
public:
    virtual ~payload_codec() = default;

    [[nodiscard]] virtual converted<::temporal::api::common::v1::Payload> encode(
        ::temporal::api::common::v1::Payload payload) const = 0;

    /// Gives back as it came what this codec did not encode, so that it can be introduced while values written without
    /// it are still under way.
    [[nodiscard]] virtual converted<::temporal::api::common::v1::Payload> decode(
        ::temporal::api::common::v1::Payload payload) const = 0;
};

}  // namespace mayfly::temporal
