// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "workspace.hpp"

#include <mayfly/detail/json_read.hpp>
#include <mayfly/local/platform.hpp>

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// A platform on a context of its own, with everything that it says written down.

namespace mayfly_test {

using event_kind = mayfly::local::platform_event::kind;

struct platform_fixture {
    /// How an invocation ended.
    struct ended {
        boost::system::error_code ec{};
        mayfly::local::invoke_result result{};

        /// A member of the answer, as it is written there.
        [[nodiscard]] std::string operator[](std::string_view key) const
        {
            const auto document = mayfly::detail::read_json(result.payload);
            const auto* const v = document.root.find(key);
            return v == nullptr ? std::string{} : v->text;
        }
        [[nodiscard]] std::string error_type() const { return (*this)["errorType"]; }
    };

    /// An event, with what it points at.
    struct noted {
        event_kind what{};
        std::string request_id{};
        std::int64_t process = 0;
        std::string detail{};
    };

    explicit platform_fixture(mayfly::local::platform_options options = {})
    {
        using namespace mayfly::local;
        options.log = [this](const log_entry& e) { log.emplace_back(e.text); };
        options.observer = [this](const platform_event& e) {
            events.push_back({e.what, std::string(e.request_id), e.process, std::string(e.detail)});
        };
        platform.emplace(io.get_executor(), std::move(options));
    }

    [[nodiscard]] static mayfly::local::function_settings function(std::string name = "f")
    {
        return {.name = std::move(name), .bootstrap = MAYFLY_TEST_FUNCTION};
    }

    /// Begins an invocation; the result is filled when it ends.
    std::shared_ptr<std::optional<ended>> begin(mayfly::local::invoke_request request)
    {
        auto out = std::make_shared<std::optional<ended>>();
        platform->async_invoke(
            std::move(request), [out](boost::system::error_code ec, mayfly::local::invoke_result result) {
                *out = ended{ec, std::move(result)};
            });
        return out;
    }
    std::shared_ptr<std::optional<ended>> begin(std::string payload)
    {
        return begin(mayfly::local::invoke_request{.function = "f", .payload = std::move(payload)});
    }

    ended invoke(mayfly::local::invoke_request request)
    {
        const auto out = begin(std::move(request));
        REQUIRE(run_until(io, [&] { return out->has_value(); }));
        return std::move(**out);
    }
    ended invoke(std::string payload)
    {
        return invoke(mayfly::local::invoke_request{.function = "f", .payload = std::move(payload)});
    }

    void stop()
    {
        std::optional<boost::system::error_code> stopped;
        platform->async_stop([&](boost::system::error_code ec) { stopped = ec; });
        REQUIRE(run_until(io, [&] { return stopped.has_value(); }));
        CHECK_FALSE(*stopped);
    }

    [[nodiscard]] std::size_t count(event_kind what) const
    {
        return static_cast<std::size_t>(
            std::count_if(events.begin(), events.end(), [what](const noted& n) { return n.what == what; }));
    }
    [[nodiscard]] const noted* last(event_kind what) const
    {
        const auto at = std::find_if(events.rbegin(), events.rend(), [what](const noted& n) { return n.what == what; });
        return at == events.rend() ? nullptr : &*at;
    }
    [[nodiscard]] bool logged(std::string_view part) const
    {
        return std::any_of(
            log.begin(), log.end(), [part](const std::string& line) { return line.find(part) != std::string::npos; });
    }

    boost::asio::io_context io{};
    std::vector<std::string> log{};
    std::vector<noted> events{};
    std::optional<mayfly::local::platform> platform{};
};

}  // namespace mayfly_test
