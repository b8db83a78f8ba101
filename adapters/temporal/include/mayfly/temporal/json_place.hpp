// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/detail/json_write.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mayfly::temporal {

/// How deeply arrays and objects may be nested.
inline constexpr std::size_t deepest_json = 200;

namespace detail {

/// One way through a JSON text, and what stopped it.
struct json_walk {
    std::string error{};
    bool quiet = false;                ///< An alternative is being tried: nobody will read the error.
    std::size_t failures_left = 1000;  ///< Alternatives within alternatives would otherwise take for ever.
};

/// Where a value stands, as a chain through the frames that go there: nothing is written down until there is an error.
class json_place {
public:
    explicit json_place(json_walk& walk) noexcept : walk_{&walk} {}
    json_place(const json_place& up, std::string_view key) noexcept
        : up_{&up}, walk_{up.walk_}, key_{key}, depth_{up.depth_ + 1}
    {}
    json_place(const json_place& up, std::size_t index) noexcept
        : up_{&up}, walk_{up.walk_}, index_{index}, depth_{up.depth_ + 1}
    {}

    [[nodiscard]] json_walk& walk() const noexcept { return *walk_; }
    [[nodiscard]] bool too_deep() const noexcept { return depth_ > deepest_json; }

    [[nodiscard]] bool fail(std::string_view why) const
    {
        if (!walk_->quiet && walk_->error.empty())
            walk_->error = path().append(": ").append(why);
        return false;
    }

    [[nodiscard]] std::string path() const
    {
        if (up_ == nullptr)
            return "$";
        std::string out = up_->path();
        if (index_)
            return out.append("[").append(std::to_string(*index_)).append("]");
        const auto plain = [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        };
        if (!key_.empty() && key_.size() <= longest_key && std::all_of(key_.begin(), key_.end(), plain))
            return out.append(".").append(key_);
        out += '[';
        mayfly::detail::append_json_string(out, key_.substr(0, longest_key));
        return out += ']';
    }

private:
    static constexpr std::size_t longest_key = 64;

    const json_place* up_ = nullptr;
    json_walk* walk_;
    std::string_view key_{};
    std::optional<std::size_t> index_{};
    std::size_t depth_ = 0;
};

}  // namespace detail
}  // namespace mayfly::temporal
