// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>

#include <dirent.h>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

// How much memory processes use, as /proc tells it. There is no limit of the kernel's own for it: RLIMIT_AS and
// RLIMIT_DATA count what a program sets apart and never touches, which for many is a multiple of what they use.

namespace mayfly::local {

/// What one line of /proc/PID/stat says.
struct process_memory {
    pid_t session = 0;
    std::uint64_t resident_pages = 0;

    friend bool operator==(const process_memory&, const process_memory&) = default;
};

[[nodiscard]] inline std::optional<process_memory> parse_stat(std::string_view line)
{
    // The second field is the program's name, which may hold anything, ')' too. Fields are counted from behind it.
    const auto name_end = line.rfind(')');
    if (name_end == std::string_view::npos)
        return std::nullopt;
    line.remove_prefix(name_end + 1);
    process_memory out;
    for (int field = 3; field <= 24; ++field) {
        const auto begin = line.find_first_not_of(' ');
        if (begin == std::string_view::npos)
            return std::nullopt;
        line.remove_prefix(begin);
        const std::string_view text = line.substr(0, line.find_first_of(" \n"));
        line.remove_prefix(text.size());
        const auto number = [&text](auto& into) {
            return std::from_chars(text.data(), text.data() + text.size(), into).ec == std::errc{};
        };
        if ((field == 6 && !number(out.session)) || (field == 24 && !number(out.resident_pages)))
            return std::nullopt;
    }
    return out;
}

/// The peak that /proc/PID/status tells, in bytes.
[[nodiscard]] inline std::uint64_t parse_peak(std::string_view status)
{
    constexpr std::string_view name = "VmHWM:";
    const auto at = status.find(name);
    if (at == std::string_view::npos)
        return 0;
    status.remove_prefix(at + name.size());
    const auto begin = status.find_first_not_of(" \t");
    if (begin == std::string_view::npos)
        return 0;
    std::uint64_t kib = 0;
    std::from_chars(status.data() + begin, status.data() + status.size(), kib);
    return kib * 1024;
}

namespace detail {

/// The first 4 KiB of a file; empty if it cannot be read.
[[nodiscard]] inline std::string_view read_small(const char* path, std::array<char, 4096>& into) noexcept
{
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return {};
    const ssize_t n = ::read(fd, into.data(), into.size());
    ::close(fd);
    return {into.data(), n > 0 ? static_cast<std::size_t>(n) : 0};
}

}  // namespace detail

/// Resident bytes by session, from one look at all processes. What cannot be read is left out.
[[nodiscard]] inline std::unordered_map<pid_t, std::uint64_t> resident_by_session()
{
    std::unordered_map<pid_t, std::uint64_t> out;
    const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), &::closedir);
    if (!proc)
        return out;
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    std::array<char, 4096> text;
    while (const dirent* const entry = ::readdir(proc.get())) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
            continue;
        const std::string path = "/proc/" + std::string(entry->d_name) + "/stat";
        if (const auto m = parse_stat(detail::read_small(path.c_str(), text)))
            out[m->session] += m->resident_pages * page;
    }
    return out;
}

/// The most that one process has used so far, in bytes; zero if that cannot be told.
[[nodiscard]] inline std::uint64_t peak_of(pid_t id)
{
    std::array<char, 4096> text;
    const std::string path = "/proc/" + std::to_string(id) + "/status";
    return parse_peak(detail::read_small(path.c_str(), text));
}

}  // namespace mayfly::local
