// SPDX-License-Identifier: BSL-1.0
#include <mayfly/identity.hpp>

#include <doctest/doctest.h>

TEST_CASE("a worker polls under the name of its invocation")
{
    struct row {
        const char* why;
        const char* own;
        const char* request;
        const char* function;
        const char* identity;
    };
    const char* const arn = "arn:aws:lambda:eu-west-1:123456789012:function:work:7";
    const row rows[] = {
        {"both parts, the version kept", "", "8476a536", arn,
            "8476a536@arn:aws:lambda:eu-west-1:123456789012:function:work:7"},
        {"no request id", "", "", arn, "unknown@arn:aws:lambda:eu-west-1:123456789012:function:work:7"},
        {"no function", "", "8476a536", "", "8476a536@unknown"},
        {"the user's own wins", "me", "8476a536", arn, "me"},
        {"outside a function the client has its own default", "", "", "", ""},
        {"the user's own outside a function", "me", "", "", "me"},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(mayfly::worker_identity(r.own, r.request, r.function) == r.identity, r.why);
    CHECK(mayfly::invocation_identity("", "") == "unknown@unknown");
}
