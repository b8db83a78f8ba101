// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <sys/types.h>
#include <unistd.h>

// What tests with real processes have in common.

namespace mayfly_test {

/// A folder of its own for files that a test writes; gone with it.
class workspace {
public:
    workspace()
    {
        std::string name = (std::filesystem::temp_directory_path() / "mayfly-test-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        folder_ = name;
    }
    workspace(const workspace&) = delete;
    workspace& operator=(const workspace&) = delete;
    ~workspace()
    {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }

    std::filesystem::path write(std::string_view name, std::string_view text, bool executable = true) const
    {
        const auto path = folder_ / name;
        std::ofstream(path, std::ios::binary) << text;
        std::filesystem::permissions(
            path, executable ? std::filesystem::perms::owner_all : std::filesystem::perms::owner_read);
        return path;
    }

    /// An executable shell script.
    std::filesystem::path script(std::string_view name, std::string_view body) const
    {
        return write(name, "#!/bin/sh\n" + std::string(body) + "\n");
    }

private:
    std::filesystem::path folder_{};
};

/// Runs until it holds, or fails the test when that takes too long.
template <class Condition>
bool run_until(boost::asio::io_context& io, Condition holds, std::chrono::seconds at_most = std::chrono::seconds{20})
{
    using clock = std::chrono::steady_clock;
    const auto end = clock::now() + at_most;
    while (!holds()) {
        if (clock::now() >= end)
            return false;
        io.restart();
        io.run_one_for(std::chrono::milliseconds{20});
    }
    return true;
}

[[nodiscard]] inline std::size_t open_descriptors()
{
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
        ++n;
    return n;
}

/// The letter of a process's state in /proc, or 0 if there is none.
[[nodiscard]] inline char state_of(pid_t id)
{
    std::ifstream in("/proc/" + std::to_string(id) + "/stat");
    std::string text;
    std::getline(in, text);
    const auto end = text.rfind(')');
    return end == std::string::npos || end + 2 >= text.size() ? '\0' : text[end + 2];
}

/// Neither running nor a zombie.
[[nodiscard]] inline bool is_gone(pid_t id)
{
    return state_of(id) == '\0';
}

/// Processes whose parent is this one, zombies included.
[[nodiscard]] inline std::size_t children()
{
    std::size_t n = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        std::ifstream in(entry.path() / "stat");
        std::string text;
        if (!std::getline(in, text))
            continue;
        const auto end = text.rfind(')');
        if (end != std::string::npos && end + 4 < text.size() &&
            std::strtol(text.c_str() + end + 4, nullptr, 10) == static_cast<long>(::getpid()))
            ++n;
    }
    return n;
}

}  // namespace mayfly_test
