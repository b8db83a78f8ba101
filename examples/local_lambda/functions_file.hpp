// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "function_settings.hpp"
#include "roles.hpp"
#include "text.hpp"

#include <mayfly/aws/arn.hpp>
#include <mayfly/problem.hpp>

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace local_lambda {

/// Whether there is a setting of that name for a role, without dashes in front.
[[nodiscard]] inline bool is_role_setting(std::string_view name)
{
    constexpr std::array<std::string_view, 5> known{
        "role-arn", "external-id", "role-resource", "role-action", "role-max-session"};
    return std::find(known.begin(), known.end(), name) != known.end();
}

/// Takes a setting into a role. The first resource or action takes the place of what there is unless given.
[[nodiscard]] inline std::string set_role(role& r, std::string_view name, std::string_view text)
{
    if (name == "role-arn") {
        r.arn = text;
    } else if (name == "external-id") {
        r.external_id = text;
        return text.size() >= 2 && text.size() <= 1224 ? "" : "give 2 to 1224 characters";
    } else if (name == "role-resource") {
        r.resources.emplace_back(text);
    } else if (name == "role-action") {
        if (r.actions == role{}.actions)
            r.actions.clear();
        r.actions.emplace_back(text);
    } else {
        const auto seconds = read_integer<std::int64_t>(text, 3600, 43'200);
        r.max_session_seconds = seconds.value_or(r.max_session_seconds);
        return seconds ? "" : "give seconds from 3600 to 43200, a whole number";
    }
    return {};
}

namespace detail {

/// One table of the file, a function or a role.
class file_table {
public:
    file_table(const std::filesystem::path& file, std::string kind, mayfly::problems& wrong)
        : file_(&file), kind_(std::move(kind)), wrong_(&wrong)
    {}

    /// Calls `set(name, text)` for each setting, for each element of an array and for each member of a table, the
    /// latter as `KEY=VALUE`; the names have dashes. What it returns, if anything, is what to do about the value.
    template <class Known, class Set>
    void read(const toml::table& table, Known known, Set set)
    {
        for (const auto& [key, node] : table) {
            std::string name(key.str());
            std::replace(name.begin(), name.end(), '_', '-');
            if (!known(name)) {
                report(node, key.str(), {}, "there is no such setting of a " + kind_ + "; see --help");
                continue;
            }
            if (const auto* const list = node.as_array(); list != nullptr && name == "versions") {
                std::string joined;
                for (const auto& item : *list)
                    joined += (joined.empty() ? "" : ",") + text(item);
                apply(node, key.str(), joined, name, set);
            } else if (list != nullptr) {
                for (const auto& item : *list)
                    apply(item, key.str(), text(item), name, set);
            } else if (const auto* const members = node.as_table()) {
                for (const auto& [member, value] : *members)
                    apply(value, key.str(), std::string(member.str()) + '=' + text(value), name, set);
            } else {
                apply(node, key.str(), text(node), name, set);
            }
        }
    }

    void report(const toml::node& at, std::string_view key, std::string value, std::string remedy)
    {
        const auto line = at.source().begin.line;
        wrong_->push_back(
            {file_->string() + ", line " + std::to_string(line) + ", [[" + kind_ + "]] " + std::string(key),
                std::move(value), std::move(remedy)});
    }

private:
    template <class Set>
    void apply(const toml::node& at, std::string_view key, const std::string& value, const std::string& name, Set set)
    {
        const bool secret = name == "external-id" || name == "env";
        if (std::string remedy = set(name, value); !remedy.empty())
            report(at, key, secret ? "" : in_quotes(value), std::move(remedy));
    }

    static std::string text(const toml::node& node)
    {
        if (const auto* const s = node.as_string())
            return s->get();
        if (const auto* const i = node.as_integer())
            return std::to_string(i->get());
        std::string out;
        json_writer json(out);
        if (const auto* const d = node.as_floating_point())
            json.value(d->get());
        else if (const auto* const b = node.as_boolean())
            json.value(b->get());
        return out;
    }

    const std::filesystem::path* file_;
    std::string kind_;
    mayfly::problems* wrong_;
};

}  // namespace detail

/// Reads functions and roles from a TOML file. `unless_given` is what a function has of which the file says nothing.
inline void read_functions_file(const std::filesystem::path& file, const function_plan& unless_given,
    std::vector<function_plan>& functions, std::vector<role>& roles, mayfly::problems& wrong)
{
    std::ifstream in(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    toml::table parsed;
    try {
        parsed = toml::parse(text);
    } catch (const toml::parse_error& e) {
        wrong.push_back({file.string() + ", line " + std::to_string(e.source().begin.line), "",
            "this is not TOML: " + std::string(e.description())});
        return;
    }

    for (const auto& [key, node] : parsed) {
        const bool is_function = key.str() == "function";
        const auto* const list = node.as_array();
        detail::file_table table(file, is_function ? "function" : "role", wrong);
        if ((!is_function && key.str() != "role") || list == nullptr || !list->is_array_of_tables()) {
            wrong.push_back(
                {file.string() + ", line " + std::to_string(node.source().begin.line), std::string(key.str()),
                    "write functions as [[function]] and roles as [[role]]; there is nothing else"});
            continue;
        }
        for (const auto& item : *list) {
            if (is_function) {
                function_plan plan = unless_given;
                plan.settings.name.clear();
                table.read(
                    *item.as_table(), is_function_setting, [&](const std::string& name, const std::string& value) {
                        const bool here = name == "bootstrap" && std::filesystem::path(value).is_relative();
                        return set_function(plan, name, here ? (file.parent_path() / value).string() : value);
                    });
                if (plan.settings.name.empty())
                    table.report(item, "function", "", "give the function's name");
                if (plan.settings.bootstrap.empty())
                    table.report(item, "bootstrap", "", "give the path of an executable");
                functions.push_back(std::move(plan));
            } else {
                role r;
                table.read(*item.as_table(), is_role_setting,
                    [&](const std::string& name, const std::string& value) { return set_role(r, name, value); });
                if (!mayfly::aws::read_role_arn(r.arn, "role_arn"))
                    table.report(item, "role_arn", r.arn.empty() ? "" : in_quotes(r.arn),
                        "give the role's ARN: arn:PARTITION:iam::ACCOUNT:role/NAME");
                else
                    roles.push_back(std::move(r));
            }
        }
    }
    if (functions.empty() && wrong.empty())
        wrong.push_back({file.string(), "", "describe at least one [[function]]"});
}

}  // namespace local_lambda
