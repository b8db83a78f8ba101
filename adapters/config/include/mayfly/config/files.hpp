// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/environment.hpp>

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

// Which files are looked for, and how one is read. What reads settings takes a reader, so a test needs no disk.

namespace mayfly::config {

/// Nobody's settings are larger, nor is a certificate.
inline constexpr std::size_t largest_file = 1 << 20;

/// The content of the file at a path, or why there is none. One that does not exist is `no_such_file_or_directory`.
using file_reader = std::function<boost::system::result<std::string>(const std::string& path)>;

/// Reads from disk; relative paths start in the working directory.
[[nodiscard]] inline boost::system::result<std::string> read_file(const std::string& path)
{
    const auto failed = [](int why) {
        return boost::system::error_code{why == 0 ? EIO : why, boost::system::generic_category()};
    };
    struct closer {
        void operator()(std::FILE* f) const noexcept { std::fclose(f); }
    };
    errno = 0;
    const std::unique_ptr<std::FILE, closer> in{std::fopen(path.c_str(), "rb")};
    if (!in)
        return failed(errno);
    std::string out;
    std::array<char, 16384> part{};
    for (;;) {
        errno = 0;
        const std::size_t n = std::fread(part.data(), 1, part.size(), in.get());
        out.append(part.data(), n);
        if (out.size() > largest_file)
            return failed(EFBIG);
        if (n < part.size()) {
            if (std::ferror(in.get()) != 0)
                return failed(errno);
            return out;
        }
    }
}

/// Where `temporal.toml` is looked for if nobody names a file.
enum class places {
    worker,  ///< `$LAMBDA_TASK_ROOT`, then the working directory.
    user,    ///< `temporalio/` in the user's configuration folder, which command-line tools share.
};

/// A file that may hold settings.
struct file_candidate {
    std::string path{};
    std::string named_by{};  ///< Who asked for this very file, so that it has to be there; empty: nobody did.

    friend bool operator==(const file_candidate&, const file_candidate&) = default;
};

/// The files to try in turn: the first that exists is read, and no other.
[[nodiscard]] inline std::vector<file_candidate> file_candidates(const environment& variables, places where)
{
    if (auto named = variables.get("TEMPORAL_CONFIG_FILE"))
        return {{*std::move(named), "TEMPORAL_CONFIG_FILE"}};
    std::vector<file_candidate> out;
    if (where == places::worker) {
        if (const auto root = variables.get("LAMBDA_TASK_ROOT"))
            out.push_back({*root + (root->ends_with('/') ? "" : "/") + "temporal.toml", ""});
        out.push_back({"temporal.toml", ""});
    } else {
        // By its own rules a relative XDG_CONFIG_HOME does not count.
        const auto folder = variables.get("XDG_CONFIG_HOME");
        if (folder && folder->starts_with('/'))
            out.push_back({*folder + "/temporalio/temporal.toml", ""});
        else if (const auto home = variables.get("HOME"))
            out.push_back({*home + "/.config/temporalio/temporal.toml", ""});
    }
    return out;
}

}  // namespace mayfly::config
