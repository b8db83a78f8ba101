// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/target_facts.hpp>
#include <mayfly/config/connection_settings.hpp>
#include <mayfly/config/read.hpp>
#include <mayfly/ledger.hpp>
#include <mayfly/scalers/fleet_settings.hpp>
#include <mayfly/settings.hpp>
#include <mayfly/temporal/connection_options.hpp>
#include <mayfly/temporal/log.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

// What `mayfly controller run` is told by its file and its flags, as values. controller_settings_read.hpp reads them.

namespace examples {

/// One namespace of one cluster.
struct namespace_settings {
    mayfly::config::connection_settings to{};
    double deployment_reads_per_second = 25;  ///< A server takes 50 of one namespace, from everybody.
    double queue_reads_per_second = 40;
    double registry_reads_per_second = 10;  ///< Descriptions of deployments and versions, out of the same 50.
    double registry_burst = 100;            ///< So many at once after a rest, and so at the beginning.
    std::chrono::microseconds stats_cached_for = std::chrono::seconds{5};  ///< By the server.
    std::chrono::microseconds longest_lifetime = std::chrono::minutes{15};
    std::vector<std::string> queues{};  ///< Known by name before any worker has polled.
    /// Configurations that the server keeps for a controller of its own are ours: it has none here, or that one is off.
    bool server_controller_is_off = false;
};

/// Whether they say the same, wherever it stands.
[[nodiscard]] inline bool same(const namespace_settings& a, const namespace_settings& b)
{
    const auto of = [](const namespace_settings& n) {
        const mayfly::config::tls_settings& tls = n.to.tls;
        return std::tie(n.to.address.value, n.to.name_space.value, n.to.api_key.value, n.to.authority.value,
            tls.on.value, tls.client_cert.value, tls.client_key.value, tls.server_ca.value, tls.server_name.value,
            tls.verify_host.value, n.deployment_reads_per_second, n.queue_reads_per_second, n.registry_reads_per_second,
            n.registry_burst, n.stats_cached_for, n.longest_lifetime, n.queues, n.server_controller_is_off);
    };
    const auto alike = [](const auto& x, const auto& y) {
        return x.first == y.first && x.second.value == y.second.value;
    };
    const auto& headers = a.to.grpc_meta;
    return of(a) == of(b) &&
           std::equal(headers.begin(), headers.end(), b.to.grpc_meta.begin(), b.to.grpc_meta.end(), alike);
}

struct lease_settings {
    bool on = true;  ///< Off: this is the only replica, for sure.
    std::string name = "mayfly-controller";
    std::chrono::microseconds heartbeat_every = std::chrono::seconds{1};
    std::chrono::microseconds lost_after = std::chrono::seconds{5};

    friend bool operator==(const lease_settings&, const lease_settings&) = default;
};

struct intermediary_role {
    std::string role_arn{};
    std::string external_id{};  ///< A secret.
    std::string session_name{};

    friend bool operator==(const intermediary_role&, const intermediary_role&) = default;
};

/// How functions are started. Region, profile, credentials and endpoints are the AWS tools' own settings.
struct aws_settings {
    std::string session_name = "mayfly";
    bool role_required = false;  ///< Each version names a role and an external id.
    mayfly::aws::external_id_check external_id = mayfly::aws::external_id_check::enforce;
    std::uint32_t starts_at_once = 32;
    std::chrono::microseconds shutdown_buffer = std::chrono::seconds{7};  ///< Of the workers.
    std::vector<intermediary_role> intermediary_roles{};

    friend bool operator==(const aws_settings&, const aws_settings&) = default;
};

struct record_settings {
    std::string file{};  ///< Empty: none is kept.
    std::uint32_t max_mib = 64;

    friend bool operator==(const record_settings&, const record_settings&) = default;
};

struct health_settings {
    bool on = true;
    std::string address = "127.0.0.1";
    std::uint16_t port = 7240;  ///< 0: any free one.

    friend bool operator==(const health_settings&, const health_settings&) = default;
};

struct controller_settings {
    std::string file{};  ///< The one that was read; empty: there is none.
    std::string identity = mayfly::temporal::default_identity();
    mayfly::temporal::log_level log = mayfly::temporal::log_level::info;
    bool log_is_json = true;
    std::chrono::microseconds look_every = std::chrono::seconds{2};    ///< For versions that came, changed or went.
    std::chrono::microseconds validate_every = std::chrono::hours{6};  ///< Each version's compute configuration.
    /// For starts of whoever led before to show themselves. As long as a controller waits for one of its own.
    std::chrono::microseconds start_up_allowance = mayfly::ledger_settings{}.patience;
    std::uint32_t most_series = 1000;  ///< Versions with metrics of their own.
    health_settings health{};
    record_settings record{};
    lease_settings lease{};
    std::string scaler = "fleet";       ///< Of groups that name none.
    mayfly::settings fleet_defaults{};  ///< Keys of `fleet`; what a group says of its own goes first.
    aws_settings aws{};
    std::vector<namespace_settings> namespaces{};
    mayfly::problems warnings{};
};

/// The `fleet` of a group with these details. Adds are not reported here, so an idle one looks by itself: twice in the
/// time for which a default server keeps its statistics, and so as soon as there are new ones.
[[nodiscard]] inline mayfly::checked<mayfly::fleet> fleet_from(
    const mayfly::settings& defaults, const mayfly::settings& own, const std::string& where)
{
    mayfly::settings all = own;
    all.insert(defaults.begin(), defaults.end());
    all.emplace("read_idle_ms", std::int64_t{2500});
    return mayfly::from_settings<mayfly::fleet>(all, where);
}

namespace detail {

[[nodiscard]] inline std::string in_seconds(std::chrono::microseconds t)
{
    return mayfly::to_string(mayfly::setting{std::chrono::duration<double>(t).count()}) + " s";
}

}  // namespace detail

/// All that is in effect, for people. Of secrets it says only that they are there.
[[nodiscard]] inline std::string to_string(const controller_settings& s)
{
    using detail::in_seconds;
    std::string out;
    const auto line = [&](std::string_view name, const std::string& value) {
        out.append(name).append(": ").append(value).append("\n");
    };
    const auto flag = [](bool b) { return std::string(b ? "true" : "false"); };
    line("file", s.file.empty() ? "none" : s.file);
    line("identity", s.identity);
    line("log", std::string(to_string(s.log)) + (s.log_is_json ? ", json" : ", text"));
    line("look_every", in_seconds(s.look_every));
    line("validate_every", in_seconds(s.validate_every));
    line("start_up_allowance", in_seconds(s.start_up_allowance));
    line("health", s.health.on ? s.health.address + " port " + std::to_string(s.health.port) : "off");
    line("record", s.record.file.empty() ? "none" : s.record.file + ", " + std::to_string(s.record.max_mib) + " MiB");
    line("lease", s.lease.on ? s.lease.name + ", heartbeat every " + in_seconds(s.lease.heartbeat_every) +
                                   ", lost after " + in_seconds(s.lease.lost_after)
                             : "off");
    line("scaler", s.scaler);
    for (const auto& [key, value] : s.fleet_defaults)
        line("scaler.fleet." + key, mayfly::to_string(value));
    line("providers.aws.session_name", s.aws.session_name);
    line("providers.aws.require_role_and_external_id", flag(s.aws.role_required));
    line("providers.aws.starts_at_once", std::to_string(s.aws.starts_at_once));
    for (const intermediary_role& r : s.aws.intermediary_roles)
        line("providers.aws.intermediary_role", r.role_arn + (r.external_id.empty() ? "" : ", external id ***"));
    for (const namespace_settings& n : s.namespaces) {
        out += "\nnamespace " + n.to.name_space.value + '\n' + to_string(n.to);
        line("deployment_reads_per_second", mayfly::to_string(mayfly::setting{n.deployment_reads_per_second}));
        line("queue_reads_per_second", mayfly::to_string(mayfly::setting{n.queue_reads_per_second}));
        line("registry_reads_per_second", mayfly::to_string(mayfly::setting{n.registry_reads_per_second}));
        line("registry_burst", mayfly::to_string(mayfly::setting{n.registry_burst}));
        line("stats_cached_for", in_seconds(n.stats_cached_for));
        line("longest_lifetime", in_seconds(n.longest_lifetime));
        line("server_controller_is_off", flag(n.server_controller_is_off));
        for (const std::string& q : n.queues)
            line("queue", q);
    }
    return out;
}

}  // namespace examples
