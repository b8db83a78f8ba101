// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../support/flags.hpp"
#include "function_settings.hpp"
#include "functions_file.hpp"
#include "sts.hpp"

#include <mayfly/aws/arn.hpp>
#include <mayfly/aws/credentials.hpp>
#include <mayfly/aws/partition.hpp>
#include <mayfly/http/server_options.hpp>
#include <mayfly/local/platform.hpp>
#include <mayfly/problem.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace local_lambda {

inline constexpr std::string_view help_text =
    R"(usage: local_lambda --bootstrap PATH [OPTION]...
       local_lambda --functions FILE [OPTION]...

AWS Lambda and STS on this machine, for boto3, the AWS CLI and everything else that speaks to AWS. Functions are
executables that speak Lambda's Runtime API; each runs in a process of its own. Point tools here with
AWS_ENDPOINT_URL=http://127.0.0.1:PORT, which is the first line that is written to the standard output.

What listens
  --port N                    0 (unless given) takes any free port
  --tls-cert FILE             with --tls-key FILE: speaks TLS; both are PEM
  --region NAME               us-east-1 unless given
  --account ID                123456789012 unless given

A function (with --functions: what its functions have unless the file says otherwise)
  --bootstrap PATH            the executable
  --function NAME             what it is called; "function" unless given
  --versions N,N...           versions that are published already, beside $LATEST
  --alias NAME=VERSION        an alias; may be given several times
  --handler NAME              "bootstrap" unless given
  --timeout SECONDS           3 unless given
  --memory MIB                128 unless given; a function that takes more is killed
  --env NAME=VALUE            a variable of its environment; may be given several times
  --reserved-concurrency N    so many invocations at a time, and nobody else gets their room
  --version-concurrency N     at most so many at a time of each version
  --async-retries N           0, 1 or 2 (unless given) further tries of an event that failed
  --event-age SECONDS         an event that is older is dropped; 21600 unless given
  --start-delay SECONDS       each start takes so much longer
  --failure-rate CHANCE       of starts that come to nothing, from 0 to 1
  --state STATE               Active; or Pending, Inactive or Failed, and then it is not run
  --last-update STATUS        Successful, InProgress or Failed
  --functions FILE            several functions, in TOML; see below

The platform
  --concurrency N             invocations at a time, all functions together; 1000 unless given. A tenth of it, at most
                              100, cannot be reserved
  --idle-seconds SECONDS      an environment that is idle for so long is let go; 300 unless given
  --no-freeze                 processes go on between invocations
  --time-scale FACTOR         of the waits between the tries of an event: 0.01 makes a minute of them 0.6 s
  --clock-offset SECONDS      the clock that requests are judged by is wrong by so much

Who may do what
  --access-key ID             of the account's own key, which may do all; AKIAIOSFODNN7EXAMPLE unless given
  --secret-key TEXT           its secret; wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY unless given
  --role-arn ARN              a role that can be assumed
  --external-id TEXT          what AssumeRole must say for it
  --role-resource ARN         what it may invoke and read, * and ? stand for others; may be given several times.
                              Unless given: every function F here, as F and as F:*
  --role-action ACTION        what it may do there, like lambda:InvokeFunction; may be given several times. Unless
                              given: invoke, and read functions and their configuration
  --role-max-session SECONDS  the longest session of it; 3600 unless given
  --session-seconds SECONDS   sessions last so long, whatever was asked for
  --web-identity-token FILE   AssumeRoleWithWebIdentity takes the token that this file holds
  --web-identity-any          it takes any token

  --log-file FILE             the log goes there, not to the standard error
  --help                      this

A file of functions
  [[function]]                # as often as needed; the settings above, with _ for -
  function = "orders"
  bootstrap = "./bootstrap"   # seen from the file's folder
  versions = [1, 7]
  alias = { PROD = 7 }
  env = { MODE = "test" }
  timeout = 60

  [[role]]                    # likewise: role_arn, external_id, role_resource, role_action, role_max_session
  role_arn = "arn:aws:iam::123456789012:role/worker"
  external_id = "..."

SIGINT or SIGTERM ends everything that was started; at a second one nobody waits for answers any more.
Exit status: 0 stopped by a signal, 1 something went wrong, 2 the options are not usable.
)";

struct options {
    std::vector<function_plan> functions{};
    mayfly::local::platform_options platform{};
    mayfly::aws::credentials own{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", {}, {}, {}};
    sts_options sts{};
    mayfly::http::server_options server{};
    std::chrono::milliseconds clock_offset{0};
    std::filesystem::path log_file{};
    bool help = false;
    mayfly::problems problems{};  ///< Why these options cannot be used; none if they can.
};

namespace detail {

class option_reader {
public:
    explicit option_reader(options& out) : o_(&out) { flags_.settings.name = "function"; }

    void read(const std::vector<std::string_view>& arguments)
    {
        const std::vector<std::string_view> switches{"--no-freeze", "--web-identity-any"};
        examples::flag_reader flags(arguments, switches);
        while (const auto next = flags.next()) {
            const auto [flag, value] = *next;
            if (flag == "--help")
                o_->help = true;
            else if (flag == "--no-freeze")
                o_->platform.freeze = false;
            else if (flag == "--web-identity-any")
                o_->sts.any_web_identity = true;
            else if (flag.empty())
                wrong(in_quotes(value), "", "options begin with --; see --help");
            else
                take(flag, value);
        }
    }

    void finish()
    {
        auto& p = o_->platform;
        p.where.partition = mayfly::aws::partition_of(p.where.region).id;
        p.least_unreserved = std::min(100U, p.concurrency / 10);
        if (role_given_)
            o_->sts.roles.insert(o_->sts.roles.begin(), role_);
        if (!file_.empty()) {
            if (named_)
                wrong("--function", in_quotes(flags_.settings.name), "leave it out; --functions names the functions");
            read_functions_file(file_, flags_, o_->functions, o_->sts.roles, o_->problems);
        } else if (flags_.settings.bootstrap.empty()) {
            if (o_->problems.empty())
                wrong("--bootstrap", "", "give the path of an executable, or several functions with --functions");
        } else {
            o_->functions.push_back(flags_);
        }
        check_roles();
        if (o_->server.certificate.empty() != o_->server.key.empty())
            wrong(o_->server.key.empty() ? "--tls-key" : "--tls-cert", "", "give both --tls-cert and --tls-key");
    }

private:
    void wrong(std::string_view flag, std::string value, std::string remedy)
    {
        o_->problems.push_back({std::string(flag), std::move(value), std::move(remedy)});
    }

    void take(std::string_view flag, std::string_view value)
    {
        // What is nobody's to read is not repeated.
        const bool secret = flag == "--secret-key" || flag == "--external-id" || flag == "--env";
        if (value.empty()) {
            wrong(flag, "", known(flag) ? "give a value" : "there is no such option; see --help");
            return;
        }
        const std::string_view name = flag.substr(2);
        std::string remedy;
        if (is_function_setting(name))
            remedy = set_function(flags_, name, value);
        else
            remedy = set(name, value);
        named_ = named_ || name == "function";
        if (!remedy.empty())
            wrong(flag, secret ? "" : in_quotes(value), std::move(remedy));
    }

    [[nodiscard]] static bool known(std::string_view flag)
    {
        // Every option is in the help, so that stands for a list.
        const std::string start = "\n  " + std::string(flag) + ' ';
        return help_text.find(start) != help_text.npos || flag == "--tls-key";
    }

    /// Says what to do if the value is of no use, else nothing.
    std::string set(std::string_view name, std::string_view value)
    {
        auto& p = o_->platform;
        if (is_role_setting(name)) {
            role_given_ = true;
            return set_role(role_, name, value);
        }
        if (name == "port")
            return store(o_->server.port, read_integer<std::uint16_t>(value, 0, 65'535), "give 0 to 65535");
        if (name == "concurrency")
            return store(p.concurrency, read_integer<std::uint32_t>(value, 1, 1'000'000), "give a whole number from 1");
        if (name == "idle-seconds")
            return store(p.idle, read_seconds(value, 0.001, 86'400), "give seconds above 0, up to 86400");
        if (name == "clock-offset")
            return store(o_->clock_offset, read_seconds(value, -1e9, 1e9), "give seconds, like -360");
        if (name == "time-scale") {
            const auto factor = read_number(value);
            return store(p.time_scale, factor && *factor > 0 && *factor <= 1000 ? factor : std::nullopt,
                "give a factor above 0, up to 1000");
        }
        if (name == "session-seconds") {
            o_->sts.session_seconds = read_integer<std::int64_t>(value, 1, 43'200);
            return o_->sts.session_seconds ? "" : "give seconds from 1 to 43200, a whole number";
        }
        if (name == "region") {
            p.where.region = value;
            return mayfly::aws::is_region(value) ? "" : "give a region's name, like us-east-1";
        }
        if (name == "account") {
            p.where.account = value;
            return mayfly::aws::detail::is_account(value) ? "" : "give twelve digits";
        }
        if (name == "access-key") {
            o_->own.access_key_id = value;
            return value.find_first_of("/, ") == value.npos ? "" : "give a key without '/', ',' and blanks";
        }
        if (name == "secret-key") {
            o_->own.secret_access_key = value;
            return {};
        }
        if (name == "tls-cert")
            return file(o_->server.certificate, value);
        if (name == "tls-key")
            return file(o_->server.key, value);
        if (name == "web-identity-token") {
            o_->sts.web_identity_file = value;
            return readable(value);
        }
        if (name == "functions") {
            file_ = value;
            return readable(value);
        }
        if (name == "log-file") {
            o_->log_file = value;
            return {};
        }
        return "there is no such option; see --help";
    }

    template <class T, class Read>
    static std::string store(T& into, const Read& read, const char* remedy)
    {
        if (!read)
            return remedy;
        into = *read;
        return {};
    }

    static std::string readable(std::string_view path)
    {
        std::error_code ec;
        const std::filesystem::path file(path);
        const bool good = !std::filesystem::is_directory(file, ec) && std::ifstream(file).good();
        return good ? "" : "give the path of a file that can be read; there is none";
    }

    static std::string file(std::string& into, std::string_view path)
    {
        into = path;
        return readable(path);
    }

    void check_roles()
    {
        for (role& r : o_->sts.roles) {
            const auto read = mayfly::aws::read_role_arn(r.arn, "--role-arn");
            if (!read) {
                for (const mayfly::problem& p : read.problems())
                    o_->problems.push_back(p);
            }
            if (!r.resources.empty())
                continue;
            for (const function_plan& f : o_->functions) {
                const std::string arn = mayfly::local::function_arn(o_->platform.where, f.settings.name);
                r.resources.push_back(arn);
                r.resources.push_back(arn + ":*");
            }
        }
    }

    options* o_;
    function_plan flags_;
    role role_;
    bool role_given_ = false;
    bool named_ = false;
    std::filesystem::path file_;
};

}  // namespace detail

/// Takes `--name value` and `--name=value`. Where one is given twice that stands once, the last counts.
[[nodiscard]] inline options read_options(const std::vector<std::string_view>& arguments)
{
    options out;
    detail::option_reader reader(out);
    reader.read(arguments);
    if (!out.help)
        reader.finish();
    return out;
}

}  // namespace local_lambda
