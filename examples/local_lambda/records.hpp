// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "function_reference.hpp"
#include "text.hpp"

#include <mayfly/aws/sha256.hpp>
#include <mayfly/base64.hpp>
#include <mayfly/clock.hpp>
#include <mayfly/local/function.hpp>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>

// What Lambda keeps of a function besides what it takes to run it.

namespace local_lambda {

/// Of an executable: what tools compare versions by.
struct code_facts {
    std::string sha256{};  ///< In base64.
    std::uintmax_t size = 0;

    friend bool operator==(const code_facts&, const code_facts&) = default;
};

/// Nothing if it cannot be read.
[[nodiscard]] inline std::optional<code_facts> read_code(const std::filesystem::path& file)
{
    std::error_code ec;
    if (!std::filesystem::is_regular_file(file, ec))
        return std::nullopt;
    std::ifstream in(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    if (!in)
        return std::nullopt;
    return code_facts{mayfly::to_base64(mayfly::aws::view(mayfly::aws::sha256_of(bytes))), bytes.size()};
}

/// What a version runs for ever, though a link on the way there may lead elsewhere some day.
[[nodiscard]] inline std::filesystem::path kept_code(const std::filesystem::path& file)
{
    std::error_code ec;
    auto led = std::filesystem::canonical(file, ec);
    return ec ? file : led;
}

/// One version, `$LATEST` or published.
struct version_record {
    std::string description{};
    std::string revision = random_uuid();
    mayfly::wall_time modified{};
    code_facts code{};
    std::string state = "Active";            ///< Or `Pending`, `Inactive`, `Failed`: then it is not run.
    std::string last_update = "Successful";  ///< Or `InProgress`, `Failed`.
};

struct alias_record {
    std::string version{};
    std::string description{};
    std::string revision = random_uuid();
    std::map<std::string, double> weights{};  ///< Of other versions, each from 0 to 1; the rest is `version`'s.
};

/// How events are treated that come through one qualifier. What is not set is as without it.
struct event_record {
    std::optional<std::uint32_t> retries{};
    std::optional<std::int64_t> age_seconds{};
    std::string destinations = R"({"OnSuccess":{},"OnFailure":{}})";  ///< JSON; kept and shown, nothing is sent there.
    mayfly::wall_time modified{};
};

struct function_record {
    version_record latest{};
    std::map<std::uint64_t, version_record> versions{};
    std::map<std::string, alias_record, std::less<>> aliases{};
    std::map<std::string, event_record, std::less<>> events{};  ///< By qualifier.
    /// The state of `$LATEST` that was published last, so that the same is not published twice.
    std::string published_revision{};

    /// Null if there is none of that number.
    [[nodiscard]] const version_record* find(std::string_view version) const
    {
        if (version == mayfly::local::latest)
            return &latest;
        if (!mayfly::local::is_function_version(version))
            return nullptr;
        const auto at = versions.find(std::stoull(std::string(version)));
        return at == versions.end() ? nullptr : &at->second;
    }

    /// The alias that a qualifier names; null if it names none.
    [[nodiscard]] const alias_record* alias(std::string_view qualifier) const
    {
        const auto at = aliases.find(qualifier);
        return at == aliases.end() ? nullptr : &at->second;
    }

    /// Which version an unqualified or qualified request means; `chance` from 0 to 1 decides where an alias has
    /// weights.
    [[nodiscard]] std::optional<std::string> version_of(std::string_view qualifier, double chance) const
    {
        if (qualifier.empty())
            return std::string(mayfly::local::latest);
        const alias_record* const a = alias(qualifier);
        if (a == nullptr)
            return find(qualifier) == nullptr ? std::nullopt : std::optional(std::string(qualifier));
        for (const auto& [version, weight] : a->weights) {
            if (chance < weight)
                return version;
            chance -= weight;
        }
        return a->version;
    }
};

}  // namespace local_lambda
