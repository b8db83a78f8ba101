// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "answer.hpp"

#include <mayfly/detail/json_read.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace local_lambda {

using mayfly::detail::json_value;

/// The object in a request's body. The first field that has not the type or the range of the service's model is kept as
/// the body's problem.
class body_reader {
public:
    /// An empty body is an object without members.
    explicit body_reader(std::string_view text)
    {
        auto read = mayfly::detail::read_json(text.empty() ? std::string_view("{}") : text);
        root_ = std::move(read.root);
        if (!read)
            problem_ = refusal{
                400, "InvalidRequestContentException", "Could not parse request body into json: " + read.error, {}};
        else if (!root_.is_object())
            problem_ = refusal{
                400, "InvalidRequestContentException", "Could not parse request body into json: give an object", {}};
    }

    /// Null if it is not there; a null counts as not there.
    const json_value* find(std::string_view name) const
    {
        const json_value* const v = root_.find(name);
        return v == nullptr || v->is_null() ? nullptr : v;
    }

    std::optional<std::string> text(std::string_view name, std::size_t longest)
    {
        const json_value* const v = find(name);
        if (v == nullptr)
            return std::nullopt;
        if (!v->is_string())
            return fail(*v, name, "Member must be a string");
        if (v->text.size() > longest)
            return fail(*v, name, "Member must have length less than or equal to " + std::to_string(longest));
        return v->text;
    }

    std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most)
    {
        const json_value* const v = find(name);
        if (v == nullptr)
            return std::nullopt;
        const auto n = v->as<std::int64_t>();
        if (!n)
            return fail(*v, name, "Member must be an integer");
        if (*n < least)
            return fail(*v, name, "Member must have value greater than or equal to " + std::to_string(least));
        if (*n > most)
            return fail(*v, name, "Member must have value less than or equal to " + std::to_string(most));
        return n;
    }

    const json_value* object(std::string_view name)
    {
        const json_value* const v = find(name);
        if (v != nullptr && !v->is_object()) {
            fail(*v, name, "Member must be an object");
            return nullptr;
        }
        return v;
    }

    /// Also to tell what else is wrong with a field.
    std::nullopt_t fail(const json_value& v, std::string_view name, std::string_view rule)
    {
        std::string field(name);
        if (!field.empty() && field.front() >= 'A' && field.front() <= 'Z')
            field.front() = static_cast<char>(field.front() + ('a' - 'A'));
        if (!problem_)
            problem_ = invalid_field(v.text, field, rule);
        return std::nullopt;
    }

    [[nodiscard]] const std::optional<refusal>& problem() const noexcept { return problem_; }

private:
    json_value root_;
    std::optional<refusal> problem_;
};

}  // namespace local_lambda
