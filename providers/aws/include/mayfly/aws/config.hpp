// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/ini.hpp>
#include <mayfly/environment.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <ios>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// Settings that AWS tools share: environment variables over profiles in two files. Each value knows where it came from.

namespace mayfly::aws {

namespace detail {

/// What a file holds; or the system's error, and perhaps the beginning of it.
struct file_text {
    std::string text{};
    int error = 0;
};

[[nodiscard]] inline file_text read_file(const std::string& path)
{
    file_text out;
    errno = 0;
    std::ifstream in(path, std::ios::binary);
    // `read` alone does not throw where the system says no: a folder can be opened like a file.
    for (std::array<char, 4096> part{}; in; out.text.append(part.data(), static_cast<std::size_t>(in.gcount())))
        in.read(part.data(), static_cast<std::streamsize>(part.size()));
    if (!in.is_open() || in.bad())
        out.error = errno != 0 ? errno : EIO;
    return out;
}

}  // namespace detail

/// A value and the place it was found in, for people: `AWS_REGION` or `/home/me/.aws/config:12`.
struct setting {
    std::string value{};
    std::string from{};

    friend bool operator==(const setting&, const setting&) = default;
};

/// Where the two files are, by the environment: not whether they exist.
struct shared_paths {
    std::string credentials{};  ///< Empty: there is no home folder to look in.
    std::string config{};
};

[[nodiscard]] inline shared_paths shared_paths_of(const environment& variables)
{
    const auto expanded = [&](std::string path) {
        const auto home = variables.get("HOME");
        return home && (path == "~" || path.starts_with("~/")) ? *home + path.substr(1) : path;
    };
    const auto pick = [&](std::string_view name, std::string_view usual) {
        if (auto path = variables.get(name))
            return expanded(*std::move(path));
        return variables.get("HOME") ? expanded(std::string{usual}) : std::string{};
    };
    return {pick("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"), pick("AWS_CONFIG_FILE", "~/.aws/config")};
}

/** Everything a program was told from outside: a value, of which all else is computed.

    `config::read(environment)` reads the files; tests write the members.
*/
struct config {
    environment variables{};
    ini_file credentials_file{};
    ini_file config_file{};
    std::string profile = "default";
    std::string profile_from{};  ///< Who named it, like `AWS_PROFILE`; empty if nobody did.

    /// Both files as they are now. One that does not exist is empty; one that cannot be read is a problem.
    [[nodiscard]] static config read(environment variables)
    {
        const shared_paths paths = shared_paths_of(variables);
        config out = of(std::move(variables), {}, {});
        out.credentials_file = read_file(paths.credentials);
        out.config_file = read_file(paths.config);
        return out;
    }

    /// With the files' texts as given.
    [[nodiscard]] static config of(
        environment variables, std::string_view credentials_text, std::string_view config_text)
    {
        const shared_paths paths = shared_paths_of(variables);
        config out;
        for (const std::string_view name : {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"}) {
            if (auto named = variables.get(name); named && out.profile_from.empty()) {
                out.profile = *std::move(named);
                out.profile_from = name;
            }
        }
        out.variables = std::move(variables);
        out.credentials_file = read_ini(paths.credentials, credentials_text);
        out.config_file = read_ini(paths.config, config_text);
        return out;
    }

    [[nodiscard]] bool has_profile(std::string_view name) const noexcept
    {
        return credentials_file.find(name) != nullptr || in_config(name) != nullptr;
    }

    /// What stands in a profile. For keys that are in both files the credentials file wins.
    [[nodiscard]] std::optional<setting> of_profile(std::string_view name, std::string_view key) const
    {
        if (auto found = of_section(credentials_file, credentials_file.find(name), key))
            return found;
        return of_section(config_file, in_config(name), key);
    }

    /// The profile's static keys come from one of the files, never from both.
    [[nodiscard]] const ini_section* static_keys_section(std::string_view name) const noexcept
    {
        for (const ini_section* s : {credentials_file.find(name), in_config(name)}) {
            if (s != nullptr &&
                (s->find("aws_access_key_id") != nullptr || s->find("aws_secret_access_key") != nullptr))
                return s;
        }
        return nullptr;
    }

    /// The environment variable, or else the chosen profile's key.
    [[nodiscard]] std::optional<setting> get(std::string_view variable, std::string_view key) const
    {
        if (auto value = variables.get(variable))
            return setting{*std::move(value), std::string{variable}};
        return of_profile(profile, key);
    }

    /// As `get`; `true` in any case is true, and anything else is false.
    [[nodiscard]] bool flag(std::string_view variable, std::string_view key) const
    {
        const auto found = get(variable, key);
        return found && detail::equal_ignoring_case(found->value, "true");
    }

    /// What the chosen profile's `services` section says of a service.
    [[nodiscard]] std::optional<setting> of_service(std::string_view service, std::string_view key) const
    {
        const auto named = of_profile(profile, "services");
        const ini_section* const section = named ? typed(config_file, "services", named->value) : nullptr;
        const ini_entry* const entry = section != nullptr ? section->find(service) : nullptr;
        if (entry != nullptr) {
            for (const ini_entry& n : entry->nested) {
                if (n.key == key && !n.value.empty())
                    return setting{n.value, place(config_file, n)};
            }
        }
        return std::nullopt;
    }

    /// All that was not understood in the two files.
    [[nodiscard]] mayfly::problems problems() const
    {
        mayfly::problems out = credentials_file.problems;
        out.insert(out.end(), config_file.problems.begin(), config_file.problems.end());
        return out;
    }

private:
    static std::string place(const ini_file& file, const ini_entry& entry)
    {
        return file.path + ':' + std::to_string(entry.line);
    }

    static std::optional<setting> of_section(const ini_file& file, const ini_section* section, std::string_view key)
    {
        const ini_entry* const entry = section != nullptr ? section->find(key) : nullptr;
        if (entry == nullptr || entry->value.empty())
            return std::nullopt;
        return setting{entry->value, place(file, *entry)};
    }

    /// `[type name]` or `[type "name"]`, with any blanks between the two.
    static const ini_section* typed(const ini_file& file, std::string_view type, std::string_view name) noexcept
    {
        for (const ini_section& s : file.sections) {
            const std::string_view whole = s.name;
            if (!whole.starts_with(type) || whole.size() == type.size() || !detail::is_blank(whole[type.size()]))
                continue;
            std::string_view rest = detail::trimmed(whole.substr(type.size()));
            if (rest.size() > 1 && rest.front() == '"' && rest.back() == '"')
                rest = rest.substr(1, rest.size() - 2);
            if (rest == name)
                return &s;
        }
        return nullptr;
    }

    [[nodiscard]] const ini_section* in_config(std::string_view name) const noexcept
    {
        const ini_section* const section = typed(config_file, "profile", name);
        return section == nullptr && name == "default" ? config_file.find(name) : section;
    }

    static ini_file read_file(const std::string& path)
    {
        if (path.empty())
            return {};
        const detail::file_text file = detail::read_file(path);
        if (file.error == 0)
            return read_ini(path, file.text);
        ini_file out{.path = path};
        if (file.error != ENOENT && file.error != ENOTDIR)
            out.problems.push_back({path, "", std::string{"cannot be read: "} + std::strerror(file.error)});
        return out;
    }
};

}  // namespace mayfly::aws
