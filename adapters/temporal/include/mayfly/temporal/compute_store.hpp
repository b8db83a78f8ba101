// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/compute_config.hpp>
#include <mayfly/compute_update.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/deployments.hpp>
#include <mayfly/temporal/stored_compute.hpp>
#include <mayfly/temporal/version_record.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal {

/// Asks the providers whether a configuration would work. Errors forbid that it is stored, warnings only tell. It may
/// take its time, is cancelled when that is over, and throws nothing else.
using online_check = std::function<boost::asio::awaitable<findings>(deployment_version, compute_config)>;

struct store_options {
    compute_registry known{};  ///< Which providers and algorithms there are.
    online_check check{};      ///< Empty: nobody is asked.
    std::chrono::seconds check_within{15};
    reader_role role{};
};

/// Where a configuration shall be kept.
enum class storage_choice : std::uint8_t {
    /// Where it is already. A new one: in the server, if the server's own controller is known to be off, it takes
    /// this one, and it can keep all of it; else in metadata.
    automatic,
    metadata,
    server,
};

struct put_options {
    bool create_version = false;  ///< Else it has to be there. A deployment that is missing is made too.
    storage_choice storage = storage_choice::automatic;
    bool only_check = false;  ///< Says what would become of it, and stores nothing.
};

/// What became of a change.
struct put_result {
    update_plan::verdict what = update_plan::verdict::nothing;
    version_record before{};
    version_record after{};
    findings found{};                  ///< What was refused, and why; what surely is not meant.
    std::vector<std::string> reset{};  ///< As of `update_plan`.
};

/** Compute configurations of worker deployment versions, kept in the cluster.

    A value. Operations complete with `void(error_code, rpc_reply<T>)`, cancel and fail as those of `connection`. What
   is refused here and not by the server is INVALID_ARGUMENT or FAILED_PRECONDITION, with all problems in the status.

    Of changes made at the same time: a change with a conflict token that is not the record's is refused. The server
    has no compare-and-set for metadata; so it is read back after it was written, and who finds another's revision
    there was overtaken and is told ABORTED. Two changes within the same few milliseconds may both be told so, or the
    first be lost under the second: never a mixture of both.

    A deployment's manager is respected for all of this, though servers check him only for routing.
*/
class compute_store {
public:
    compute_store(std::shared_ptr<connection> on, store_options options)
        : on_(std::move(on)), options_(std::make_shared<const store_options>(std::move(options)))
    {}

    [[nodiscard]] const store_options& options() const noexcept { return *options_; }

    /// `rpc_reply<version_record>`.
    template <class Token>
    auto async_read(const deployment_version& version, Token&& token) const
    {
        return http::spawn<rpc_reply<version_record>>(
            on_->get_executor(), [self = *this, version] { return self.read(version); }, std::forward<Token>(token));
    }

    /// Makes a change, after it was checked: by the rules, by the online check. `rpc_reply<put_result>`, whose `found`
    /// and `what` are there for a refused one too.
    template <class Token>
    auto async_put(
        const deployment_version& version, const compute_update& change, const put_options& how, Token&& token) const
    {
        return http::spawn<rpc_reply<put_result>>(
            on_->get_executor(), [self = *this, version, change, how] { return self.put(version, change, how); },
            std::forward<Token>(token));
    }

    /// Removes all of a version's configuration, wherever it is kept: nobody starts workers for it any more. Of one
    /// that has none, `what` is `nothing`. `rpc_reply<put_result>`.
    template <class Token>
    auto async_remove(const deployment_version& version, const std::string& conflict_token, Token&& token) const
    {
        return http::spawn<rpc_reply<put_result>>(
            on_->get_executor(),
            [self = *this, version, conflict_token] { return self.remove(version, conflict_token); },
            std::forward<Token>(token));
    }

    /// Notes how a look at the providers ended. `rpc_reply<done>`.
    template <class Token>
    auto async_note_validation(const deployment_version& version, const validation_record& record, Token&& token) const
    {
        return http::spawn<rpc_reply<done>>(
            on_->get_executor(), [self = *this, version, record] { return self.note_validation(version, record); },
            std::forward<Token>(token));
    }

    /// Says that a controller drives this version, whoever did before; with no name, that none does. `rpc_reply<done>`.
    template <class Token>
    auto async_note_controller(const deployment_version& version, const controller_record& record, Token&& token) const
    {
        return http::spawn<rpc_reply<done>>(
            on_->get_executor(), [self = *this, version, record] { return self.note_controller(version, record); },
            std::forward<Token>(token));
    }

private:
    template <class T>
    using reply = http::outcome<rpc_reply<T>>;

    boost::asio::awaitable<reply<version_record>> read(deployment_version version) const;
    boost::asio::awaitable<reply<put_result>> put(
        deployment_version version, compute_update change, put_options how) const;
    boost::asio::awaitable<reply<put_result>> remove(deployment_version version, std::string conflict_token) const;
    boost::asio::awaitable<reply<done>> note_validation(deployment_version version, validation_record record) const;
    boost::asio::awaitable<reply<done>> note_controller(deployment_version version, controller_record record) const;

    std::shared_ptr<connection> on_;
    std::shared_ptr<const store_options> options_;
};

}  // namespace mayfly::temporal
