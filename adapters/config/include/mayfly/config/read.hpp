// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/config/connection_settings.hpp>
#include <mayfly/config/detail/file_values.hpp>
#include <mayfly/config/detail/keys.hpp>
#include <mayfly/config/detail/settings_builder.hpp>
#include <mayfly/config/detail/shown.hpp>
#include <mayfly/config/files.hpp>
#include <mayfly/environment.hpp>
#include <mayfly/problem.hpp>

#include <boost/system/errc.hpp>
#include <boost/system/result.hpp>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::config {

struct read_options {
    places where = places::worker;  ///< Where to look for a file if nobody names one.
    std::string file{};             ///< This file, and no other. Empty: `TEMPORAL_CONFIG_FILE`, or the places.
    std::string profile{};          ///< Empty: `TEMPORAL_PROFILE`, or `default`.
    bool strict = false;            ///< Keys that nobody knows are errors, not warnings.

    /// In place of environment variables, by their names: `{"TEMPORAL_ADDRESS", {"host:7233", "--address"}}`. For the
    /// options of a command line.
    std::map<std::string, sourced<std::string>, std::less<>> overrides{};
};

namespace detail {

/// One reading of settings, from the choice of a file to the last check.
class settings_reading {
public:
    settings_reading(const read_options& options, const environment& variables, const file_reader& read)
        : options_{options}, variables_{variables}, read_{read}
    {
        // One lookup for both: what stands in for a variable hides it.
        for (const auto& [name, value] : options_.overrides) {
            variables_.variables[name] = value.value;
            sources_[name] = value.from;
        }
    }

    [[nodiscard]] checked<connection_settings> result()
    {
        choose_profile();
        read_a_file();
        apply_variables();
        settings_builder{said_, read_, out_, wrong_}.build();
        if (!wrong_.empty() || options_.strict)
            // A key that nobody knows may be why another one is missing.
            append(wrong_, std::move(unknown_));
        if (!wrong_.empty())
            return std::move(wrong_);
        append(out_.warnings, std::move(unknown_));
        return std::move(out_);
    }

private:
    /// A variable that is there, be it empty.
    [[nodiscard]] std::optional<written> variable(std::string_view name) const
    {
        const auto at = variables_.variables.find(name);
        if (at == variables_.variables.end())
            return std::nullopt;
        return written{at->second, source(name), source(name)};
    }

    [[nodiscard]] std::string source(std::string_view name) const
    {
        const auto at = sources_.find(name);
        return at == sources_.end() ? std::string{name} : at->second;
    }

    void choose_profile()
    {
        if (!options_.profile.empty())
            out_.profile = {options_.profile, "as asked for"};
        else if (auto named = variable("TEMPORAL_PROFILE"); named && !named->value.empty())
            out_.profile = {std::move(named->value), std::move(named->from)};
    }

    void read_a_file()
    {
        const std::vector<file_candidate> candidates = options_.file.empty()
                                                           ? file_candidates(variables_, options_.where)
                                                           : std::vector<file_candidate>{{options_.file, "file"}};
        std::string tried;
        for (const file_candidate& c : candidates) {
            const auto text = read_(c.path);
            const bool absent = !text && (text.error() == boost::system::errc::no_such_file_or_directory ||
                                             text.error() == boost::system::errc::not_a_directory);
            if (absent && c.named_by.empty()) {
                tried.append(tried.empty() ? "" : ", ").append(c.path);
                continue;
            }
            out_.file = c.path;
            if (text)
                return take_file(*text);
            wrong_.push_back({c.named_by.empty() ? c.path : source(c.named_by), c.named_by.empty() ? "" : shown(c.path),
                "cannot be read: " + text.error().message() +
                    (c.named_by.empty() ? "" : "; name a file that is there, or none")});
            return;
        }
        if (out_.profile.from != "default")
            no_profile(tried.empty() ? "there is no file to have it; give one in TEMPORAL_CONFIG_FILE"
                                     : "there is no file to have it; looked for " + tried);
    }

    void take_file(std::string_view text)
    {
        file_values in = file_reading{out_.file, text, out_.profile.value}.result();
        said_ = std::move(in.chosen);
        append(wrong_, std::move(in.wrong));
        unknown_ = std::move(in.unknown);
        if (in.found || !in.parsed || out_.profile.from == "default")
            return;
        std::string names;
        for (const std::string& name : in.profiles)
            names.append(names.empty() ? "" : ", ").append(shown_key(name));
        no_profile(shown(out_.file) + " has " + (names.empty() ? "no profile" : "only " + names) + "; name one it has");
    }

    void no_profile(std::string remedy)
    {
        wrong_.push_back({out_.profile.from == "as asked for" ? "profile" : out_.profile.from,
            shown(out_.profile.value), std::move(remedy)});
    }

    static void append(problems& to, problems&& more)
    {
        for (problem& p : more)
            to.push_back(std::move(p));
    }

    void apply_variables()
    {
        for (const key& k : all_keys) {
            auto said = variable(k.variable);
            if (!said)
                continue;
            if (k.section == "tls")
                said_.keys.try_emplace("tls", *said);
            if (k.is_flag() && !read_flag(k, *said))
                continue;
            said_.keys[k.path()] = *std::move(said);
        }
        for (auto at = variables_.variables.lower_bound(meta_prefix);
             at != variables_.variables.end() && at->first.starts_with(meta_prefix); ++at) {
            const std::string name = header_name(std::string_view{at->first}.substr(meta_prefix.size()));
            if (at->second.empty())
                said_.headers.erase(name);
            else
                said_.headers[name] = *variable(at->first);
        }
        if (auto queue = variable(task_queue_variable))
            out_.task_queue = {std::move(queue->value), std::move(queue->from)};
        warn_of_strangers();
    }

    /// Makes it `true` or `false`, in the file's sense.
    bool read_flag(const key& k, written& said)
    {
        const std::string lower = header_name(said.value);
        const bool yes = lower == "true" || lower == "1";
        if (!yes && lower != "false" && lower != "0") {
            wrong_.push_back({said.field, shown(said.value), "give true or false, or take the variable away"});
            return false;
        }
        said.value = yes == (k.kind == key_kind::flag) ? "true" : "false";
        return true;
    }

    /// Older tools call some of these otherwise; to connect without the certificate would be a riddle.
    void warn_of_strangers()
    {
        for (const std::string_view prefix : {"TEMPORAL_CODEC_", "TEMPORAL_TLS_"}) {
            for (auto at = variables_.variables.lower_bound(prefix);
                 at != variables_.variables.end() && at->first.starts_with(prefix); ++at) {
                bool known = false;
                std::string names;
                for (const key& k : all_keys) {
                    known = known || k.variable == at->first;
                    if (k.variable.starts_with(prefix))
                        names.append(names.empty() ? "" : ", ").append(k.variable.substr(prefix.size()));
                }
                if (!known)
                    out_.warnings.push_back({source(at->first), "",
                        "means nothing here; after " + std::string{prefix} + " there are " + names});
            }
        }
    }

    const read_options& options_;
    environment variables_;
    const file_reader& read_;
    std::map<std::string, std::string, std::less<>> sources_;
    written_values said_;
    connection_settings out_;
    problems wrong_;
    problems unknown_;  // keys of the file
};

}  // namespace detail

/** How to reach a cluster, by a file and the environment: the variables override the file, one by one.

    Everything that is wrong comes at once, each problem with its file and line or its variable, and no secret in it.
    A file that somebody named has to be there, and so has a profile; without a name, no file and no profile is fine.
    A variable that is empty takes back what the file says. Certificates and keys are read here, if TLS is on: what a
    later connection needs is at hand. Calls `read` and nothing else.
*/
[[nodiscard]] inline checked<connection_settings> read_settings(
    const read_options& options, const environment& variables, const file_reader& read)
{
    return detail::settings_reading{options, variables, read}.result();
}

/// By the process's own environment, and its disk.
[[nodiscard]] inline checked<connection_settings> read_settings(const read_options& options = {})
{
    return read_settings(options, environment::of_process(), read_file);
}

}  // namespace mayfly::config
