// SPDX-License-Identifier: BSL-1.0
#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/failure_converter.hpp>

#include <doctest/doctest.h>

#include <boost/system/system_error.hpp>
#include <boost/throw_exception.hpp>

#include <chrono>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

using namespace mayfly::temporal;
using namespace std::chrono_literals;
using std::string;

namespace shop {

struct not_found : std::runtime_error {
    using runtime_error::runtime_error;
};
template <class T>
struct bad : std::runtime_error {
    using runtime_error::runtime_error;
};
struct refused : application_error {
    using application_error::application_error;
};

}  // namespace shop

namespace {

template <class E>
std::exception_ptr thrown(E e)
{
    return std::make_exception_ptr(std::move(e));
}

template <class F>
std::exception_ptr caught(F f)
{
    try {
        f();
    } catch (...) {
        return std::current_exception();
    }
    return nullptr;
}

/// What is thrown has to be exactly that.
template <class E, class F>
void seen(const std::exception_ptr& p, F look)
{
    try {
        std::rethrow_exception(p);
    } catch (const temporal_error& e) {
        REQUIRE(typeid(e) == typeid(E));
        look(dynamic_cast<const E&>(e));
    }
}

string type_of(const std::exception_ptr& p)
{
    return to_failure(p, {}).application_failure_info().type();
}

class masking : public payload_codec {
public:
    explicit masking(bool works = true) : works_(works) {}

    converted<api::common::Payload> encode(api::common::Payload p) const override
    {
        if (!works_)
            return conversion_error{"no key"};
        api::common::Payload out;
        (*out.mutable_metadata())["encoding"] = "masked";
        string data = p.SerializeAsString();
        for (char& c : data)
            c = static_cast<char>(c ^ 0x55);
        out.set_data(data);
        return out;
    }
    converted<api::common::Payload> decode(api::common::Payload p) const override
    {
        if (p.metadata().at("encoding") != "masked")
            return p;
        string data = p.data();
        for (char& c : data)
            c = static_cast<char>(c ^ 0x55);
        api::common::Payload out;
        if (!out.ParseFromString(data))
            return conversion_error{"torn"};
        return out;
    }

private:
    bool works_;
};

}  // namespace

TEST_CASE("the type of a failure is the name of the class")
{
    CHECK(type_of(thrown(shop::not_found("x"))) == "not_found");
    CHECK(type_of(thrown(std::runtime_error("x"))) == "runtime_error");
    CHECK(type_of(thrown(shop::bad<int>("x"))) == "bad<int>");
    CHECK_MESSAGE(
        type_of(caught([] { std::throw_with_nested(shop::not_found("x")); })) == "not_found", "as wrapped by std");
    CHECK_MESSAGE(type_of(caught([] { boost::throw_exception(shop::not_found("x")); })) == "not_found", "and by Boost");
    CHECK(type_of(thrown(application_error("x", "Mine"))) == "Mine");
    CHECK(type_of(thrown(application_error("x"))).empty());
    CHECK(type_of(thrown(shop::refused("x"))) == "refused");
    CHECK(type_of(caught([] { throw 3; })) == "int");
    CHECK(detail::class_name("a::f(b::c)::local") == "local");
    CHECK(detail::class_name("(anonymous namespace)::x") == "x");
    CHECK(detail::class_name("a::t<b::c>::d") == "d");
    CHECK(detail::class_name("x").size() == 1);
    CHECK(detail::class_name("").empty());
}

TEST_CASE("any exception becomes a failure that may be tried again")
{
    const auto f = to_failure(thrown(shop::not_found("no such order")), {});
    CHECK(f.message() == "no such order");
    CHECK(f.source() == "mayfly");
    CHECK(f.has_application_failure_info());
    CHECK_FALSE(f.application_failure_info().non_retryable());
    CHECK_FALSE(f.has_cause());
    CHECK(to_failure(nullptr, {}).message() == "an error without an exception");
    CHECK_MESSAGE(
        to_failure(thrown(shop::not_found("a\xFF")), {}).message() == "a\xEF\xBF\xBD", "a server wants UTF-8");
    CHECK(to_failure(thrown(shop::not_found(string(100, 'x'))), {}, {.longest_text = 10}).message() == "xxxxxxx...");
}

TEST_CASE("causes")
{
    const auto nested = caught([] {
        try {
            throw shop::not_found("inner");
        } catch (...) {
            std::throw_with_nested(std::logic_error("outer"));
        }
    });
    CHECK(describe(to_failure(nested, {})) == "logic_error: outer; caused by: not_found: inner");
    const auto both = thrown(application_error("top", application_options{.type = "T", .cause = nested}));
    CHECK(describe(to_failure(both, {})) == "T: top; caused by: logic_error: outer; caused by: not_found: inner");
    CHECK(describe(to_failure(caught([] {
        struct odd {};
        try {
            throw shop::not_found("inner");
        } catch (...) {
            std::throw_with_nested(odd{});
        }
    }),
              {})) == "odd: something that is no std::exception was thrown; caused by: not_found: inner");

    std::exception_ptr chain;
    for (int i = 0; i < 50; ++i)
        chain = thrown(application_error(std::to_string(i), application_options{.cause = chain}));
    const auto f = to_failure(chain, {}, {.most_causes = 2});
    CHECK(describe(f) == "49; caused by: 48; caused by: 47; caused by: further causes are left out");
    CHECK(describe(to_failure(chain, {})).ends_with("; and so on"));
    CHECK(describe(to_failure(thrown(shop::not_found("a\nb")), {})) == "not_found: a b");
}

TEST_CASE("each kind is itself again, and goes out as it came")
{
    const data_converter c;
    const auto cause = thrown(shop::not_found("why"));
    const auto details = error_details::of(1, "two");
    const auto round = [&](const std::exception_ptr& made) {
        auto f = to_failure(made, c);
        f.set_stack_trace("here");
        f.set_source("elsewhere");
        auto back = to_exception(f, c);
        CHECK_MESSAGE(to_failure(back, c).SerializeAsString() == f.SerializeAsString(), describe(f));
        return back;
    };

    seen<application_error>(round(thrown(application_error("m", application_options{.type = "T",
                                                                    .non_retryable = true,
                                                                    .details = details,
                                                                    .next_retry_delay = 1500ms,
                                                                    .benign = true,
                                                                    .cause = cause}))),
        [](const application_error& e) {
            CHECK(string(e.what()) == "m");
            CHECK(e.type() == "T");
            CHECK(e.non_retryable());
            CHECK(e.benign());
            CHECK(e.next_retry_delay() == 1500ms);
            CHECK(e.details().as<int, string>().value() == std::tuple(1, string("two")));
            CHECK(e.details().get<int>(7).value() == 0);
            CHECK(e.stack_trace() == "here");
            seen<application_error>(e.cause(), [](const application_error& why) { CHECK(why.type() == "not_found"); });
        });
    seen<cancelled_error>(round(thrown(cancelled_error("m", details, cause, "me"))), [](const cancelled_error& e) {
        CHECK(e.details().get<int>().value() == 1);
        CHECK(e.identity() == "me");
        CHECK(e.cause() != nullptr);
    });
    seen<timeout_error>(
        round(thrown(timeout_error("m", timeout_kind::heartbeat, details))), [](const timeout_error& e) {
            CHECK(e.kind() == timeout_kind::heartbeat);
            CHECK(e.last_heartbeat().size() == 2);
        });
    seen<terminated_error>(
        round(thrown(terminated_error("m", "me"))), [](const terminated_error& e) { CHECK(e.identity() == "me"); });
    seen<server_error>(round(thrown(server_error("m", true))), [](const server_error& e) { CHECK(e.non_retryable()); });
    seen<reset_workflow_error>(round(thrown(reset_workflow_error("m", details))),
        [](const reset_workflow_error& e) { CHECK(e.last_heartbeat().size() == 2); });
    seen<activity_error>(
        round(thrown(activity_error("m", {1, 2, "w", "type", "id", retry_state::maximum_attempts_reached}, cause))),
        [](const activity_error& e) {
            const activity_failure& f = e.failure();
            CHECK(std::tuple(f.scheduled_event_id, f.started_event_id, f.identity, f.type, f.id, f.retry) ==
                  std::tuple(1, 2, "w", "type", "id", retry_state::maximum_attempts_reached));
        });
    seen<child_workflow_error>(
        round(thrown(child_workflow_error("m", {"ns", "w", "r", "type", 1, 2, retry_state::timeout}))),
        [](const child_workflow_error& e) {
            const child_workflow_failure& f = e.failure();
            CHECK(std::tuple(f.name_space, f.workflow_id, f.run_id, f.type, f.initiated_event_id, f.started_event_id,
                      f.retry) == std::tuple("ns", "w", "r", "type", 1, 2, retry_state::timeout));
        });
    seen<nexus_operation_error>(
        round(thrown(nexus_operation_error("m", {1, "e", "s", "o", "t"}))), [](const nexus_operation_error& e) {
            const nexus_operation_failure& f = e.failure();
            CHECK(std::tuple(f.scheduled_event_id, f.endpoint, f.service, f.operation, f.operation_token) ==
                  std::tuple(1, "e", "s", "o", "t"));
        });
    seen<nexus_handler_error>(round(thrown(nexus_handler_error("m", {"BAD_REQUEST", nexus_retry::non_retryable}))),
        [](const nexus_handler_error& e) {
            CHECK(e.failure().type == "BAD_REQUEST");
            CHECK(e.failure().retry == nexus_retry::non_retryable);
        });
    seen<temporal_error>(
        round(thrown(temporal_error("m"))), [](const temporal_error& e) { CHECK(e.what() == string("m")); });
}

TEST_CASE("what is not known here goes out as it came")
{
    // A field 99 with a message, as a later kind of failure would be.
    string wire;
    api::failure::Failure f;
    f.set_message("later");
    f.SerializeToString(&wire);
    wire += string("\x9A\x06\x02\x08\x05", 5);
    REQUIRE(f.ParseFromString(wire));
    const auto back = to_exception(f, {});
    seen<temporal_error>(back, [](const temporal_error& e) { CHECK(e.what() == string("later")); });
    const auto outer = to_failure(thrown(application_error("new", application_options{.cause = back})), {});
    CHECK_MESSAGE(outer.cause().SerializeAsString() == f.SerializeAsString(), "as a cause too");
    CHECK(outer.cause().SerializeAsString().find(string("\x9A\x06\x02\x08\x05", 5)) != string::npos);
}

TEST_CASE("details and attributes go through the codecs")
{
    const data_converter c({std::make_shared<masking>()});
    const auto made =
        thrown(application_error("SECRET message", application_options{.type = "T",
                                                       .details = error_details::of("SECRET detail"),
                                                       .cause = thrown(shop::not_found("SECRET cause"))}));
    CHECK(to_failure(made, c).message() == "SECRET message");
    CHECK(to_failure(made, c).SerializeAsString().find("SECRET detail") == string::npos);

    const auto hidden = to_failure(made, c, {.encode_attributes = true});
    CHECK(hidden.message() == "Encoded failure");
    CHECK(hidden.cause().message() == "Encoded failure");
    CHECK(hidden.SerializeAsString().find("SECRET") == string::npos);
    seen<application_error>(to_exception(hidden, c), [](const application_error& e) {
        CHECK(e.what() == string("SECRET message"));
        CHECK(e.details().get<string>().value() == "SECRET detail");
        seen<application_error>(
            e.cause(), [](const application_error& why) { CHECK(why.what() == string("SECRET cause")); });
    });
    seen<application_error>(to_exception(hidden, {}), [](const application_error& e) {
        CHECK_MESSAGE(e.what() == string("Encoded failure"), "without the codec");
        CHECK(e.details().get<string>().error().message.find("\"masked\"") != string::npos);
    });

    const data_converter broken({std::make_shared<masking>(false)});
    const auto refused = to_failure(made, broken, {.encode_attributes = true});
    CHECK(refused.message() == "Encoded failure (the payload codec could not encode: no key)");
    CHECK_MESSAGE(refused.SerializeAsString().find("SECRET") == string::npos, "rather nothing than in clear");
    CHECK(to_failure(made, broken).message() ==
          "SECRET message (its details are left out: the payload codec could not encode: no key)");

    CHECK_MESSAGE(error_details::of(std::numeric_limits<double>::quiet_NaN()).get<string>().value() ==
                      "this detail could not be converted: json/plain: $: JSON has no NaN and no infinity",
        "an error comes through");
}
