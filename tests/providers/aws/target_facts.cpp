// SPDX-License-Identifier: BSL-1.0
#include "example_arns.hpp"

#include <mayfly/aws/target_facts.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace std::chrono_literals;
using namespace mayfly::aws;
using mayfly::findings;
using mayfly_test::function;
using mayfly_test::role;

namespace {

/// A function that nothing is wrong with.
function_description fit()
{
    function_description f;
    f.arn = function + ":7";
    f.state = "Active";
    f.last_update = "Successful";
    f.package_type = "Zip";
    f.runtime = "provided.al2023";
    f.handler = "bootstrap";
    f.timeout = 900s;
    return f;
}

lambda_facts all_well()
{
    return {.function = fit(), .events = event_invoke_config{.retries = 0, .event_age = 60s}};
}

lambda_details details(std::string arn = function + ":7")
{
    lambda_details d;
    d.arn = std::move(arn);
    d.role = role;
    d.role_external_id = "shared-with-us";
    return d;
}

failure refusal(errc what, std::string code, std::string message, unsigned status)
{
    failure f;
    f.ec = what;
    f.code = std::move(code);
    f.message = std::move(message);
    f.http_status = status;
    return f;
}

struct found {
    std::string errors{};
    std::string warnings{};
};

found judged(const lambda_facts& f, const lambda_details& d = details(), validation_options options = {})
{
    const findings all = evaluate(d, f, options, "details");
    return {mayfly::to_string(all.errors), mayfly::to_string(all.warnings)};
}

}  // namespace

TEST_CASE("nothing is wrong")
{
    const found f = judged(all_well());
    CHECK(f.errors == "");
    CHECK(f.warnings == "");
}

TEST_CASE("each thing that can be wrong with a function, and what to do about it")
{
    struct row {
        const char* why;
        void (*spoil)(lambda_facts&);
        std::string error;
        std::string warning;
    };
    const row rows[] = {
        {"the platform's default time", [](lambda_facts& f) { f.function->timeout = 3s; },
            "details.arn.timeout is 3 s: set the function's timeout to 17 s or more: a worker stops 7 s before the "
            "end, "
            "and needs 10 s to be worth its start",
            ""},
        {"just enough time", [](lambda_facts& f) { f.function->timeout = 17s; }, "", ""},
        {"a second too little", [](lambda_facts& f) { f.function->timeout = 16s; },
            "details.arn.timeout is 16 s: set the function's timeout to 17 s or more: a worker stops 7 s before the "
            "end, "
            "and needs 10 s to be worth its start",
            ""},
        {"no room", [](lambda_facts& f) { f.function->reserved_concurrency = 0; },
            "details.arn.reserved_concurrency is 0: gives the function no room to run; raise it to the number of "
            "workers wanted, or remove it",
            ""},
        {"little room", [](lambda_facts& f) { f.function->reserved_concurrency = 1; }, "", ""},
        {"it may be invoked", [](lambda_facts& f) { f.invoke.emplace(); }, "", ""},
        {"it may be looked at, and not invoked",
            [](lambda_facts& f) { f.invoke = refusal(errc::access_denied, "AccessDeniedException", "no", 403); },
            "details.arn.invoke is \"" + function +
                ":7\": AccessDeniedException: no (HTTP 403); allow "
                "lambda:InvokeFunction on " +
                function + " and " + function + ":*",
            ""},
        {"it may be invoked without its version alone",
            [](lambda_facts& f) {
                f.invoke = refusal(errc::access_denied, "AccessDeniedException", "no", 403);
                f.invoke_unqualified.emplace();
            },
            "details.arn.invoke is \"" + function +
                ":7\": AccessDeniedException: no (HTTP 403); without its version it "
                "may be invoked, so the policy's list of resources lacks the versions: add " +
                function + ":*",
            ""},
        {"whether it may be invoked is not known now",
            [](lambda_facts& f) { f.invoke = refusal(errc::throttled, "TooManyRequestsException", "busy", 429); },
            "details.arn.invoke is \"" + function +
                ":7\": could not be looked at now: TooManyRequestsException: busy "
                "(HTTP 429); try again",
            ""},
        {"being made",
            [](lambda_facts& f) {
                f.function->state = "Pending";
                f.function->state_reason = "The function is being created.";
            },
            "details.arn.state is Pending (The function is being created.): wait until it is Active", ""},
        {"asleep", [](lambda_facts& f) { f.function->state = "Inactive"; }, "",
            "details.arn.state is Inactive: was not used for a while; the first start wakes it and is refused itself"},
        {"broken", [](lambda_facts& f) { f.function->state = "Failed"; },
            "details.arn.state is Failed: cannot be invoked; publish it anew", ""},
        {"being changed", [](lambda_facts& f) { f.function->last_update = "InProgress"; },
            "details.arn.last_update is InProgress: wait until it is Successful", ""},
        {"a change that failed",
            [](lambda_facts& f) {
                f.function->last_update = "Failed";
                f.function->last_update_reason = "no subnet";
            },
            "details.arn.last_update is Failed (no subnet): deploy it again", ""},
        {"no handler", [](lambda_facts& f) { f.function->handler.clear(); },
            "details.arn.handler: set one; a bootstrap takes any, like bootstrap", ""},
        {"an image", [](lambda_facts& f) { f.function->package_type = "Image"; }, "",
            "details.arn.package_type is Image: starts slower than a zip archive does"},
        {"an answer that tells nothing", [](lambda_facts& f) { f.function = function_description{}; }, "", ""},
        {"events are retried", [](lambda_facts& f) { f.events->retries = 2; }, "",
            "details.arn.event_retries is 2: set MaximumRetryAttempts to 0 for this version: a worker that fails is "
            "started again by the controller, if it is still wanted"},
        {"events live long", [](lambda_facts& f) { f.events->event_age = 301s; }, "",
            "details.arn.event_age is 301 s: set MaximumEventAgeInSeconds to 60 for this version: after an outage, "
            "older "
            "starts are no longer wanted"},
        {"not set at all",
            [](lambda_facts& f) {
                f.events =
                    event_invoke_config{.failed = refusal(errc::not_found, "ResourceNotFoundException", "", 404)};
            },
            "",
            "details.arn.event_retries is 2, the default: set MaximumRetryAttempts to 0 for this version: a worker "
            "that "
            "fails is started again by the controller, if it is still wanted\n"
            "details.arn.event_age is 21600 s, the default: set MaximumEventAgeInSeconds to 60 for this version: after "
            "an outage, older starts are no longer wanted"},
        {"not ours to read",
            [](lambda_facts& f) {
                f.events =
                    event_invoke_config{.failed = refusal(errc::access_denied, "AccessDeniedException", "no", 403)};
            },
            "",
            "details.arn.event_retries is unknown: could not be read: AccessDeniedException: no (HTTP 403); allow "
            "lambda:GetFunctionEventInvokeConfig, or see to it that it is 0"},
        {"no such version",
            [](lambda_facts& f) {
                f.function->failed = refusal(errc::not_found, "ResourceNotFoundException", "Function not found", 404);
                f.events.reset();
            },
            "details.arn is \"" + function +
                ":7\": ResourceNotFoundException: Function not found (HTTP 404); publish that version, or give the ARN "
                "of one that exists in this region and account",
            ""},
        {"not ours to see",
            [](lambda_facts& f) {
                f.function->failed = refusal(errc::access_denied, "AccessDeniedException", "no", 403);
                f.events.reset();
            },
            "details.arn is \"" + function +
                ":7\": AccessDeniedException: no (HTTP 403); allow lambda:GetFunction and lambda:InvokeFunction on the "
                "function and on its versions: " +
                function + " and " + function + ":*",
            ""},
        {"no answer today",
            [](lambda_facts& f) {
                f.function->failed = refusal(errc::service_failed, "ServiceException", "", 500);
                f.events.reset();
            },
            "details.arn is \"" + function +
                ":7\": could not be looked at now: ServiceException: the service failed (HTTP 500); try again",
            ""},
        {"no credentials of one's own",
            [](lambda_facts& f) {
                f = {};
                f.way.own = refusal(errc::unknown_credentials, "", "none were found", 0);
            },
            "credentials is none were found: give this process credentials that work; nothing has to change on the "
            "target's side",
            ""},
        {"a role that does not let us in",
            [](lambda_facts& f) {
                f = {};
                f.way.role = refusal(errc::access_denied, "AccessDenied", "no", 403);
                f.way.identity = "arn:aws:iam::999999999999:user/me";
            },
            "details.role is \"" + role +
                "\": cannot be assumed: AccessDenied: no (HTTP 403); let its trust policy name "
                "arn:aws:iam::999999999999:user/me, with the condition StringEquals sts:ExternalId and the id that is "
                "given here",
            ""},
        {"a role that does not answer",
            [](lambda_facts& f) {
                f = {};
                f.way.role = refusal(errc::throttled, "Throttling", "", 400);
            },
            "details.role is \"" + role +
                "\": could not be assumed now: Throttling: throttled by the service (HTTP 400); try again",
            ""},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        lambda_facts facts = all_well();
        r.spoil(facts);
        const found f = judged(facts);
        CHECK(f.errors == r.error);
        CHECK(f.warnings == r.warning);
    }
}

TEST_CASE("everything at once, not the first thing alone")
{
    lambda_facts facts = all_well();
    facts.function->timeout = 3s;
    facts.function->reserved_concurrency = 0;
    facts.function->state = "Failed";
    facts.events->retries = 1;
    facts.way.bare = role_facts::without_id::granted;
    const findings all = evaluate(details(function), facts);
    CHECK(all.errors.size() == 4);
    CHECK(all.warnings.size() == 2);
    CHECK(all.errors.front().field == "role");
}

TEST_CASE("an external id that is not enforced, or may not be")
{
    using enum role_facts::without_id;
    const std::string open = "details.role is \"" + role +
                             "\": can be assumed without the external id; add the condition StringEquals "
                             "sts:ExternalId to its trust policy";
    const std::string unknown = "details.role is \"" + role +
                                "\": could not verify that it asks for the external id: Throttling: throttled by the "
                                "service (HTTP 400); try again";
    struct row {
        const char* why;
        role_facts::without_id bare;
        external_id_check check;
        std::string error;
        std::string warning;
    };
    const row rows[] = {
        {"enforced by its owner", denied, external_id_check::enforce, "", ""},
        {"open", granted, external_id_check::enforce, open, ""},
        {"open, which is tolerated", granted, external_id_check::warn, "", open},
        {"open, which nobody asks for", granted, external_id_check::off, "", ""},
        {"no telling: not the same as open", unclear, external_id_check::enforce, unknown, ""},
        {"no telling, which is tolerated", unclear, external_id_check::warn, "", unknown},
        {"not asked", not_asked, external_id_check::enforce, "", ""},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        lambda_facts facts = all_well();
        facts.way.bare = r.bare;
        facts.way.bare_failure = refusal(errc::throttled, "Throttling", "", 400);
        const found f = judged(facts, details(), {.external_id = r.check});
        CHECK(f.errors == r.error);
        CHECK(f.warnings == r.warning);
    }
}

TEST_CASE("names that somebody can point at other code")
{
    struct row {
        const char* why;
        std::string arn;
        std::string remedy;
    };
    const row rows[] = {
        {"a version", function + ":7", ""},
        {"no version", function,
            "names no version, so the next deployment changes the code under running workflows; add :NUMBER"},
        {"the latest", function + ":$LATEST",
            "is whatever was deployed last, which changes under running workflows; name a published version"},
        {"an alias", function + ":PROD", "is an alias, which can be pointed at other code; name a published version"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const found f = judged(all_well(), details(r.arn));
        CHECK(f.errors == "");
        CHECK(f.warnings == (r.remedy.empty() ? "" : "details.arn is \"" + r.arn + "\": " + r.remedy));
    }
}

TEST_CASE("a worker that needs longer to stop needs a longer time")
{
    lambda_facts facts = all_well();
    facts.function->timeout = 60s;
    CHECK(judged(facts).errors == "");
    CHECK(judged(facts, details(), {.shutdown_buffer = 51s}).errors != "");
}

TEST_CASE("a service of ECS")
{
    const ecs_details d{{}, "main", "work", "eu-west-1"};
    service_description active;
    active.status = "ACTIVE";
    CHECK(evaluate(d, ecs_facts{.service = active}) == findings{});
    service_description draining;
    draining.status = "DRAINING";
    CHECK(mayfly::to_string(evaluate(d, ecs_facts{.service = draining}).errors) ==
          "service is \"work\": is DRAINING; give one that is ACTIVE");
    service_description gone;
    gone.failed = refusal(errc::not_found, "MISSING", "", 200);
    CHECK(mayfly::to_string(evaluate(d, ecs_facts{.service = gone}).errors) ==
          "service is \"work\": MISSING: not found (HTTP 200); give a service that exists in this cluster, region and "
          "account");
}
