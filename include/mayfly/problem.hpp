// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace mayfly {

/// One thing that is wrong with what somebody wrote.
struct problem {
    std::string field{};   ///< Where, like `groups.default.provider.details.arn`.
    std::string value{};   ///< What stands there; empty if nothing does.
    std::string remedy{};  ///< What to do about it.

    friend bool operator==(const problem&, const problem&) = default;
};

/// All that is wrong, not the first thing alone.
using problems = std::vector<problem>;

[[nodiscard]] inline std::string to_string(const problem& p)
{
    std::string out = p.field;
    if (!p.value.empty())
        out += " is " + p.value;
    return out + ": " + p.remedy;
}

/// One problem a line.
[[nodiscard]] inline std::string to_string(const problems& all)
{
    std::string out;
    for (const problem& p : all)
        out += (out.empty() ? "" : "\n") + to_string(p);
    return out;
}

/// A value, or all the reasons why there is none.
template <class T>
class checked {
public:
    checked(T value) : is_{std::in_place_index<0>, std::move(value)} {}
    /// `wrong` is not empty.
    checked(mayfly::problems wrong) : is_{std::in_place_index<1>, std::move(wrong)} {}

    [[nodiscard]] explicit operator bool() const noexcept { return is_.index() == 0; }
    /// Only if there is a value.
    [[nodiscard]] const T& operator*() const& noexcept { return *std::get_if<0>(&is_); }
    [[nodiscard]] T&& operator*() && noexcept { return std::move(*std::get_if<0>(&is_)); }
    [[nodiscard]] const T* operator->() const noexcept { return std::get_if<0>(&is_); }
    /// Empty if there is a value.
    [[nodiscard]] mayfly::problems problems() const
    {
        const auto* wrong = std::get_if<1>(&is_);
        return wrong != nullptr ? *wrong : mayfly::problems{};
    }

private:
    std::variant<T, mayfly::problems> is_;
};

}  // namespace mayfly
