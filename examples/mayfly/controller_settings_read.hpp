// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../support/flags.hpp"
#include "connection_flags.hpp"
#include "controller_settings.hpp"

#include <mayfly/config/detail/shown.hpp>
#include <mayfly/config/detail/toml.hpp>
#include <mayfly/config/files.hpp>
#include <mayfly/environment.hpp>

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace examples {

namespace detail {

/// Where `/healthz` and the others are served; empty if it is none.
[[nodiscard]] inline std::string set_health(health_settings& h, std::string_view text)
{
    h.on = text != "off";
    if (!h.on)
        return {};
    const auto colon = text.rfind(':');
    std::string_view host = text.substr(0, colon == text.npos ? 0 : colon);
    const auto port = mayfly::detail::number_in<std::uint16_t>(colon == text.npos ? "" : text.substr(colon + 1));
    if (host.starts_with('[') && host.ends_with(']'))
        host = host.substr(1, host.size() - 2);
    boost::system::error_code wrong;
    boost::asio::ip::make_address(std::string(host), wrong);
    if (!port || wrong)
        return "give an IP address and a port, like 127.0.0.1:7240 or [::1]:7240, or off";
    h.address = host;
    h.port = *port;
    return {};
}

[[nodiscard]] inline std::string set_log(controller_settings& s, std::string_view level)
{
    using mayfly::temporal::log_level;
    constexpr std::pair<std::string_view, log_level> all[] = {{"debug", log_level::debug}, {"info", log_level::info},
        {"warning", log_level::warning}, {"error", log_level::error}};
    for (const auto& [name, value] : all)
        if (name == level) {
            s.log = value;
            return {};
        }
    return "give debug, info, warning or error";
}

[[nodiscard]] inline std::string set_log_format(controller_settings& s, std::string_view format)
{
    s.log_is_json = format == "json";
    return format == "json" || format == "text" ? "" : "give json or text";
}

/// Reads the file, table by table. Each key is read once, by its section.
class controller_file {
public:
    controller_file(const mayfly::environment& variables, const mayfly::config::file_reader& read,
        controller_settings& into, mayfly::problems& wrong)
        : variables_{variables}, read_{read}, out_{into}, wrong_{wrong}
    {}

    void take(std::string_view text)
    {
        const auto parsed = mayfly::config::detail::parse_toml(text);
        if (!parsed.wrong.empty()) {
            wrong_.push_back({out_.file + ':' + std::to_string(parsed.line), "",
                "this is not TOML; write [SECTION] and KEY = VALUE lines, text in quotes, each key once"});
            return;
        }
        for (const auto& [key, node] : parsed.root) {
            const std::string_view name = key.str();
            if (name == "namespace")
                each(node, "namespace", [this](const toml::table& t, const std::string& at) { name_space(t, at); });
            else if (name == "providers")
                providers(node);
            else if (!section(name, node))
                unknown(node, name,
                    "the sections are controller, health, record, lease, scaler, providers.aws and [[namespace]]");
        }
    }

private:
    using table_map = mayfly::settings;

    [[nodiscard]] std::string place(const toml::node& n) const
    {
        return out_.file + ':' + std::to_string(n.source().begin.line) + ": ";
    }

    void unknown(const toml::node& at, std::string_view key, std::string remedy)
    {
        // Without the value: it may be a secret under a name that was mistyped.
        wrong_.push_back(
            {place(at) + mayfly::config::detail::shown_key(key), "", "unknown here; " + std::move(remedy)});
    }

    /// The simple values of a table. Others are wrong, unless they stand under one of the `known` keys.
    table_map values(const toml::table& t, const std::string& where, std::initializer_list<std::string_view> known = {})
    {
        table_map out;
        for (const auto& [key, node] : t) {
            std::string name{key.str()};
            if (const auto* const b = node.as_boolean())
                out.emplace(std::move(name), b->get());
            else if (const auto* const i = node.as_integer())
                out.emplace(std::move(name), i->get());
            else if (const auto* const d = node.as_floating_point())
                out.emplace(std::move(name), d->get());
            else if (const auto* const s = node.as_string())
                out.emplace(std::move(name), s->get());
            else if (std::find(known.begin(), known.end(), name) == known.end())
                wrong_.push_back(
                    {where + '.' + mayfly::config::detail::shown_key(name), "", "give text, a number, true or false"});
        }
        return out;
    }

    void gather(mayfly::problems more, bool hide = false)
    {
        for (mayfly::problem& p : more) {
            if (hide && !p.value.empty())
                p.value = "not shown";
            // A secret under a name that was mistyped is one all the same.
            if (p.remedy.starts_with("unknown; "))
                p.value.clear();
            wrong_.push_back(std::move(p));
        }
    }

    template <class F>
    void each(const toml::node& node, const std::string& name, F what)
    {
        const auto* const list = node.as_array();
        if (list == nullptr || !list->is_array_of_tables()) {
            wrong_.push_back({place(node) + name, "", "write [[" + name + "]], as often as needed"});
            return;
        }
        for (const auto& item : *list)
            what(*item.as_table(), place(item) + name);
    }

    void applied(const std::string& where, std::string_view key, std::string_view value, std::string remedy)
    {
        if (!remedy.empty())
            wrong_.push_back({where + '.' + std::string(key), mayfly::config::detail::shown(value), std::move(remedy)});
    }

    bool section(std::string_view name, const toml::node& node)
    {
        constexpr std::array<std::string_view, 5> all{"controller", "health", "record", "lease", "scaler"};
        if (std::find(all.begin(), all.end(), name) == all.end())
            return false;
        const toml::table* const t = node.as_table();
        const std::string where = place(node) + std::string(name);
        if (t == nullptr) {
            wrong_.push_back({where, "", "write [" + std::string(name) + ']'});
            return true;
        }
        const table_map in = values(*t, where, {"fleet"});
        mayfly::settings_reader from{in, where};
        constexpr std::int64_t hour = 3'600'000;
        if (name == "controller") {
            std::string level, format;
            from.text("identity", out_.identity);
            from.text("log", level);
            from.text("log_format", format);
            from.milliseconds("look_every_ms", out_.look_every, 100);
            from.milliseconds("start_up_allowance_ms", out_.start_up_allowance, 1000);
            from.require(out_.start_up_allowance <= std::chrono::minutes{15}, {"start_up_allowance_ms"},
                "give 15 minutes at most: no function runs longer");
            std::int64_t minutes = 360;
            from.whole("validate_every_minutes", minutes, 1, 30 * 24 * 60);
            from.whole("most_series", out_.most_series, 0, 100'000);
            out_.validate_every = std::chrono::minutes{minutes};
            from.require(!out_.identity.empty(), {"identity"}, "give a name, or leave it out");
            if (!level.empty())
                applied(where, "log", level, set_log(out_, level));
            if (!format.empty())
                applied(where, "log_format", format, set_log_format(out_, format));
        } else if (name == "health") {
            std::string address;
            from.text("address", address);
            if (in.contains("address"))
                applied(where, "address", address, set_health(out_.health, address));
        } else if (name == "record") {
            from.text("file", out_.record.file);
            from.whole("max_mib", out_.record.max_mib, 1, 1 << 20);
        } else if (name == "lease") {
            from.flag("on", out_.lease.on);
            from.text("name", out_.lease.name);
            from.milliseconds("heartbeat_every_ms", out_.lease.heartbeat_every, 100);
            from.milliseconds("lost_after_ms", out_.lease.lost_after, 1000);
            from.require(!out_.lease.name.empty(), {"name"}, "give a name, or leave it out");
            from.require(
                out_.lease.lost_after <= std::chrono::milliseconds{hour}, {"lost_after_ms"}, "give an hour at most");
            from.require(out_.lease.lost_after >= 3 * out_.lease.heartbeat_every,
                {"lost_after_ms", "heartbeat_every_ms"}, "give at least three times heartbeat_every_ms");
        } else {
            from.text("default", out_.scaler);
            from.require(out_.scaler == "fleet" || out_.scaler == "no-sync", {"default"}, "give fleet or no-sync");
            if (const toml::node* const fleet = t->get("fleet"); fleet != nullptr && fleet->is_table()) {
                out_.fleet_defaults = values(*fleet->as_table(), where + ".fleet");
                gather(fleet_from(out_.fleet_defaults, {}, where + ".fleet").problems());
            } else if (fleet != nullptr) {
                wrong_.push_back({where + ".fleet", "", "write [scaler.fleet]"});
            }
        }
        gather(from.finish());
        return true;
    }

    void providers(const toml::node& node)
    {
        const toml::table* const all = node.as_table();
        if (all == nullptr) {
            wrong_.push_back({place(node) + "providers", "", "write [providers.aws]"});
            return;
        }
        for (const auto& [key, inner] : *all) {
            const toml::table* const t = inner.as_table();
            if (key.str() != "aws" || t == nullptr)
                unknown(inner, "providers." + std::string(key.str()), "write [providers.aws]");
            else
                aws(*t, place(inner) + "providers.aws");
        }
    }

    void aws(const toml::table& t, const std::string& where)
    {
        using mayfly::aws::external_id_check;
        const table_map in = values(t, where, {"intermediary_role"});
        mayfly::settings_reader from{in, where};
        std::string check;
        std::int64_t buffer = 7;
        from.text("session_name", out_.aws.session_name);
        from.flag("require_role_and_external_id", out_.aws.role_required);
        from.text("external_id_check", check);
        from.whole("starts_at_once", out_.aws.starts_at_once, 1, 1000);
        from.whole("shutdown_buffer_seconds", buffer, 0, 900);
        from.require(check.empty() || check == "enforce" || check == "warn" || check == "off", {"external_id_check"},
            "give enforce, warn or off");
        out_.aws.shutdown_buffer = std::chrono::seconds{buffer};
        out_.aws.external_id = check == "warn"  ? external_id_check::warn
                               : check == "off" ? external_id_check::off
                                                : external_id_check::enforce;
        gather(from.finish());
        const toml::node* const roles = t.get("intermediary_role");
        if (roles != nullptr)
            each(*roles, "providers.aws.intermediary_role", [this](const toml::table& one, const std::string& at) {
                const table_map role = values(one, at);
                intermediary_role r;
                mayfly::settings_reader reader{role, at};
                reader.required_text("role_arn", r.role_arn);
                reader.text("external_id", r.external_id);
                reader.text("session_name", r.session_name);
                gather(reader.finish(), true);
                out_.aws.intermediary_roles.push_back(std::move(r));
            });
    }

    void name_space(const toml::table& t, const std::string& where)
    {
        // What stands here takes the place of the variables that would say it otherwise.
        constexpr std::array<std::pair<std::string_view, std::string_view>, 8> texts{
            {{"name", "TEMPORAL_NAMESPACE"}, {"address", "TEMPORAL_ADDRESS"}, {"profile", "TEMPORAL_PROFILE"},
                {"authority", "TEMPORAL_CLIENT_AUTHORITY"}, {"tls_cert", "TEMPORAL_TLS_CLIENT_CERT_PATH"},
                {"tls_key", "TEMPORAL_TLS_CLIENT_KEY_PATH"}, {"tls_ca", "TEMPORAL_TLS_SERVER_CA_CERT_PATH"},
                {"tls_server_name", "TEMPORAL_TLS_SERVER_NAME"}}};
        namespace_settings n;
        mayfly::config::read_options how{.where = mayfly::config::places::user};
        const table_map in = values(t, where, {"queues"});
        mayfly::settings_reader from{in, where};
        for (const auto& [key, variable] : texts) {
            std::string value;
            from.text(key, value);
            if (in.contains(key))
                how.overrides[std::string(variable)] = {value, where + '.' + std::string(key)};
        }
        bool tls = false;
        from.flag("tls", tls);
        if (in.contains("tls"))
            how.overrides["TEMPORAL_TLS"] = {tls ? "true" : "false", where + ".tls"};
        from.text("config", how.file);
        std::string key_file;
        from.text("api_key_file", key_file);
        from.number("deployment_reads_per_second", n.deployment_reads_per_second, {.to = 10'000, .above = true});
        from.number("queue_reads_per_second", n.queue_reads_per_second, {.to = 10'000, .above = true});
        from.number("registry_reads_per_second", n.registry_reads_per_second, {.to = 10'000, .above = true});
        from.number("registry_burst", n.registry_burst, {.from = 1, .to = 100'000});
        from.milliseconds("stats_cached_for_ms", n.stats_cached_for, 0);
        from.milliseconds("longest_lifetime_ms", n.longest_lifetime, 1000);
        from.flag("server_controller_is_off", n.server_controller_is_off);
        mayfly::problems wrong = from.finish();
        for (mayfly::problem& p : wrong)
            if (p.field.ends_with(".api_key"))
                p = {p.field, "", "give api_key_file, the name of a file that holds it, or TEMPORAL_API_KEY"};
        gather(std::move(wrong));
        queues(t, where, n);
        if (!key_file.empty())
            api_key(key_file, where + ".api_key_file", how);
        const auto read = mayfly::config::read_settings(how, variables_, read_);
        if (!read)
            return gather(read.problems());
        n.to = *read;
        out_.namespaces.push_back(std::move(n));
    }

    void queues(const toml::table& t, const std::string& where, namespace_settings& n)
    {
        const toml::node* const node = t.get("queues");
        if (node == nullptr)
            return;
        const auto* const list = node->as_array();
        const auto names = [](const toml::node& q) { return q.is_string() && !q.as_string()->get().empty(); };
        if (list == nullptr || !std::all_of(list->begin(), list->end(), names)) {
            wrong_.push_back({where + ".queues", "", "give names of task queues, like [\"orders\", \"mail\"]"});
            return;
        }
        for (const auto& q : *list)
            n.queues.push_back(q.as_string()->get());
    }

    void api_key(const std::string& file, const std::string& where, mayfly::config::read_options& how)
    {
        const auto text = read_(file);
        if (!text) {
            wrong_.push_back({where, mayfly::config::detail::shown(file),
                "cannot be read: " + text.error().message() + "; name a file that holds the key"});
            return;
        }
        std::string key = *text;
        while (!key.empty() && (key.back() == '\n' || key.back() == '\r' || key.back() == ' '))
            key.pop_back();
        if (key.empty())
            wrong_.push_back({where, mayfly::config::detail::shown(file), "is empty; it should hold the key"});
        how.overrides["TEMPORAL_API_KEY"] = {std::move(key), where};
    }

    const mayfly::environment& variables_;
    const mayfly::config::file_reader& read_;
    controller_settings& out_;
    mayfly::problems& wrong_;
};

}  // namespace detail

/// What the arguments of `mayfly controller run` and `check` come to.
struct controller_arguments {
    std::string file{};
    connection_flags connection{};
    std::string connection_flag{};  ///< The first of them that was given.
    std::vector<std::pair<std::string, std::string>> others{};
    bool help = false;
    std::string problem{};  ///< Why they cannot be used; empty if they can.
};

[[nodiscard]] inline controller_arguments read_controller_arguments(const std::vector<std::string_view>& arguments)
{
    constexpr std::array<std::string_view, 5> own{"--health", "--record", "--log", "--log-format", "--lease"};
    controller_arguments out;
    flag_reader flags{arguments};
    for (auto given = flags.next(); given && out.problem.empty(); given = flags.next()) {
        if (given->name == "--help") {
            out.help = true;
        } else if (given->name.empty()) {
            if (!out.file.empty())
                out.problem = '"' + std::string(given->value) + "\": one file is enough, and " + out.file + " is one";
            out.file = given->value;
        } else if (given->value.empty()) {
            out.problem = std::string(given->name) + ": give a value";
        } else if (std::find(own.begin(), own.end(), given->name) != own.end()) {
            out.others.emplace_back(given->name, given->value);
        } else if (!out.connection.take(given->name, given->value)) {
            out.problem = "there is no option " + std::string(given->name);
        } else if (given->name != "--identity" && out.connection_flag.empty()) {
            out.connection_flag = given->name;
        }
    }
    return out;
}

/// The file, then the flags. Everything that is wrong comes at once.
[[nodiscard]] inline mayfly::checked<controller_settings> read_controller_settings(
    const controller_arguments& given, const mayfly::environment& variables, const mayfly::config::file_reader& read)
{
    controller_settings out;
    mayfly::problems wrong;
    out.file = given.file;
    if (!out.file.empty()) {
        const auto text = read(out.file);
        if (text)
            detail::controller_file{variables, read, out, wrong}.take(*text);
        else
            wrong.push_back(
                {out.file, "", "cannot be read: " + text.error().message() + "; name a file that is there"});
    }
    for (const auto& [name, value] : given.others) {
        std::string remedy;
        if (name == "--health")
            remedy = detail::set_health(out.health, value);
        else if (name == "--log")
            remedy = detail::set_log(out, value);
        else if (name == "--log-format")
            remedy = detail::set_log_format(out, value);
        else if (name == "--record")
            out.record.file = value;
        else if (value == "on" || value == "off")
            out.lease.on = value == "on";
        else
            remedy = "give on or off";
        if (!remedy.empty())
            wrong.push_back({name, mayfly::config::detail::shown(value), std::move(remedy)});
    }
    if (!given.connection.identity().empty())
        out.identity = given.connection.identity();
    if (!out.namespaces.empty() && !given.connection_flag.empty())
        wrong.push_back({given.connection_flag, "", "write it below a [[namespace]] of " + out.file + " instead"});
    if (out.namespaces.empty() && wrong.empty()) {
        const auto to = given.connection.settings(variables, read);
        if (to)
            out.namespaces.push_back({.to = *to});
        else
            wrong = to.problems();
    }
    for (auto n = out.namespaces.begin(); n != out.namespaces.end(); ++n) {
        const auto options = mayfly::temporal::options_of(n->to);
        mayfly::problems more = options.problems();
        std::move(more.begin(), more.end(), std::back_inserter(wrong));
        std::copy(n->to.warnings.begin(), n->to.warnings.end(), std::back_inserter(out.warnings));
        if (std::any_of(out.namespaces.begin(), n,
                [&](const namespace_settings& o) { return o.to.name_space.value == n->to.name_space.value; }))
            wrong.push_back({out.file + ": namespace.name", mayfly::config::detail::shown(n->to.name_space.value),
                "give each [[namespace]] a name of its own; run one more controller for another cluster's"});
    }
    if (!wrong.empty())
        return wrong;
    return out;
}

}  // namespace examples
