// SPDX-License-Identifier: BSL-1.0
#include <mayfly/testing/poller_list.hpp>

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using mayfly::testing::poller_list;
using mayfly::testing::request_id_of;
using mayfly::testing::ticket_of_identity;

TEST_CASE("poller list: an identity names the ticket, and only our own do")
{
    CHECK(request_id_of(0x1f) == "00000000-0000-4000-8000-00000000001f");
    CHECK(ticket_of_identity(request_id_of(123456789)) == 123456789);
    CHECK(ticket_of_identity(request_id_of(7) + "@some:arn") == 7);
    CHECK(ticket_of_identity("12@host") == 0);
    CHECK(ticket_of_identity("00000000-0000-4000-8000-00000000zz1f@x") == 0);
}

TEST_CASE("poller list: who has gone is shown once more, then never")
{
    poller_list list;
    list.join(0, 10, 1s);
    list.join(5, 11, 2s);
    list.join(2, 12, 3s);
    list.leave(0, 4s);
    CHECK(list.size() == 2);
    auto seen = list.list(5s);
    REQUIRE(seen.size() == 3);
    CHECK(ticket_of_identity(seen[0].identity) == 12);
    CHECK(seen[0].first_seen == 3s);
    CHECK(seen[0].last_seen == 5s);
    CHECK(ticket_of_identity(seen[1].identity) == 11);
    CHECK(ticket_of_identity(seen[2].identity) == 10);
    CHECK_FALSE(seen[2].present);
    CHECK(seen[2].last_seen == 4s);
    CHECK(list.list(6s).size() == 2);
    list.join(0, 13, 7s);  // the number is used again
    list.leave(2, 8s);
    list.leave(5, 8s);
    list.leave(0, 8s);
    CHECK(list.size() == 0);
    CHECK(list.list(9s).size() == 3);
    CHECK(list.list(9s).empty());
}

TEST_CASE("poller list: nobody looks for a week, and it does not grow")
{
    poller_list list;
    for (std::uint64_t i = 1; i <= 100'000; ++i) {
        list.join(0, i, 1s);
        list.leave(0, 2s);
    }
    const auto seen = list.list(3s);
    CHECK(seen.size() <= 4096);
    CHECK(ticket_of_identity(seen.back().identity) == 100'000);
}
