// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/deployment.hpp>
#include <mayfly/detail/json_fields.hpp>
#include <mayfly/launch.hpp>
#include <mayfly/leaving.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

// What a controller tells a worker it starts: a small JSON object, the payload of the invocation.

namespace mayfly {

inline constexpr std::string_view launch_schema = "mayfly-launch/1";

/// For whom a worker was started, and when it shall leave.
struct launch_notice {
    deployment_version version{};
    std::string group = "default";
    std::uint64_t launch = 0;  ///< The controller's id of this start.
    leave_rules orders{};

    friend bool operator==(const launch_notice&, const launch_notice&) = default;
};

/// What the `i`th worker of a request is told; the first `request.stay` of them must not leave when idle.
[[nodiscard]] inline launch_notice notice_of(const launch_request& request, std::uint32_t i)
{
    launch_notice out{.launch = request.first_launch + i, .orders = request.orders};
    if (request.target) {
        out.version = request.target->version;
        out.group = request.target->group;
    }
    out.orders.stay = out.orders.stay || i < request.stay;
    return out;
}

namespace detail {

void fields(auto& f, Is<leave_rules> auto& r)
{
    f("idle_exit", r.idle_exit);
    f("thin_target", r.thin_target);
    f("thin_every", r.thin_every);
    f("thin_over", r.thin_over);
    f("thin_memory", r.thin_memory);
    f("activity_timeout", r.activity_timeout);
    f("stay", r.stay);
}

void fields(auto& f, Is<deployment_version> auto& v)
{
    f("deployment", v.deployment);
    f("build_id", v.build_id);
}

void fields(auto& f, Is<launch_notice> auto& n)
{
    fields(f, n.version);
    f("group", n.group);
    f("launch", n.launch);
    f("orders", n.orders);
}

/// Reads what is there. Workers are older or newer than their controller: a field that is absent keeps its value.
struct json_in_part {
    json_in in;

    template <class T>
    void operator()(std::string_view name, T& out)
    {
        const json_value* const v = in.from->find(name);
        if constexpr (std::is_class_v<T> && requires(json_in_part & f) { visit_fields(f, out); }) {
            if (v == nullptr)
                return;
            if (!v->is_object())
                return in.fail(name, "must be an object");
            json_in_part inside{{v, in.error}};
            visit_fields(inside, out);
        } else if (v != nullptr || in.from->find(std::string(name) + "_hex") != nullptr) {
            in(name, out);
        }
    }
};

}  // namespace detail

/// The payload: one JSON object of a few hundred bytes, which a worker that does not know it can ignore.
[[nodiscard]] inline std::string to_payload(const launch_notice& n)
{
    std::string out;
    detail::json_writer w{out};
    w.begin_object().member("schema", launch_schema);
    detail::json_out fields{&w};
    detail::visit_fields(fields, n);
    w.end_object();
    return out;
}

/// What a payload tells, or nothing if it is somebody else's: a function can be invoked by hand too.
[[nodiscard]] inline std::optional<launch_notice> notice_in(std::string_view payload)
{
    const detail::json_document doc = detail::read_json(payload, 8);
    const detail::json_value* const schema = doc.root.find("schema");
    if (!doc || schema == nullptr || !schema->is_string() || schema->text != launch_schema)
        return std::nullopt;
    launch_notice out;
    std::string error;
    detail::json_in_part in{{&doc.root, &error}};
    detail::visit_fields(in, out);
    return error.empty() ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace mayfly
