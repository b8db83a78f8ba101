// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "controller_log.hpp"
#include "controller_settings.hpp"
#include "flight_file.hpp"
#include "flight_record.hpp"

#include <mayfly/aws/session.hpp>

#include <memory>
#include <optional>

namespace examples {

/// What all namespaces of a program share.
struct controller_context {
    controller_settings settings{};
    controller_log log{};
    std::shared_ptr<mayfly::aws::default_session> aws{};
    std::optional<flight_file> record{};
    bool record_fails = false;

    /// A line for the record, if one is kept. That it cannot be written is said once, and that it can again.
    void note(const flight_entry& e)
    {
        if (!record)
            return;
        const bool failed = !record->write(to_flight_line(e));
        if (failed && !record_fails)
            log(controller_log::level::error, "the record cannot be written", {{"file", settings.record.file}});
        if (!failed && record_fails)
            log(controller_log::level::info, "the record can be written again", {{"file", settings.record.file}});
        record_fails = failed;
    }
};

}  // namespace examples
