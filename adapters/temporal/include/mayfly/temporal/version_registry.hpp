// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/temporal/compute_store.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/version_record.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace mayfly::temporal {

struct registry_options {
    uptime look_every = std::chrono::seconds{2};  ///< At the list of deployments.
    /// Descriptions of deployments and versions. A server has 50 a second for a namespace, for everybody.
    double reads_per_second = 10;
    double lists_per_second = 4;  ///< Pages of the list. A server has 10.
    reader_role role{};
    compute_registry known{};  ///< Configurations that do not fit are not drivable.
    /// Hears at once of changes that a `compute_store` makes, through a task queue of this name. Empty: it waits until
    /// it looks.
    std::string notes_queue = "mayfly-changes";
    uptime validate_every = std::chrono::hours{6};  ///< At least a minute; zero: never.
    online_check check{};                           ///< Empty: nothing is validated.
};

/// One piece of news.
struct registry_change {
    enum class kind : std::uint8_t {
        added,       ///< A version that was not known.
        changed,     ///< Its configuration, what is wrong with it, who drives it, or its validation.
        status,      ///< Only its standing in the routing.
        removed,     ///< It is no more. `record` is the last that was known.
        caught_up,   ///< Once: all that was there in the beginning has been told.
        problem,     ///< The namespace cannot be read, `words` say why. What was known is kept.
        well_again,  ///< It can be read again.
    };
    kind what = kind::added;
    version_record record{};
    std::string words{};
};

[[nodiscard]] constexpr std::string_view to_string(registry_change::kind k) noexcept
{
    using enum registry_change::kind;
    switch (k) {
    case added: return "added";
    case changed: return "changed";
    case status: return "status";
    case removed: return "removed";
    case caught_up: return "caught_up";
    case problem: return "problem";
    case well_again: return "well_again";
    }
    return "unknown";
}

/** Watches the versions of a namespace and what is configured for them.

    A handle. Deployments come and go with the list, which is cheap; versions are described when their deployment's
    summary of them changes, when a note says so, and else in turn, those that were changed lately and those that
    receive work more often. So with a `compute_store` every change is seen at once; what others write into metadata
    is seen within seconds as long as there are fewer than about 50 configured versions, and within
    versions / `reads_per_second` seconds else.

    It asks nothing of a server that cannot be reached, may not be read, or has no such namespace, but to be read again:
    what it knew stays, and that is told once.
*/
class version_registry {
public:
    using handler = std::function<void(const registry_change&)>;

    version_registry(std::shared_ptr<connection> on, registry_options options);

    /// Runs until it is cancelled: `void(error_code, std::monostate)`, with `operation_aborted`. One at a time. `tell`
    /// may use the registry.
    template <class Token>
    auto async_watch(handler tell, Token&& token)
    {
        return http::spawn<std::monostate>(
            on_->get_executor(), [core = core_, tell = std::move(tell)] { return watch(core, tell); },
            std::forward<Token>(token));
    }

    /// Reads this version again as soon as the budget allows.
    void look_again(const deployment_version& version);

    /// Checks its providers as soon as the budget allows: a failed start is a reason.
    void validate_again(const deployment_version& version);

    /// All that is known.
    [[nodiscard]] const std::map<deployment_version, version_record>& versions() const noexcept;

private:
    struct core;
    static boost::asio::awaitable<http::outcome<std::monostate>> watch(std::shared_ptr<core> core, handler tell);

    std::shared_ptr<connection> on_;
    std::shared_ptr<core> core_;
};

}  // namespace mayfly::temporal
