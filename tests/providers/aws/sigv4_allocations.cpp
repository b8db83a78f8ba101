// SPDX-License-Identifier: BSL-1.0
#include <mayfly/aws/sigv4.hpp>

#include "allocations.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

using namespace mayfly::aws;

TEST_CASE("a signer that has seen such a request allocates nothing")
{
    const std::string token(2000, 't');
    const std::string body(300, 'b');
    const header_view headers[] = {{"Host", "lambda.eu-west-1.amazonaws.com"}, {"X-Amz-Date", "20260304T120000Z"},
        {"X-Amz-Invocation-Type", "Event"}, {"Content-Type", "application/json"}, {"X-Amz-Security-Token", token}};
    const signing_request r{.method = "POST",
        .path = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Aorders/invocations",
        .query = "Qualifier=7&a=%20",
        .headers = headers,
        .body = body};
    const credentials keys{"ASIATESTKEY000000001", "a secret of an ordinary length, as they are", token};
    const amz_time at = *amz_time::parse("20260304T120000Z");
    signer sign;
    const std::string first{sign.sign(r, keys, {"eu-west-1", "lambda"}, at).value};

    const std::uint64_t before = allocations::count;
    bool same = true;
    for (int i = 0; i < 10; ++i)
        same = same && sign.sign(r, keys, {"eu-west-1", "lambda"}, at).value == first;
    const std::uint64_t after = allocations::count;
    CHECK(same);
    CHECK(after - before == 0);
    // The counter counts: another day needs another key, which is kept in strings.
    sign.sign(r, {"ASIATESTKEY000000001", std::string(50, 's'), token}, {"eu-west-1", "lambda"}, at);
    CHECK(allocations::count > after);
}
