// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/arn.hpp>
#include <mayfly/aws/ecs_messages.hpp>
#include <mayfly/aws/error.hpp>
#include <mayfly/aws/lambda_messages.hpp>
#include <mayfly/aws/target_details.hpp>
#include <mayfly/compute_config.hpp>
#include <mayfly/problem.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// Whether a target is fit to run workers: what was found out about it goes in, everything that is wrong comes out.

namespace mayfly::aws {

/// What to make of a role that can be assumed without the external id. Its owner is then open to whoever knows its name
/// and is trusted with other roles.
enum class external_id_check : std::uint8_t {
    enforce,  ///< An error, and so is not being able to tell.
    warn,     ///< A warning.
    off,      ///< Not looked at: emulators do not check external ids.
};

struct validation_options {
    external_id_check external_id = external_id_check::enforce;
    std::chrono::seconds shutdown_buffer{7};  ///< Of the workers: the last part of a function's time.
    std::chrono::seconds least_work{10};      ///< The time before it that makes a start worth while.
    std::chrono::seconds longest_event_age{300};
    bool dry_run = false;  ///< Ask too whether a function may be invoked. Still none runs.
};

/// How the way to a target looks, from one's own credentials to the role that calls are made as.
struct role_facts {
    failure own{};           ///< Of one's own credentials, or of the role in between that failed.
    std::string identity{};  ///< Who asks for the role, as STS calls them; empty if unknown.
    failure role{};          ///< Of assuming the role with the external id.

    /// Of assuming it without; only asked after the other succeeded.
    enum class without_id : std::uint8_t { not_asked, denied, granted, unclear } bare = without_id::not_asked;
    failure bare_failure{};  ///< Where it is unclear.
};

struct lambda_facts {
    role_facts way{};
    std::optional<function_description> function{};  ///< Absent: not asked, because the way there is closed.
    std::optional<event_invoke_config> events{};
    std::optional<failure> invoke{};              ///< Of a dry run of the function as it is given.
    std::optional<failure> invoke_unqualified{};  ///< Of one of the function without its version or alias.
};

/// The function itself, not one of its versions.
[[nodiscard]] inline std::string without_qualifier(function_id f)
{
    f.qualifier.clear();
    return to_string(f);
}

struct ecs_facts {
    role_facts way{};
    std::optional<service_description> service{};
};

namespace detail {

class target_check {
public:
    target_check(const std::string& where, const validation_options& options)
        : where_{where.empty() ? where : where + '.'}, options_{&options}
    {}

    void way(const role_details& d, const role_facts& f)
    {
        if (f.own) {
            error("credentials", to_string(f.own),
                "give this process credentials that work; nothing has to change on the target's side");
            return;
        }
        if (f.role) {
            if (condition_of(f.role.ec) == condition::permanent)
                error(where_ + "role", quoted(d.role), "cannot be assumed: " + to_string(f.role) + "; " + trust(d, f));
            else
                error(
                    where_ + "role", quoted(d.role), "could not be assumed now: " + to_string(f.role) + "; try again");
        }
        bare(d, f);
    }

    void function(const lambda_details& d, const function_description& f)
    {
        if (f.failed) {
            unreachable(where_ + "arn", quoted(d.arn), f.failed,
                "publish that version, or give the ARN of one that exists in this region and account",
                "allow lambda:GetFunction and lambda:InvokeFunction on the function and on its versions: " +
                    bare_arn(d) + " and " + bare_arn(d) + ":*");
            return;
        }
        state(f);
        package(f);
        const auto needed = options_->shutdown_buffer + options_->least_work;
        if (f.timeout && *f.timeout < needed)
            error(where_ + "arn.timeout", text(*f.timeout),
                "set the function's timeout to " + text(needed) + " or more: a worker stops " +
                    text(options_->shutdown_buffer) + " before the end, and needs " + text(options_->least_work) +
                    " to be worth its start");
        if (f.reserved_concurrency == 0U)
            error(where_ + "arn.reserved_concurrency", "0",
                "gives the function no room to run; raise it to the number of workers wanted, or remove it");
    }

    void invoke(const lambda_details& d, const lambda_facts& f)
    {
        if (!f.invoke || !*f.invoke)
            return;
        const bool only_qualified = f.invoke_unqualified && !*f.invoke_unqualified;
        if (f.function && f.function->failed.ec == f.invoke->ec && !only_qualified)
            return;  // The same is said of the function already.
        std::string allow = "allow lambda:InvokeFunction on " + bare_arn(d) + " and " + bare_arn(d) + ":*";
        if (only_qualified)
            allow =
                "without its version it may be invoked, so the policy's list of resources lacks the versions: add " +
                bare_arn(d) + ":*";
        unreachable(where_ + "arn.invoke", quoted(d.arn), *f.invoke, "publish that version", allow);
    }

    void events(const event_invoke_config& e)
    {
        const bool unset = e.failed.ec == errc::not_found;
        if (e.failed && !unset) {
            warning(where_ + "arn.event_retries", "unknown",
                "could not be read: " + to_string(e.failed) +
                    "; allow lambda:GetFunctionEventInvokeConfig, or see to it that it is 0");
            return;
        }
        if (e.retries != 0)
            warning(where_ + "arn.event_retries", std::to_string(e.retries) + (unset ? ", the default" : ""),
                "set MaximumRetryAttempts to 0 for this version: a worker that fails is started again by the "
                "controller, "
                "if it is still wanted");
        if (e.event_age > options_->longest_event_age)
            warning(where_ + "arn.event_age", text(e.event_age) + (unset ? ", the default" : ""),
                "set MaximumEventAgeInSeconds to 60 for this version: after an outage, older starts are no longer "
                "wanted");
    }

    void qualifier(const lambda_details& d)
    {
        const auto f = read_function_arn(d.arn, "arn");
        if (!f)
            return;
        const std::string value = quoted(d.arn);
        switch (f->kind()) {
        case qualifier_kind::none:
            warning(where_ + "arn", value,
                "names no version, so the next deployment changes the code under running workflows; add :NUMBER");
            break;
        case qualifier_kind::latest:
            warning(where_ + "arn", value,
                "is whatever was deployed last, which changes under running workflows; name a published version");
            break;
        case qualifier_kind::alias:
            warning(where_ + "arn", value, "is an alias, which can be pointed at other code; name a published version");
            break;
        case qualifier_kind::version: break;
        }
    }

    void service(const ecs_details& d, const service_description& s)
    {
        if (s.failed)
            unreachable(where_ + "service", quoted(d.service), s.failed,
                "give a service that exists in this cluster, region and account",
                "allow ecs:DescribeServices and ecs:UpdateService on the service");
        else if (s.status != "ACTIVE")
            error(where_ + "service", quoted(d.service),
                "is " + (s.status.empty() ? std::string{"in no known state"} : s.status) + "; give one that is ACTIVE");
    }

    [[nodiscard]] findings result() && { return std::move(found_); }

private:
    void error(std::string field, std::string value, std::string remedy)
    {
        found_.errors.push_back({std::move(field), std::move(value), std::move(remedy)});
    }
    void warning(std::string field, std::string value, std::string remedy)
    {
        found_.warnings.push_back({std::move(field), std::move(value), std::move(remedy)});
    }

    [[nodiscard]] static std::string quoted(std::string_view t) { return '"' + std::string{t} + '"'; }
    [[nodiscard]] static std::string text(std::chrono::seconds s) { return std::to_string(s.count()) + " s"; }

    [[nodiscard]] static std::string bare_arn(const lambda_details& d)
    {
        const auto f = read_function_arn(d.arn, "arn");
        return f ? without_qualifier(*f) : std::string{};
    }

    [[nodiscard]] static std::string trust(const role_details& d, const role_facts& f)
    {
        std::string out =
            "let its trust policy name " + (f.identity.empty() ? std::string{"our identity"} : f.identity);
        if (!d.role_external_id.empty())
            out += ", with the condition StringEquals sts:ExternalId and the id that is given here";
        return out;
    }

    void bare(const role_details& d, const role_facts& f)
    {
        const auto report = [&](std::string remedy) {
            if (options_->external_id == external_id_check::enforce)
                error(where_ + "role", quoted(d.role), std::move(remedy));
            else if (options_->external_id == external_id_check::warn)
                warning(where_ + "role", quoted(d.role), std::move(remedy));
        };
        switch (f.bare) {
        case role_facts::without_id::not_asked:
        case role_facts::without_id::denied: break;
        case role_facts::without_id::granted:
            report("can be assumed without the external id; add the condition StringEquals sts:ExternalId to its trust "
                   "policy");
            break;
        case role_facts::without_id::unclear:
            report("could not verify that it asks for the external id: " + to_string(f.bare_failure) + "; try again");
            break;
        }
    }

    void unreachable(
        std::string field, std::string value, const failure& f, const char* if_missing, const std::string& if_denied)
    {
        std::string remedy = to_string(f);
        if (f.ec == errc::not_found)
            remedy += std::string{"; "} + if_missing;
        else if (f.ec == errc::access_denied)
            remedy += "; " + if_denied;
        else if (condition_of(f.ec) != condition::permanent)
            remedy = "could not be looked at now: " + remedy + "; try again";
        error(std::move(field), std::move(value), std::move(remedy));
    }

    void state(const function_description& f)
    {
        const auto because = [](const std::string& reason) { return reason.empty() ? reason : " (" + reason + ')'; };
        const std::string field = where_ + "arn.state";
        if (f.state == "Pending")
            error(field, f.state + because(f.state_reason), "wait until it is Active");
        else if (f.state == "Inactive")
            warning(field, f.state, "was not used for a while; the first start wakes it and is refused itself");
        else if (!f.state.empty() && f.state != "Active")
            error(field, f.state + because(f.state_reason), "cannot be invoked; publish it anew");
        if (f.last_update == "InProgress")
            error(where_ + "arn.last_update", f.last_update, "wait until it is Successful");
        else if (f.last_update == "Failed")
            error(where_ + "arn.last_update", f.last_update + because(f.last_update_reason), "deploy it again");
    }

    void package(const function_description& f)
    {
        if (f.package_type == "Image")
            warning(where_ + "arn.package_type", f.package_type, "starts slower than a zip archive does");
        else if (f.package_type == "Zip" && f.handler.empty())
            error(where_ + "arn.handler", "", "set one; a bootstrap takes any, like bootstrap");
    }

    std::string where_;
    const validation_options* options_;
    findings found_;
};

}  // namespace detail

/// Everything that is wrong with a function and the way to it. Field names begin with `where`.
[[nodiscard]] inline findings evaluate(const lambda_details& d, const lambda_facts& f,
    const validation_options& options = {}, const std::string& where = {})
{
    detail::target_check check{where, options};
    check.way(d, f.way);
    if (f.function)
        check.function(d, *f.function);
    check.invoke(d, f);
    if (f.events)
        check.events(*f.events);
    check.qualifier(d);
    return std::move(check).result();
}

/// Everything that is wrong with a service and the way to it.
[[nodiscard]] inline findings evaluate(
    const ecs_details& d, const ecs_facts& f, const validation_options& options = {}, const std::string& where = {})
{
    detail::target_check check{where, options};
    check.way(d, f.way);
    if (f.service)
        check.service(d, *f.service);
    return std::move(check).result();
}

}  // namespace mayfly::aws
