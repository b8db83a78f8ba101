// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "aliases.hpp"
#include "event_configs.hpp"
#include "page.hpp"
#include "records.hpp"
#include "route.hpp"
#include "versions.hpp"

#include <mayfly/local/platform.hpp>
#include <mayfly/problem.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace local_lambda {

/// A function as the command line or a file describes it.
struct function_plan {
    mayfly::local::function_settings settings{};  ///< Of `$LATEST`, and of every version.
    std::vector<std::uint64_t> versions{};        ///< Published already.
    std::map<std::string, std::string> aliases{};
    std::optional<std::uint32_t> reserved{};
    std::optional<std::uint32_t> event_retries{};
    std::optional<std::int64_t> event_age_seconds{};
    std::string state = "Active";  ///< Of all versions.
    std::string last_update = "Successful";
};

/// The functions that there are, and every operation on them that waits for nothing: all but Invoke.
class functions {
public:
    explicit functions(platform& on) : platform_(&on) {}

    /// Adds a function with its versions and aliases. After a problem nothing of it may be relied on.
    mayfly::problems add(const function_plan& plan, mayfly::wall_time now)
    {
        const std::string& name = plan.settings.name;
        if (all_.contains(name))
            return {mayfly::problem{"name", in_quotes(name), "give each function a name of its own"}};
        const auto code = read_code(plan.settings.bootstrap);
        if (!code)
            return {mayfly::problem{"bootstrap", in_quotes(plan.settings.bootstrap.string()),
                "give the path of an executable that can be read; there is none"}};

        function_record record;
        record.latest = {{}, random_uuid(), now, *code, plan.state, plan.last_update};
        mayfly::problems wrong = platform_->set(plan.settings);
        for (const std::uint64_t number : plan.versions) {
            record.versions[number] = {{}, random_uuid(), now, *code, plan.state, plan.last_update};
            record.published_revision = record.latest.revision;
            auto published = plan.settings;
            published.version = std::to_string(number);
            published.bootstrap = kept_code(published.bootstrap);
            if (wrong.empty())
                wrong = platform_->set(std::move(published));
        }
        for (const auto& [alias, version] : plan.aliases) {
            if (record.find(version) == nullptr)
                wrong.push_back(
                    {"alias", in_quotes(alias + '=' + version), "name one of the function's versions, or $LATEST"});
            record.aliases[alias].version = version;
        }
        if (wrong.empty() && plan.reserved)
            wrong = platform_->reserve(name, plan.reserved);
        if (plan.event_retries || plan.event_age_seconds)
            add_event_rules(record, plan, now);
        if (wrong.empty())
            all_.emplace(name, std::move(record));
        return wrong;
    }

    /// The version that an invocation of `ref` runs; `chance` from 0 to 1 decides where an alias has weights.
    [[nodiscard]] answer<std::string> version_of(const function_reference& ref, double chance) const
    {
        const auto at = all_.find(ref.name);
        auto version = at == all_.end() ? std::nullopt : at->second.version_of(ref.qualifier, chance);
        if (!version)
            return no_function(where(), ref);
        return std::move(*version);
    }

    /// In which state that version is.
    [[nodiscard]] std::string state_of(const std::string& name, std::string_view version) const
    {
        const auto at = all_.find(name);
        const version_record* const v = at == all_.end() ? nullptr : at->second.find(version);
        return v == nullptr ? std::string() : v->state;
    }

    /// How events through `ref` are treated, if anybody has said so.
    [[nodiscard]] std::optional<mayfly::local::event_rules> rules_of(const function_reference& ref) const
    {
        const auto at = all_.find(ref.name);
        return at == all_.end() ? std::nullopt : event_rules(at->second, ref);
    }

    [[nodiscard]] answer<reply> perform(
        const call& c, const function_reference& ref, std::string_view body, mayfly::wall_time now)
    {
        if (c.what == operation::list_functions)
            return list_functions(c);
        if (c.what == operation::get_account_settings)
            return account_settings();
        const auto at = all_.find(ref.name);
        if (at == all_.end())
            return no_function(where(), {ref.name, {}, ref.account});
        function_record& f = at->second;

        switch (c.what) {
        case operation::get_function: return get_function(*platform_, ref, f);
        case operation::get_function_configuration: return get_configuration(*platform_, ref, f);
        case operation::update_function_configuration: return update_configuration(*platform_, ref, f, body, now);
        case operation::publish_version: return publish_version(*platform_, ref, f, body, now);
        case operation::list_versions: return list_versions(c, ref, f);
        case operation::create_alias: return create_alias(where(), ref, f, body);
        case operation::get_alias: return get_alias(where(), ref, f, c.name);
        case operation::update_alias: return update_alias(where(), ref, f, c.name, body);
        case operation::delete_alias: return delete_alias(f, c.name);
        case operation::list_aliases: return list_aliases(where(), ref, f, c.query);
        case operation::put_event_invoke_config: return set_events(where(), ref, f, body, now, false);
        case operation::update_event_invoke_config: return set_events(where(), ref, f, body, now, true);
        case operation::get_event_invoke_config: return get_events(where(), ref, f);
        case operation::delete_event_invoke_config: return delete_events(where(), ref, f);
        case operation::list_event_invoke_configs: return list_events(where(), ref, f, c.query);
        case operation::put_concurrency: return put_concurrency(*platform_, ref, body);
        case operation::get_concurrency: return reply{200, concurrency_text(*platform_, ref.name)};
        case operation::delete_concurrency: platform_->reserve(ref.name, std::nullopt); return reply{204, {}};
        case operation::invoke:
        case operation::list_functions:
        case operation::get_account_settings: break;
        }
        return refusal{500, "ServiceException", "This operation is not performed here.", {}};
    }

private:
    [[nodiscard]] const account& where() const { return platform_->options().where; }

    /// What the plan says counts for every qualifier that there is.
    static void add_event_rules(function_record& f, const function_plan& plan, mayfly::wall_time now)
    {
        event_record rules;
        rules.retries = plan.event_retries;
        rules.age_seconds = plan.event_age_seconds;
        rules.modified = now;
        f.events.emplace(mayfly::local::latest, rules);
        for (const auto& version : f.versions)
            f.events.emplace(std::to_string(version.first), rules);
        for (const auto& alias : f.aliases)
            f.events.emplace(alias.first, rules);
    }

    answer<reply> list_functions(const call& c) const
    {
        named_texts items;
        const bool every = c.query.get("FunctionVersion") == "ALL";
        for (const auto& [name, f] : all_) {
            if (every)
                append_versions(*platform_, name, f, items);
            else
                items.emplace_back(
                    name, configuration(*platform_, name, std::string(mayfly::local::latest), f.latest, {}));
        }
        return page("Functions", items, c.query);
    }

    answer<reply> list_versions(const call& c, const function_reference& ref, const function_record& f) const
    {
        named_texts items;
        append_versions(*platform_, ref.name, f, items);
        return page("Versions", items, c.query);
    }

    answer<reply> account_settings() const
    {
        std::uintmax_t bytes = 0;
        for (const auto& f : all_)
            bytes += f.second.latest.code.size;
        reply out;
        json_writer json(out.body);
        json.begin_object().key("AccountLimit").begin_object();
        json.member("TotalCodeSize", 80'530'636'800).member("CodeSizeUnzipped", 262'144'000);
        json.member("CodeSizeZipped", 52'428'800).member("ConcurrentExecutions", platform_->options().concurrency);
        json.member("UnreservedConcurrentExecutions", platform_->unreserved()).end_object();
        json.key("AccountUsage").begin_object();
        json.member("TotalCodeSize", bytes).member("FunctionCount", all_.size()).end_object().end_object();
        return out;
    }

    platform* platform_;
    std::map<std::string, function_record, std::less<>> all_;
};

}  // namespace local_lambda
