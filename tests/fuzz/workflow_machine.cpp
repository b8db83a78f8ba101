// SPDX-License-Identifier: BSL-1.0
#include "hostile_server.hpp"

#include <mayfly/temporal/workflow/machine.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

// Any history, in any order, against code that wants anything.

using namespace mayfly::temporal::workflow;

namespace {

/// Wants something of everything, by numbers that only depend on its seed and on what it has done.
class wild final : public code {
public:
    explicit wild(std::uint64_t seed) : state_{seed * 2 + 1} {}

    activated activate(activation now) override
    {
        activated out;
        for (const job& j : now.jobs)
            if (const auto* u = std::get_if<update_received>(&j)) {
                if (below(4) == 0)
                    out.intents.emplace_back(reject_update{u->protocol_instance_id, {}});
                else
                    out.intents.emplace_back(accept_update{u->protocol_instance_id});
                if (below(2) == 0)
                    out.intents.emplace_back(complete_update{u->protocol_instance_id, {}});
            }
        for (std::uint32_t n = below(4); n > 0; --n)
            out.intents.push_back(some());
        if (below(40) == 0)
            out.problem.emplace().failure.set_message("a bug");
        return out;
    }

    query_answer query(const mayfly::temporal::api::query::WorkflowQuery&) override { return {}; }
    [[nodiscard]] std::string stack_trace() const override { return "somewhere"; }

private:
    std::uint32_t below(std::uint32_t end)
    {
        state_ = state_ * 6364136223846793005U + 1442695040888963407U;
        return static_cast<std::uint32_t>(state_ >> 33U) % end;
    }

    template <class Step>
    Step named()
    {
        Step s;
        s.seq = below(6) == 0 ? below(4) : ++seq_;
        s.type = "t";
        s.cancellation = static_cast<cancellation_type>(below(3));
        return s;
    }

    intent some()
    {
        switch (below(24)) {
        case 0:
        case 1: return named<schedule_activity>();
        case 2: return cancel_activity{below(8)};
        case 3: return named<schedule_local_activity>();
        case 4: return cancel_local_activity{below(8)};
        case 5:
        case 6: return start_timer{++seq_, {}, {}};
        case 7: return cancel_timer{below(8)};
        case 8: {
            auto c = named<start_child>();
            c.workflow_id = "c";
            return c;
        }
        case 9: return cancel_child{below(8), {}};
        case 10: return signal_external{++seq_, {"o", "", false}, "s", {}, {}};
        case 11: return cancel_external_signal{below(8)};
        case 12: return cancel_external{++seq_, {"o", "", false}, {}};
        case 13: return set_patch{"p" + std::to_string(below(3)), below(2) == 0};
        case 14: return record_side_effect{++seq_, {}};
        case 15: return upsert_search_attributes{};
        case 16: return upsert_memo{};
        case 17: return complete_update{"u0", {}};
        case 18: return below(4) == 0 ? intent(complete_run{}) : intent(upsert_memo{});
        case 19: return below(4) == 0 ? intent(continue_as_new{}) : intent(upsert_memo{});
        default: return start_timer{++seq_, {}, {}};
        }
    }

    std::uint64_t state_;
    std::uint32_t seq_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    hostile::player(fuzz::bytes(data, size), [](std::uint64_t seed) { return std::make_unique<wild>(seed); }).play();
    return 0;
}
