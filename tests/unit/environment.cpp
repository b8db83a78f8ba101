// SPDX-License-Identifier: BSL-1.0
#include <mayfly/environment.hpp>

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

namespace {

using mayfly::environment;

TEST_CASE("a variable that is set to nothing counts as not set")
{
    const environment e{{{"NAME", "value"}, {"EMPTY", ""}}};
    CHECK(e.get("NAME") == "value");
    CHECK(!e.get("EMPTY"));
    CHECK(!e.get("OTHER"));
    CHECK(!e.get("NAM"));
}

TEST_CASE("the process's own, as it was when it was asked for")
{
    ::setenv("MAYFLY_UNIT_TEST", "a=b", 1);
    const environment before = environment::of_process();
    ::setenv("MAYFLY_UNIT_TEST", "c", 1);
    CHECK(before.get("MAYFLY_UNIT_TEST") == "a=b");
    CHECK(environment::of_process().get("MAYFLY_UNIT_TEST") == "c");
    ::unsetenv("MAYFLY_UNIT_TEST");
    CHECK(!environment::of_process().get("MAYFLY_UNIT_TEST"));
}

}  // namespace
