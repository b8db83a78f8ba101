// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/proto/common.pb.h>

#include <optional>
#include <string>
#include <utility>

namespace mayfly::temporal {

/// Values by name that an execution carries for whoever looks at it; nothing is found by them.
class memo_values {
public:
    memo_values() = default;

    /// As it came: through the codecs it is read again.
    [[nodiscard]] static converted<memo_values> from(
        ::temporal::api::common::v1::Memo message, const data_converter& with)
    {
        memo_values out;
        for (auto& [name, payload] : *message.mutable_fields()) {
            auto plain = with.decode(std::move(payload));
            if (!plain)
                return conversion_error{"the memo \"" + name + "\": " + plain.error().message};
            (*out.all_.mutable_fields())[name] = *std::move(plain);
        }
        return out;
    }

    template <class T>
    memo_values& set(const std::string& name, const T& value)
    {
        auto made = data_converter{}.to_payload(value);
        if (made)
            (*all_.mutable_fields())[name] = *std::move(made);
        else if (!problem_)
            problem_ = conversion_error{"the memo \"" + name + "\": " + made.error().message};
        return *this;
    }

    /// Of an execution that has it: not any more.
    memo_values& remove(const std::string& name) { return set(name, nullptr); }

    [[nodiscard]] bool empty() const noexcept { return all_.fields().empty() && !problem_; }
    [[nodiscard]] bool contains(const std::string& name) const { return all_.fields().contains(name); }

    /// Default-constructed if there is none.
    template <class T>
    [[nodiscard]] converted<T> get(const std::string& name) const
    {
        const auto at = all_.fields().find(name);
        if (at == all_.fields().end())
            return converted<T>{boost::system::in_place_value};
        return data_converter{}.from_payload<T>(at->second);
    }

    /// To be sent: through the codecs. An error if a value could not be converted when it was set.
    [[nodiscard]] converted<::temporal::api::common::v1::Memo> message(const data_converter& with) const
    {
        if (problem_)
            return *problem_;
        ::temporal::api::common::v1::Memo out;
        for (const auto& [name, payload] : all_.fields()) {
            auto made = with.encode(payload);
            if (!made)
                return conversion_error{"the memo \"" + name + "\": " + made.error().message};
            (*out.mutable_fields())[name] = *std::move(made);
        }
        return out;
    }

private:
    ::temporal::api::common::v1::Memo all_{};
    std::optional<conversion_error> problem_{};
};

}  // namespace mayfly::temporal
