// SPDX-License-Identifier: BSL-1.0
#include <mayfly/launch_notice.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>

using namespace std::chrono_literals;
using mayfly::launch_notice;
using mayfly::launch_request;
using mayfly::launch_target;
using mayfly::leave_rules;
using mayfly::notice_in;
using mayfly::notice_of;
using mayfly::to_payload;

namespace {

launch_request three_of_orders()
{
    launch_request r;
    r.target = std::make_shared<const launch_target>(launch_target{.version = {"orders", "b7"}, .group = "big"});
    r.count = 3;
    r.stay = 1;
    r.first_launch = 40;
    r.orders = {.idle_exit = 5s, .thin_target = 0.7, .activity_timeout = 90s};
    return r;
}

}  // namespace

TEST_CASE("each worker of a request is told its own id, and the first that they stay")
{
    const launch_request r = three_of_orders();
    for (std::uint32_t i = 0; i < 3; ++i) {
        const launch_notice n = notice_of(r, i);
        CHECK(n.version == r.target->version);
        CHECK(n.group == "big");
        CHECK(n.launch == 40 + i);
        CHECK(n.orders.stay == (i == 0));
        CHECK(n.orders.idle_exit == 5s);
        CHECK(notice_in(to_payload(n)) == n);
    }
    CHECK(notice_of({.orders = {.stay = true}}, 0).orders.stay);
}

TEST_CASE("what is not a notice, and what a notice of another age holds")
{
    struct row {
        const char* why;
        std::string payload;
        bool is_one;
    };
    const row rows[] = {
        {"nothing", "", false},
        {"a hand's test event", R"({"key1":"value1"})", false},
        {"no JSON", "{", false},
        {"an array", "[]", false},
        {"another schema", R"({"schema":"mayfly-launch/2","launch":3})", false},
        {"a field of another kind", R"({"schema":"mayfly-launch/1","launch":"three"})", false},
        {"orders of another kind", R"({"schema":"mayfly-launch/1","orders":7})", false},
        {"an order of another kind", R"({"schema":"mayfly-launch/1","orders":{"stay":1}})", false},
        {"an older controller tells less", R"({"schema":"mayfly-launch/1","launch":3,"orders":{"stay":true}})", true},
        {"a newer one more", R"({"schema":"mayfly-launch/1","new":[],"launch":3,"orders":{"new":1}})", true},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(notice_in(r.payload).has_value() == r.is_one, r.why);
    const auto older = notice_in(rows[8].payload);
    REQUIRE(older);
    CHECK(older->launch == 3);
    CHECK(older->group == "default");
    CHECK(older->orders == leave_rules{.stay = true});
}
