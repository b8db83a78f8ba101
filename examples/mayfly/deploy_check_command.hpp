// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../support/flags.hpp"
#include "findings_output.hpp"
#include "flag_values.hpp"
#include "output.hpp"
#include "target_check.hpp"

#include <mayfly/aws/target_facts.hpp>
#include <mayfly/compute_config.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace examples {

inline constexpr std::string_view deploy_check_help =
    R"(usage: mayfly deploy-check FUNCTION [OPTION]...

Tells everything that keeps a Lambda function from running workers, and what surely is not meant. FUNCTION is its ARN,
with the published version that workers shall run. Nothing is changed, and no function runs.

  --role ARN                 the role that a controller invokes it as; otherwise whoever runs this
  --role-external-id ID      what that role's trust policy asks for
  --external-id RULE         of a role that can be assumed without its external id: enforce (unless given), warn, or off
                             for emulators
  --shutdown-buffer TIME     of the workers: the last part of a function's time, 7s unless given
  --output FORMAT            text (unless given), json, jsonl or none
  --help                     this

Credentials, region and endpoints come from the environment and the shared files, as for the AWS tools.
Exit status: 0 it is fit, 1 it is not, 2 the arguments are not usable.
)";

struct deploy_check_options {
    mayfly::provider_spec provider{.type = "aws-lambda"};
    mayfly::aws::validation_options how{.dry_run = true};
    output_format output = output_format::text;
    bool help = false;
    std::string problem{};  ///< Why these arguments cannot be used; empty if they can.
};

namespace detail {

inline std::string set(deploy_check_options& o, std::string_view flag, std::string_view value)
{
    std::string remedy;
    if (value.empty())
        return std::string(flag) + ": give a value";
    if (flag == "--role")
        o.provider.details["role"] = std::string(value);
    else if (flag == "--role-external-id")
        o.provider.details["role_external_id"] = std::string(value);
    else if (flag == "--external-id")
        remedy = choice(o.how.external_id, value, std::array<std::string_view, 3>{"enforce", "warn", "off"});
    else if (flag == "--shutdown-buffer")
        remedy = duration(o.how.shutdown_buffer, value);
    else if (flag == "--output")
        remedy = choice(o.output, value, output_formats);
    else
        return "there is no option " + std::string(flag);
    return remedy.empty() ? remedy : std::string(flag) + " is \"" + std::string(value) + "\": " + remedy;
}

}  // namespace detail

inline deploy_check_options read_deploy_check_options(const std::vector<std::string_view>& arguments)
{
    deploy_check_options o;
    flag_reader flags(arguments);
    while (o.problem.empty()) {
        const auto next = flags.next();
        if (!next)
            break;
        if (next->name == "--help") {
            o.help = true;
            return o;
        }
        if (!next->name.empty())
            o.problem = detail::set(o, next->name, next->value);
        else if (o.provider.details.contains("arn"))
            o.problem = '"' + std::string(next->value) + "\" is one function too many";
        else
            o.provider.details["arn"] = std::string(next->value);
    }
    if (o.problem.empty() && !o.provider.details.contains("arn"))
        o.problem = "give the function, by its ARN";
    return o;
}

/// `mayfly deploy-check ...`, without these two words. The exit status.
inline int run_deploy_check(const std::vector<std::string_view>& arguments)
{
    deploy_check_options o = read_deploy_check_options(arguments);
    if (o.help) {
        std::fwrite(deploy_check_help.data(), 1, deploy_check_help.size(), stdout);
        return 0;
    }
    if (!o.problem.empty()) {
        std::fprintf(stderr, "mayfly deploy-check: %s; --help says what there is\n", o.problem.c_str());
        return 2;
    }
    mayfly::findings found;
    boost::asio::io_context io(1);
    boost::asio::co_spawn(io, check_target(std::move(o.provider), o.how, std::string()),
        [&](const std::exception_ptr& thrown, mayfly::findings all) {
            if (thrown)
                std::rethrow_exception(thrown);
            found = std::move(all);
        });
    io.run();
    return print_findings(found, o.output, "fit to run workers");
}

}  // namespace examples
