// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/deployment.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/detail/registry_core.hpp>
#include <mayfly/temporal/registry_options.hpp>
#include <mayfly/temporal/version_record.hpp>

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <variant>

namespace mayfly::temporal {

/** Watches the versions of a namespace, and what is configured for them.

    Deployments come and go with their list, which is cheap. A version is described when a summary of it changes, when a
    `compute_store` tells of it, and else in turn: every 2 s in the minute after a change, every 5 s if it is configured
    or receives work, every 20 s if not. A server shows changes of metadata nowhere else. So what a `compute_store`
    changes is seen at once, however many versions there are; and what others write into metadata within those times,
    or, if there are more versions than can be read in them, within versions / `reads_per_second`.

    What it knew stays when the server cannot be reached, the namespace may not be read or is not there; it is asked
   again ever more slowly, up to every 30 s.

    A handle. Used from the connection's thread or strand.
*/
class version_registry {
public:
    using handler = std::function<void(const registry_change&)>;

    explicit version_registry(std::shared_ptr<connection> on, registry_options options = {})
        : core_(std::make_shared<detail::registry_core>(std::move(on), std::move(options)))
    {}

    /// Runs until it is cancelled: `void(error_code, std::monostate)`, with `operation_aborted`. Once, for one handle.
    /// `tell` may use the registry.
    template <class Token>
    auto async_watch(handler tell, Token&& token)
    {
        return http::spawn<std::monostate>(
            core_->get_executor(),
            [core = core_, tell = std::move(tell)] { return detail::registry_core::watch(core, tell); },
            std::forward<Token>(token));
    }

    /// Reads this version again as soon as the budget allows.
    void look_again(const deployment_version& version) { core_->look_again(version); }

    /// Checks its providers again, at most once a minute: a start that failed is a reason.
    void validate_again(const deployment_version& version) { core_->validate_again(version); }

    /// All that are known.
    [[nodiscard]] const std::map<deployment_version, version_record>& versions() const noexcept
    {
        return core_->versions();
    }

private:
    std::shared_ptr<detail::registry_core> core_;
};

}  // namespace mayfly::temporal
