// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/compute_update.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/temporal/compute_store_options.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/deployments.hpp>
#include <mayfly/temporal/detail/store_work.hpp>
#include <mayfly/temporal/version_record.hpp>

#include <memory>
#include <utility>

namespace mayfly::temporal {

/** Compute configurations of worker deployment versions, kept in the cluster.

    A value. Operations complete with `void(error_code, rpc_reply<T>)`, cancel and fail as those of `connection`. What
   is refused here and not by the server is INVALID_ARGUMENT, FAILED_PRECONDITION, ALREADY_EXISTS or ABORTED, with all
   that is wrong in the status, a problem a line.

    Of changes made at the same time: one with a conflict token that is not the record's any more is refused. For
    metadata the server has no compare-and-set; so it is read again just before it is written and once more after that,
    and who finds there what is not his was overtaken and is told ABORTED. Of two changes within the same few
    milliseconds the first can be lost under the second, which that one is told; a mixture of both never comes about.
    The same request id again changes nothing, for as long as it is among the last sixteen.

    A deployment's manager is respected in all of this, though servers ask for him only where work is routed.

    Whoever may read the namespace can read what is stored, an external id of a role included.
*/
class compute_store {
public:
    compute_store(std::shared_ptr<connection> on, store_options options)
        : work_(std::make_shared<const detail::store_work>(std::move(on), std::move(options)))
    {}

    [[nodiscard]] const store_options& options() const noexcept { return work_->options(); }

    /// `rpc_reply<version_record>`.
    template <class Token>
    auto async_read(const deployment_version& version, Token&& token) const
    {
        return spawn<version_record>(
            [work = work_, version] { return work->read(version); }, std::forward<Token>(token));
    }

    /// Makes a change, after it was checked: by the rules, then by the online check. `rpc_reply<put_result>`; `what`,
    /// `before` and `found` are there for a refused one too.
    template <class Token>
    auto async_put(
        const deployment_version& version, const compute_update& change, const put_options& how, Token&& token) const
    {
        return spawn<put_result>([work = work_, version, change, how] { return work->put(version, change, how); },
            std::forward<Token>(token));
    }

    /// Removes a version's configuration: nobody starts workers for it any more. Of one that has none, `what` is
    /// `nothing`. `rpc_reply<put_result>`.
    template <class Token>
    auto async_remove(const deployment_version& version, const remove_options& how, Token&& token) const
    {
        return spawn<put_result>(
            [work = work_, version, how] { return work->remove(version, how); }, std::forward<Token>(token));
    }

    /// Notes in the version's metadata how a look at the providers ended. `rpc_reply<done>`.
    template <class Token>
    auto async_note_validation(const deployment_version& version, const validation_record& record, Token&& token) const
    {
        return spawn<done>([work = work_, version, record] { return work->note_validation(version, record); },
            std::forward<Token>(token));
    }

    /// Marks that a controller drives this version, whoever did before; without a name, that none does.
    /// `rpc_reply<done>`.
    template <class Token>
    auto async_note_controller(const deployment_version& version, const controller_record& record, Token&& token) const
    {
        return spawn<done>([work = work_, version, record] { return work->note_controller(version, record); },
            std::forward<Token>(token));
    }

private:
    template <class T, class Body, class Token>
    auto spawn(Body body, Token&& token) const
    {
        return http::spawn<rpc_reply<T>>(work_->get_executor(), std::move(body), std::forward<Token>(token));
    }

    std::shared_ptr<const detail::store_work> work_;
};

}  // namespace mayfly::temporal
