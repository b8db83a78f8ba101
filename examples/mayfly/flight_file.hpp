// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <ios>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace examples {

/// Where lines go that only the newest are wanted of: FILE, and FILE.1 with what came before. Both together stay below
/// a bound. A run goes on where the one before it ended.
class flight_file {
public:
    explicit flight_file(std::filesystem::path path, std::uint64_t most_bytes)
        : path_(std::move(path)), half_(most_bytes / 2)
    {
        open(std::ios::app);
        std::error_code ec;
        const auto size = std::filesystem::file_size(path_, ec);
        size_ = ec ? 0 : static_cast<std::uint64_t>(size);
    }

    /// Why it cannot be written; empty if it can.
    [[nodiscard]] const std::string& failed() const noexcept { return failed_; }

    /// False if it could not be written; what follows is tried again.
    bool write(std::string_view line)
    {
        if (size_ > 0 && size_ + line.size() + 1 > half_)
            turn();
        if (!out_.is_open() || !out_)
            open(std::ios::app);
        // What came of one that failed may be half a line.
        if (std::exchange(torn_, false))
            out_ << '\n';
        out_ << line << '\n' << std::flush;
        size_ += line.size() + 1;
        torn_ = !out_;
        return !torn_;
    }

    [[nodiscard]] static std::filesystem::path older(const std::filesystem::path& path) { return path.string() + ".1"; }

private:
    void open(std::ios::openmode how)
    {
        out_.close();
        out_.clear();
        errno = 0;
        out_.open(path_, std::ios::binary | std::ios::out | how);
        failed_.clear();
        if (!out_.is_open())
            failed_ = errno != 0 ? std::generic_category().message(errno) : "it cannot be opened";
    }
    void turn()
    {
        std::error_code ec;
        std::filesystem::rename(path_, older(path_), ec);
        open(std::ios::trunc);
        size_ = 0;
    }

    std::filesystem::path path_;
    std::uint64_t half_;
    std::uint64_t size_ = 0;
    bool torn_ = false;
    std::string failed_{};
    std::ofstream out_{};
};

/// Calls `each(file, number, line)` for the lines of FILE.1, if there is one, and then of FILE. False if FILE cannot be
/// read.
inline bool read_flight_files(const std::filesystem::path& path,
    const std::function<void(const std::filesystem::path&, std::uint64_t, std::string_view)>& each)
{
    const auto read = [&](const std::filesystem::path& one) {
        std::ifstream in(one, std::ios::binary);
        std::string line;
        for (std::uint64_t number = 1; std::getline(in, line); ++number)
            if (!line.empty())
                each(one, number, line);
        return in.eof() && !in.bad();
    };
    static_cast<void>(read(flight_file::older(path)));
    return read(path);
}

}  // namespace examples
