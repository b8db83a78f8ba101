// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "roles.hpp"
#include "text.hpp"

#include <mayfly/aws/arn.hpp>
#include <mayfly/aws/credentials.hpp>
#include <mayfly/clock.hpp>
#include <mayfly/local/function.hpp>

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace local_lambda {

/// Who made a request.
struct identity {
    std::string arn{};
    std::string user_id{};
    std::string account{};
    const local_lambda::role* role = nullptr;  ///< Of a session; null for the account's own key, which may do all.
};

/// An access key and whose it is.
struct key {
    mayfly::aws::credentials credentials{};
    identity who{};
};

/// The keys that are good here: one of the account, and those of the sessions that were begun.
class key_book {
public:
    /// The roles outlive the book.
    key_book(mayfly::aws::credentials own, const mayfly::local::account_settings& where)
    {
        const std::string id = own.access_key_id;
        const std::string user = "arn:" + where.partition + ":iam::" + where.account + ":user/local";
        keys_.emplace(id, key{std::move(own), {user, unique_id("AIDA"), where.account, nullptr}});
    }

    /// Null if there is no such key.
    [[nodiscard]] const key* find(std::string_view access_key_id) const
    {
        const auto at = keys_.find(access_key_id);
        return at == keys_.end() ? nullptr : &at->second;
    }

    /// Begins a session of a role that is good until `expires`.
    const key& begin(const role& r, const std::string& session_name, mayfly::wall_time now, mayfly::wall_time expires)
    {
        constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        constexpr std::string_view base64_letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        // A session that has ended is remembered for a while: its user is to hear that it has ended.
        std::erase_if(keys_, [&](const auto& k) {
            const auto& end = k.second.credentials.expires;
            return end && *end + std::chrono::hours{1} < now;
        });
        auto [id, none] = role_ids_.try_emplace(r.arn);
        if (none)
            id->second = unique_id("AROA");

        key made;
        made.credentials = {"ASIA" + random_text(16, letters), random_text(40, base64_letters),
            "IQoJb3JpZ2luX2Vj" + random_text(400, base64_letters) + "==", expires, {}};
        const auto arn = mayfly::aws::parse_arn(r.arn).value_or(mayfly::aws::arn{});
        made.who.arn = "arn:" + arn.partition + ":sts::" + arn.account + ":assumed-role/";
        made.who.arn.append(mayfly::aws::role_name(arn)).append("/").append(session_name);
        made.who.user_id = id->second + ':' + session_name;
        made.who.account = arn.account;
        made.who.role = &r;
        const std::string access_key_id = made.credentials.access_key_id;
        return keys_.insert_or_assign(access_key_id, std::move(made)).first->second;
    }

private:
    static std::string unique_id(const char* prefix)
    {
        return prefix + random_text(17, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    }

    std::map<std::string, key, std::less<>> keys_;
    std::map<std::string, std::string, std::less<>> role_ids_;
};

}  // namespace local_lambda
