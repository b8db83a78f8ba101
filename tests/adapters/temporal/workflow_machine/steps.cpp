// SPDX-License-Identifier: BSL-1.0
#include "world.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace mayfly::temporal::workflow;
using namespace mayfly::temporal::workflow::testing;
using ck = mayfly::temporal::workflow::cancellation_type;

TEST_CASE("an activity, a timer, and the end")
{
    const std::vector<op> ops{{op::kind::activity, "charge"}, {op::kind::timer}};
    history_server s;
    auto m = make_machine(ops);
    auto step = m->begin(s.poll(false));
    CHECK(names_of(step) == "ScheduleActivityTask");
    CHECK(step.new_flags == std::vector<std::uint32_t>{1, 2, 3});
    const auto& a = step.commands.at(0).schedule_activity_task_command_attributes();
    CHECK(a.activity_id() == "1");
    CHECK(a.task_queue().name() == "orders");
    s.complete(step);
    m->reported(0);
    s.end_activity(0, 0);
    auto task = s.poll(true);
    CHECK(task.events.front().event_id() == 4);
    REQUIRE(m->continues(task));
    step = m->begin(task);
    CHECK(names_of(step) == "StartTimer");
    CHECK(step.new_flags.empty());
    s.complete(step);
    s.fire("1");
    step = m->begin(s.poll(true));
    CHECK(names_of(step) == "CompleteWorkflowExecution");
    CHECK(step.run_closed);
    s.complete(step);
    const auto again = replay(s.events, ops);
    CHECK_MESSAGE(again.what == kind::replayed, again.words);
    CHECK(again.run_closed);
}
