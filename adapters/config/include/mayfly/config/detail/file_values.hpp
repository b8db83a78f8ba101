// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/config/detail/keys.hpp>
#include <mayfly/config/detail/shown.hpp>
#include <mayfly/config/detail/toml.hpp>
#include <mayfly/problem.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What a file says of one profile, and all that is wrong with the file.

namespace mayfly::config::detail {

/// What somebody wrote, and how that place is called.
struct written {
    std::string value{};  ///< Flags are `true` or `false`.
    std::string from{};   ///< `temporal.toml:4` or a variable.
    std::string field{};  ///< For a problem: `temporal.toml:4: profile.default.address`, or the variable.
};

/// By path of the key, like `tls.disabled`. Where there is a section `tls`, there is `tls` too.
struct written_values {
    std::map<std::string, written, std::less<>> keys{};
    std::map<std::string, written, std::less<>> headers{};  ///< By name as sent.
};

struct file_values {
    written_values chosen{};
    bool parsed = false;  ///< It is TOML, so these are all the profiles there are.
    bool found = false;   ///< Whether the chosen one is among them.
    std::vector<std::string> profiles{};
    problems wrong{};
    problems unknown{};  ///< Keys that mean nothing here.
};

/// Reads a whole file, to tell of all that is wrong in it; keeps the one profile.
class file_reading {
public:
    file_reading(const std::string& path, std::string_view text, std::string_view profile)
        : path_{path}, profile_{profile}
    {
        const parsed_toml parsed = parse_toml(text);
        if (!parsed.wrong.empty()) {
            wrong_.push_back({parsed.line, {place(parsed.line), "", parsed.wrong}});
            return;
        }
        out_.parsed = true;
        for (const auto& [name, node] : parsed.root) {
            if (name.str() != "profile")
                unknown(node, shown_key(name.str()), "there is only [profile.NAME] at this level");
            else if (const toml::table* const all = table(node, "profile", "write [profile.NAME]"))
                read_profiles(*all);
        }
    }

    [[nodiscard]] file_values result() &&
    {
        out_.wrong = by_line(std::move(wrong_));
        out_.unknown = by_line(std::move(unknown_));
        return std::move(out_);
    }

private:
    struct found {
        std::size_t line = 0;
        problem what{};
    };

    /// Tables are read in the order of their names, and people read from top to bottom.
    [[nodiscard]] static problems by_line(std::vector<found> all)
    {
        std::stable_sort(all.begin(), all.end(), [](const found& a, const found& b) { return a.line < b.line; });
        problems out;
        for (found& f : all)
            out.push_back(std::move(f.what));
        return out;
    }

    [[nodiscard]] static std::size_t line_of(const toml::node& node) { return node.source().begin.line; }

    [[nodiscard]] std::string place(std::size_t line) const
    {
        return line == 0 ? path_ : path_ + ':' + std::to_string(line);
    }

    [[nodiscard]] std::string place(const toml::node& node) const { return place(line_of(node)); }

    void wrong(const toml::node& node, const std::string& key, std::string value, std::string remedy)
    {
        wrong_.push_back({line_of(node), {place(node) + ": " + key, std::move(value), std::move(remedy)}});
    }

    /// Without the value: it may be a secret below a misspelt name.
    void unknown(const toml::node& node, const std::string& key, std::string remedy)
    {
        unknown_.push_back(
            {line_of(node), {place(node) + ": " + key, "", "there is no such key; " + std::move(remedy)}});
    }

    const toml::table* table(const toml::node& node, const std::string& key, std::string_view remedy)
    {
        const toml::table* const out = node.as_table();
        if (out == nullptr)
            wrong(node, key, "", "this is no table; " + std::string{remedy});
        return out;
    }

    void read_profiles(const toml::table& all)
    {
        for (const auto& [name, node] : all) {
            const std::string key = "profile." + shown_key(name.str());
            const bool is_chosen = name.str() == profile_;
            out_.profiles.emplace_back(name.str());
            out_.found = out_.found || is_chosen;
            if (const toml::table* const profile = table(node, key, "write [" + key + ']')) {
                written_values values = read_profile(*profile, key);
                if (is_chosen)
                    out_.chosen = std::move(values);
            }
        }
    }

    written_values read_profile(const toml::table& profile, const std::string& in)
    {
        written_values out;
        for (const auto& [name, node] : profile) {
            const std::string key = in + '.' + shown_key(name.str());
            if (name.str() == "tls" || name.str() == "codec" || name.str() == "grpc_meta") {
                const toml::table* const section = table(node, key, "write [" + key + ']');
                if (section == nullptr)
                    continue;
                out.keys[std::string{name.str()}] = {"", place(node), place(node) + ": " + key};
                if (name.str() == "grpc_meta")
                    read_headers(*section, key, out);
                else
                    read_keys(*section, name.str(), key, out);
            } else {
                read_key(node, "", name.str(), key, out);
            }
        }
        return out;
    }

    void read_keys(const toml::table& section, std::string_view which, const std::string& in, written_values& out)
    {
        for (const auto& [name, node] : section)
            read_key(node, which, name.str(), in + '.' + shown_key(name.str()), out);
    }

    void read_key(const toml::node& node, std::string_view section, std::string_view name, const std::string& key,
        written_values& out)
    {
        const detail::key* const known = find_key(section, name);
        if (known == nullptr) {
            std::string names = section.empty() ? "tls, codec, grpc_meta" : "";
            for (const detail::key& k : all_keys) {
                if (k.section == section)
                    names.append(names.empty() ? "" : ", ").append(k.name);
            }
            return unknown(node, key, "there are " + names);
        }
        const auto* const text = node.as_string();
        const auto* const flag = node.as_boolean();
        const std::string at = place(node);
        if (known->is_flag() && flag != nullptr)
            out.keys[known->path()] = {flag->get() ? "true" : "false", at, at + ": " + key};
        else if (!known->is_flag() && text != nullptr)
            out.keys[known->path()] = {text->get(), at, at + ": " + key};
        else
            wrong(node, key, known->kind == key_kind::secret ? "" : simple_value(node),
                known->is_flag() ? "give true or false, without quotes" : "give text in quotes");
    }

    void read_headers(const toml::table& section, const std::string& in, written_values& out)
    {
        for (const auto& [name, node] : section) {
            const std::string key = in + '.' + shown_key(name.str());
            const auto* const text = node.as_string();
            if (text == nullptr) {
                wrong(node, key, "", "give text in quotes");
                continue;
            }
            const std::string at = place(node);
            const auto [there, added] =
                out.headers.try_emplace(header_name(name.str()), written{text->get(), at, at + ": " + key});
            if (!added)
                wrong(node, key, "",
                    "this is the header " + shown_key(there->first) + ", which " + there->second.from +
                        " gives; give it once");
        }
    }

    static std::string simple_value(const toml::node& node)
    {
        if (const auto* const text = node.as_string())
            return shown(text->get());
        if (const auto* const number = node.as_integer())
            return std::to_string(number->get());
        if (const auto* const flag = node.as_boolean())
            return flag->get() ? "true" : "false";
        return {};
    }

    const std::string& path_;
    std::string_view profile_;
    file_values out_;
    std::vector<found> wrong_;
    std::vector<found> unknown_;
};

}  // namespace mayfly::config::detail
