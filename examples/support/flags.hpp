// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace examples {

/// One argument of a command line.
struct flag {
    std::string_view name{};   ///< Like `--port`; `--help` for `-h` too. Empty: this is no flag but a word.
    std::string_view value{};  ///< Its value, or the word. Empty: there is none.
};

/// Takes `--name value` and `--name=value` apart, one after the other. What begins with `--` is a value only in the
/// second form.
class flag_reader {
public:
    /// `switches` are the flags that have no value, beside `--help`. Both stay where they are.
    explicit flag_reader(
        const std::vector<std::string_view>& arguments, const std::vector<std::string_view>& switches = none())
        : arguments_(&arguments), switches_(&switches)
    {}

    /// Nothing at the end.
    [[nodiscard]] std::optional<flag> next()
    {
        if (at_ == arguments_->size())
            return std::nullopt;
        const std::string_view given = (*arguments_)[at_++];
        if (given == "--help" || given == "-h")
            return flag{"--help", {}};
        if (!given.starts_with("--"))
            return flag{{}, given};
        if (std::find(switches_->begin(), switches_->end(), given) != switches_->end())
            return flag{given, {}};
        if (const auto equals = given.find('='); equals != given.npos)
            return flag{given.substr(0, equals), given.substr(equals + 1)};
        if (at_ == arguments_->size() || (*arguments_)[at_].starts_with("--"))
            return flag{given, {}};
        return flag{given, (*arguments_)[at_++]};
    }

private:
    static const std::vector<std::string_view>& none()
    {
        static const std::vector<std::string_view> empty;
        return empty;
    }

    const std::vector<std::string_view>* arguments_;
    const std::vector<std::string_view>* switches_;
    std::size_t at_ = 0;
};

}  // namespace examples
