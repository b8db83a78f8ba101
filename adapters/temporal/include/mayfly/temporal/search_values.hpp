// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/json_time.hpp>
#include <mayfly/temporal/proto/common.pb.h>
#include <mayfly/temporal/times.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal {

/** What executions are found by. Each has a name and a type, which have to be known to the namespace.

    They are never seen by payload codecs: the server has to read them. Text has to be UTF-8, numbers have to be finite;
    what is not goes out without a value, which the server refuses by name.
*/
class search_values {
public:
    search_values() = default;
    explicit search_values(::temporal::api::common::v1::SearchAttributes from) : all_(std::move(from)) {}

    search_values& set_keyword(const std::string& name, const std::string& value)
    {
        return set(name, "Keyword", value);
    }
    search_values& set_keywords(const std::string& name, const std::vector<std::string>& values)
    {
        return set(name, "KeywordList", values);
    }
    /// Found by the words in it.
    search_values& set_text(const std::string& name, const std::string& value) { return set(name, "Text", value); }
    search_values& set_int(const std::string& name, std::int64_t value) { return set(name, "Int", value); }
    search_values& set_double(const std::string& name, double value) { return set(name, "Double", value); }
    search_values& set_bool(const std::string& name, bool value) { return set(name, "Bool", value); }
    search_values& set_datetime(const std::string& name, wall_clock_time value) { return set(name, "Datetime", value); }

    /// Of an execution that has it: not any more. Its type is needed: `Keyword`, `KeywordList`, `Text`, `Int`,
    /// `Double`, `Bool` or `Datetime`.
    search_values& remove(const std::string& name, const std::string& type) { return set(name, type, nullptr); }

    [[nodiscard]] bool empty() const noexcept { return all_.indexed_fields().empty(); }
    [[nodiscard]] bool contains(const std::string& name) const { return all_.indexed_fields().contains(name); }

    /// As one of the types above; default-constructed if there is none.
    template <class T>
    [[nodiscard]] converted<T> get(const std::string& name) const
    {
        const auto at = all_.indexed_fields().find(name);
        if (at == all_.indexed_fields().end())
            return converted<T>{boost::system::in_place_value};
        return data_converter{}.from_payload<T>(at->second);
    }

    [[nodiscard]] const ::temporal::api::common::v1::SearchAttributes& message() const noexcept { return all_; }

private:
    template <class T>
    search_values& set(const std::string& name, const std::string& type, const T& value)
    {
        auto& to = (*all_.mutable_indexed_fields())[name];
        to.Clear();
        if (auto made = data_converter{}.to_payload(value))
            to = *std::move(made);
        (*to.mutable_metadata())["type"] = type;
        return *this;
    }

    ::temporal::api::common::v1::SearchAttributes all_{};
};

}  // namespace mayfly::temporal
