// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/compute_config.hpp>
#include <mayfly/temporal/deployment_values.hpp>
#include <mayfly/temporal/stored_compute.hpp>
#include <mayfly/temporal/version_record.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// What a description says of a version's compute, and who else may act on it. Pure.

namespace mayfly::temporal {

/// Who asks, and so what stands in his way.
struct reader_role {
    std::string controller{};  ///< The name under which he drives versions; empty: he drives none.
    /// The server's own controller is known to be off, which no server tells. Otherwise a configuration that is kept in
    /// the server is left to the server.
    bool server_controller_is_off = false;
};

namespace detail {

/// A server does not count its changes of a configuration: the text's own digest does instead.
[[nodiscard]] inline std::uint64_t digest_of(const compute_config& config)
{
    std::uint64_t out = 0xcbf2'9ce4'8422'2325;
    for (const char c : write_compute({.config = config, .revision = 0, .requests = {}}))
        out = (out ^ static_cast<unsigned char>(c)) * 0x0000'0100'0000'01b3;
    return out;
}

[[nodiscard]] inline std::optional<std::string> metadata_text(
    const version_description& from, std::string_view key, problems& wrong)
{
    const auto at = from.metadata.find(std::string(key));
    if (at == from.metadata.end())
        return std::nullopt;
    const auto& about = at->second.metadata();
    if (const auto encoding = about.find("encoding"); encoding != about.end() && encoding->second != "json/plain") {
        wrong.push_back({std::string(key), "of encoding " + shown_name(encoding->second), "give json/plain"});
        return std::nullopt;
    }
    return at->second.data();
}

[[nodiscard]] inline std::string conflict_of(const version_record& r, bool in_both, const reader_role& role)
{
    static constexpr std::string_view command = "mayfly worker deployment update-version-compute-config";
    if (in_both)
        return "the server has a compute configuration of this version, and its metadata another (" +
               std::string(compute_key) +
               "), so two controllers may start workers for it; remove one of them: " + std::string(command) +
               " --remove --storage server, or --storage metadata";
    if (r.kept_in == compute_storage::server && !role.server_controller_is_off)
        return "the server keeps this configuration, and its own controller may start workers for it: whether that is "
               "on, no server tells. Move it: " +
               std::string(command) +
               " --storage metadata; or, if workercontroller.enabled is off for good, say so in the settings of this "
               "controller";
    if (!role.controller.empty() && r.controller && !r.controller->name.empty() &&
        r.controller->name != role.controller)
        return "controller \"" + shown_name(r.controller->name) + "\" (" + shown_name(r.controller->identity) +
               ") drives this version, and this is \"" + role.controller +
               "\"; stop that one, then remove its mark: mayfly worker deployment update-version-metadata "
               "--remove-entries " +
               std::string(controller_key);
    return {};
}

}  // namespace detail

[[nodiscard]] inline version_record read_version(const version_description& from, const reader_role& role)
{
    version_record out;
    out.version = from.version;
    out.status = from.status.value_or(version_status::created);
    out.compute.revision = 0;

    const bool in_server = !from.compute.groups.empty();
    const bool in_metadata = from.metadata.contains(std::string(compute_key));
    if (in_metadata) {
        out.kept_in = compute_storage::metadata;
        if (const auto text = detail::metadata_text(from, compute_key, out.wrong)) {
            auto read = read_compute(*text);
            if (read)
                out.compute = *std::move(read);
            for (problem& p : read.problems())
                out.wrong.push_back(std::move(p));
        }
    } else if (in_server) {
        out.kept_in = compute_storage::server;
        out.compute.config = from.compute;
        out.compute.revision = detail::digest_of(from.compute);
        out.wrong = without_secrets(from.compute_problems);
    }
    problems beside_the_point;  // What others wrote there is theirs; it stops nobody.
    if (const auto text = detail::metadata_text(from, validation_key, beside_the_point))
        if (auto read = read_validation(*text))
            out.validation = *std::move(read);
    if (const auto text = detail::metadata_text(from, controller_key, beside_the_point))
        if (auto read = read_controller(*text))
            out.controller = *std::move(read);
    out.conflict = detail::conflict_of(out, in_server && in_metadata, role);
    return out;
}

/// Adds what does not fit the providers and algorithms that there are here.
inline void check_record(version_record& r, const compute_registry& known)
{
    if (r.kept_in == compute_storage::none || !r.wrong.empty())
        return;
    r.wrong = without_secrets(check(r.compute.config, known).errors);
}

}  // namespace mayfly::temporal
