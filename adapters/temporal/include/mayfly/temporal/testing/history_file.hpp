// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/testing/history_json.hpp>

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

namespace mayfly::temporal::testing {

/// A history as it was saved: JSON (see `history_of_json`), or the bytes of the message.
[[nodiscard]] inline converted<history_from_json> read_history(std::string_view saved, const json_options& how = {})
{
    const std::size_t first = saved.find_first_not_of(" \t\r\n");
    const bool may_be_json = first != saved.npos && (saved[first] == '{' || saved[first] == '[');
    auto json = may_be_json ? history_of_json(saved, how)
                            : converted<history_from_json>(conversion_error{"neither JSON nor the bytes of a history"});
    if (json)
        return json;
    // A first event of 123 bytes begins as JSON may.
    history_from_json out;
    constexpr std::size_t most = std::numeric_limits<int>::max();
    if (!saved.empty() && saved.size() <= most &&
        out.message.ParseFromArray(saved.data(), static_cast<int>(saved.size())) && out.message.events_size() != 0 &&
        out.message.events(0).event_id() > 0)
        return out;
    return json.error();
}

/// All that is in a file, or why it cannot be read.
[[nodiscard]] inline boost::system::result<std::string> read_file(const std::string& path)
{
    const auto failed = [] {
        return boost::system::error_code{errno == 0 ? EIO : errno, boost::system::generic_category()};
    };
    struct closer {
        void operator()(std::FILE* f) const noexcept { std::fclose(f); }
    };
    errno = 0;
    const std::unique_ptr<std::FILE, closer> in{std::fopen(path.c_str(), "rb")};
    if (!in)
        return failed();
    std::string out;
    std::array<char, 65536> block{};
    for (std::size_t n = block.size(); n == block.size();) {
        n = std::fread(block.data(), 1, block.size(), in.get());
        out.append(block.data(), n);
    }
    if (std::ferror(in.get()) != 0)
        return failed();
    return out;
}

}  // namespace mayfly::temporal::testing
