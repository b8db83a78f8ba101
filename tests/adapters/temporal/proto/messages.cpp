// SPDX-License-Identifier: BSL-1.0
#include <mayfly/temporal/proto/errordetails.pb.h>
#include <mayfly/temporal/proto/failure.pb.h>
#include <mayfly/temporal/proto/update.pb.h>
#include <mayfly/temporal/proto/wire.pb.h>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace {

namespace api = ::temporal::api;
using namespace std::string_literals;

/// A field of wire type 2, whose number fits one byte.
std::string field(int number, std::string_view value)
{
    return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(value.size())} + std::string{value};
}

}  // namespace

TEST_CASE("what a message does not know it writes again")
{
    SUBCASE("a field")
    {
        const std::string bytes = field(1, field(1, "id") + field(15, "new")) + field(14, "newer");
        api::update::v1::Request request;
        REQUIRE(request.ParseFromString(bytes));
        CHECK(request.meta().update_id() == "id");

        api::update::v1::Acceptance acceptance;
        *acceptance.mutable_accepted_request() = request;
        CHECK(acceptance.accepted_request().SerializeAsString() == bytes);
    }
    SUBCASE("a value of an enumeration")
    {
        const auto bytes = "\x08\x63"s;
        api::failure::v1::TimeoutFailureInfo info;
        REQUIRE(info.ParseFromString(bytes));
        CHECK(info.timeout_type() == api::enums::v1::TIMEOUT_TYPE_UNSPECIFIED);
        CHECK(info.SerializeAsString() == bytes);
    }
    SUBCASE("one of several")
    {
        const std::string bytes = field(1, "message") + field(15, "a kind of failure");
        api::failure::v1::Failure failure;
        REQUIRE(failure.ParseFromString(bytes));
        CHECK(failure.failure_info_case() == api::failure::v1::Failure::FAILURE_INFO_NOT_SET);
        CHECK(failure.SerializeAsString() == bytes);
    }
}

TEST_CASE("a string that is not UTF-8 is read and written as it is")
{
    const std::string bytes = field(1, "caf\xe9") + field(4, field(1, "\xff\xfe"));
    api::failure::v1::Failure failure;
    REQUIRE(failure.ParseFromString(bytes));
    CHECK(failure.message() == "caf\xe9");
    CHECK(failure.SerializeAsString() == bytes);

    api::common::v1::Payload payload;
    const std::string entry = field(1, field(1, "\xff") + field(2, "value"));
    REQUIRE(payload.ParseFromString(entry));
    CHECK(payload.metadata().at("\xff") == "value");
    CHECK(payload.SerializeAsString() == entry);
}

TEST_CASE("names are those that travel in Any")
{
    CHECK(api::update::v1::Request{}.GetTypeName() == "temporal.api.update.v1.Request");
    CHECK(api::errordetails::v1::NotFoundFailure{}.GetTypeName() == "temporal.api.errordetails.v1.NotFoundFailure");
}

TEST_CASE("what official messages hold of protobuf's own has the same bytes here")
{
    mayfly::temporal::wire::Duration duration;
    duration.set_seconds(-1);
    duration.set_nanos(-1);
    CHECK(duration.SerializeAsString() ==
          "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s);

    api::common::v1::GrpcStatus status;
    status.set_code(5);
    status.add_details()->set_type_url("t");
    CHECK(status.SerializeAsString() == "\x08\x05\x1a\x03\x0a\x01t"s);
}

TEST_CASE("failures within failures are refused, deeper than a parser's stack would bear")
{
    std::string deep;
    for (int depth = 0; depth < 2'000; ++depth) {
        std::string length;
        for (auto rest = deep.size(); length.empty() || rest != 0; rest >>= 7)
            length += static_cast<char>((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
        deep.insert(0, "\x22" + length);
    }
    CHECK_FALSE(api::failure::v1::Failure{}.ParseFromString(deep));
}
