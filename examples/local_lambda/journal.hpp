// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "text.hpp"

#include <mayfly/local/invoke.hpp>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace local_lambda {

/// One line for each thing that happens, with the time in front.
class journal {
public:
    /// To the standard error.
    journal() = default;

    /// False if the file cannot be written.
    [[nodiscard]] bool open(const std::filesystem::path& file)
    {
        file_.reset(std::fopen(file.c_str(), "ae"));
        return file_ != nullptr;
    }

    void line(std::string_view text) const
    {
        const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
        std::string out = lambda_time(now).substr(0, 23) + "Z ";
        // Whatever a function writes, a line is a line, and a terminal stays as it is.
        for (const char c : text)
            out += static_cast<unsigned char>(c) < 0x20 && c != '\t' ? '?' : c;
        out += '\n';
        std::FILE* const to = file_ ? file_.get() : stderr;
        std::fwrite(out.data(), 1, out.size(), to);
        std::fflush(to);
    }

    void operator()(const mayfly::local::log_entry& e) const
    {
        std::string out(e.function);
        out.append(":").append(e.version).append(" [").append(std::to_string(e.process)).append("] ");
        line(out.append(e.text));
    }

    void operator()(const mayfly::local::platform_event& e) const
    {
        using enum mayfly::local::platform_event::kind;
        // The others have lines of their own: START, END and the request's.
        if (e.what == invoked || e.what == succeeded || e.what == event_accepted)
            return;
        std::string out(e.function);
        out.append(":").append(e.version).append(" ").append(to_string(e.what));
        if (e.process != 0)
            out.append(" [").append(std::to_string(e.process)).append("]");
        if (!e.request_id.empty())
            out.append(" RequestId: ").append(e.request_id);
        if (!e.detail.empty())
            out.append(": ").append(e.detail);
        line(out);
    }

private:
    struct close {
        void operator()(std::FILE* f) const noexcept { std::fclose(f); }
    };
    std::unique_ptr<std::FILE, close> file_;
};

}  // namespace local_lambda
