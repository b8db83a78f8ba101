// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// What stands in a function's log: the platform's own lines, and how a process's output becomes lines.

namespace mayfly::local {

/** Cuts a stream of bytes into lines.

    Lines longer than the limit are broken there; a carriage return before the line end is left out.
*/
class line_splitter {
public:
    explicit line_splitter(std::size_t longest) noexcept : longest_{longest == 0 ? 1 : longest} {}

    /// Calls `line(std::string_view)` for each line that these bytes end.
    template <class F>
    void feed(std::string_view bytes, F&& line)
    {
        while (!bytes.empty()) {
            const auto end = bytes.find('\n');
            const auto room = longest_ - rest_.size();
            if (end == std::string_view::npos ? bytes.size() <= room : end <= room) {
                rest_ += bytes.substr(0, end);
                bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
                if (end != std::string_view::npos)
                    flush_line(line);
            } else {
                rest_ += bytes.substr(0, room);
                bytes.remove_prefix(std::min(room, bytes.size()));
                flush_line(line);
            }
        }
    }

    /// What came after the last line end, if anything did.
    template <class F>
    void finish(F&& line)
    {
        if (!rest_.empty())
            flush_line(line);
    }

private:
    template <class F>
    void flush_line(F&& line)
    {
        std::string_view text = rest_;
        if (text.ends_with('\r'))
            text.remove_suffix(1);
        line(text);
        rest_.clear();
    }

    std::size_t longest_;
    std::string rest_{};
};

/// Keeps the last bytes of a log.
class log_tail {
public:
    static constexpr std::size_t most = 4096;

    void add(std::string_view line)
    {
        text_.append(line).append("\n");
        // Cut seldom, so that each byte is moved about once.
        if (text_.size() > 8 * most)
            text_.erase(0, text_.size() - most);
    }

    [[nodiscard]] std::string take()
    {
        if (text_.size() > most)
            text_.erase(0, text_.size() - most);
        return std::exchange(text_, {});
    }

private:
    std::string text_{};
};

/// What the REPORT line says of one invocation.
struct invocation_numbers {
    std::chrono::microseconds duration{};
    std::optional<std::chrono::microseconds> init{};  ///< If this invocation was the first of its process.
    std::uint32_t memory_mib = 0;
    std::uint64_t used_mib = 0;
    std::string_view status{};      ///< `timeout` or `error`; empty for a success.
    std::string_view error_type{};  ///< Beside the status, if there is one.
};

namespace detail {

/// Milliseconds with two digits behind the point.
[[nodiscard]] inline std::string two_digits(double value)
{
    std::array<char, 64> out{};
    const int n = std::snprintf(out.data(), out.size(), "%.2f", value);
    return {out.data(), static_cast<std::size_t>(n > 0 ? n : 0)};
}

[[nodiscard]] inline std::string in_milliseconds(std::chrono::microseconds t)
{
    return two_digits(static_cast<double>(t.count()) / 1000.0);
}

}  // namespace detail

[[nodiscard]] inline std::string start_line(std::string_view request_id, std::string_view version)
{
    return "START RequestId: " + std::string(request_id) + " Version: " + std::string(version);
}

[[nodiscard]] inline std::string end_line(std::string_view request_id)
{
    return "END RequestId: " + std::string(request_id);
}

[[nodiscard]] inline std::string report_line(std::string_view request_id, const invocation_numbers& n)
{
    const auto billed =
        std::chrono::ceil<std::chrono::milliseconds>(n.duration + n.init.value_or(std::chrono::microseconds::zero()));
    std::string out = "REPORT RequestId: " + std::string(request_id);
    out += "\tDuration: " + detail::in_milliseconds(n.duration) + " ms";
    out += "\tBilled Duration: " + std::to_string(billed.count()) + " ms";
    out += "\tMemory Size: " + std::to_string(n.memory_mib) + " MB";
    out += "\tMax Memory Used: " + std::to_string(n.used_mib) + " MB";
    if (n.init)
        out += "\tInit Duration: " + detail::in_milliseconds(*n.init) + " ms";
    if (!n.status.empty())
        out += "\tStatus: " + std::string(n.status);
    if (!n.error_type.empty())
        out += "\tError Type: " + std::string(n.error_type);
    return out + '\t';
}

/// Of an init phase that did not end well: `timeout` or `error`.
[[nodiscard]] inline std::string init_report_line(
    std::chrono::microseconds duration, std::string_view status, std::string_view error_type)
{
    std::string out = "INIT_REPORT Init Duration: " + detail::in_milliseconds(duration) + " ms\tPhase: init\tStatus: ";
    out += status;
    if (!error_type.empty())
        out.append("\tError Type: ").append(error_type);
    return out;
}

/// `Task timed out after 3.00 seconds`.
[[nodiscard]] inline std::string timed_out_words(std::chrono::milliseconds timeout)
{
    return "Task timed out after " + detail::two_digits(static_cast<double>(timeout.count()) / 1000.0) + " seconds";
}

/// The line that stands in the log where an invocation timed out.
[[nodiscard]] inline std::string timeout_line(
    std::string_view request_id, std::chrono::milliseconds timeout, std::chrono::system_clock::time_point at)
{
    const auto ms = std::chrono::floor<std::chrono::milliseconds>(at).time_since_epoch().count();
    const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    std::array<char, 64> text{};
    const std::size_t n = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
    std::array<char, 8> fraction{};
    std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(ms % 1000));
    return std::string(text.data(), n) + fraction.data() + ' ' + std::string(request_id) + ' ' +
           timed_out_words(timeout);
}

}  // namespace mayfly::local
