// SPDX-License-Identifier: BSL-1.0
#include "bytes.hpp"

#include <mayfly/detail/json_read.hpp>
#include <mayfly/detail/json_write.hpp>
#include <mayfly/scalers/fleet.hpp>
#include <mayfly/scalers/no_sync.hpp>
#include <mayfly/scalers/no_sync_settings.hpp>
#include <mayfly/scalers/rate_based_settings.hpp>
#include <mayfly/scalers/reference_status.hpp>
#include <mayfly/testing/recording.hpp>
#include <mayfly/testing/workload_file.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

// Whatever text comes: an answer or an error that says where, never an exception.

using namespace mayfly;

namespace {

void check_json(std::string_view text)
{
    const detail::json_document doc = detail::read_json(text);
    if (fuzz::planted() == 1 && text.find('{') != text.npos)  // a parser that throws
        throw std::exception{};
    if (!doc || fuzz::planted() == 2)
        MUST("an error says what is wrong", !doc.error.empty());
    // What a prefix of a document is lacks its end, unless it is a number that could go on.
    if (doc && (doc.root.is_object() || doc.root.is_array() || doc.root.is_string())) {
        const auto last = text.find_last_not_of(" \t\r\n");
        MUST("half a document is none", !detail::read_json(text.substr(0, last)));
    }
}

void check_workloads(std::string_view text)
{
    const testing::workload_file file = testing::read_workloads(text);
    for (const auto& p : file.problems)
        MUST("an error says what is wrong", !p.what().empty());
}

settings read_values(fuzz::bytes& in)
{
    constexpr std::string_view keys[]{"scale_up_cooloff_ms", "scale_up_backlog_threshold", "min_count", "max_count",
        "initial_count", "ewma_alpha", "metrics_poll_interval_ms", "utilization_target", "scale_up_cooldown_ms",
        "last_scale_up_time_ms", "worker_count", "ewma_arrival_rate", "activity_dispatch_ref_rate", "nonsense"};
    settings out;
    while (!in.empty()) {
        const std::string key{keys[in.below(std::size(keys))]};
        switch (in.below(4)) {
        case 0: out[key] = in.flag(); break;
        case 1: out[key] = static_cast<std::int64_t>(in.count()); break;
        case 2: out[key] = in.real(); break;
        case 3: {
            std::string text;
            for (std::uint32_t n = in.below(12); n > 0; --n)
                text += static_cast<char>(in.byte());
            out[key] = text;
            break;
        }
        }
    }
    return out;
}

template <class S>
void check_settings_of(const settings& values)
{
    const auto read = from_settings<S>(values, "scaler");
    for (const problem& p : read.problems())
        MUST("an error names its field and a remedy", p.field.starts_with("scaler.") && !p.remedy.empty());
    typename S::state st{};
    from_status(values, wall_time{}, st);
    // What a scaler read from outside must not trouble it, whatever it was.
    S scaler{};
    if (read)
        scaler = *read;
    const decision d = scaler.decide(st, {.why = cause::added, .added = {.not_matched = 1}}, uptime{1});
    MUST("there is always a moment ahead", d.revisit > uptime::zero() && d.read >= uptime::zero());
}

void check_recording(std::string_view text)
{
    const auto result = testing::compare(text, no_sync{}, fleet{});
    static_cast<void>(result);
    static_cast<void>(testing::describe(text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz::bytes in{data, size};
    const std::uint32_t which = in.below(4);
    const std::string_view text =
        size < 2 ? std::string_view{} : std::string_view{reinterpret_cast<const char*>(data) + 1, size - 1};
    try {
        switch (which) {
        case 0: check_json(text); break;
        case 1: check_workloads(text); break;
        case 2: check_recording(text); break;
        case 3: {
            const settings values = read_values(in);
            check_settings_of<no_sync>(values);
            check_settings_of<rate_based>(values);
            break;
        }
        }
    } catch (...) {
        MUST("errors, not exceptions", false);
    }
    return 0;
}
