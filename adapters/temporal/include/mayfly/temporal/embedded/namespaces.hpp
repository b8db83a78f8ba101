// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/types.hpp>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace mayfly::temporal::embedded {

/// What is kept of a namespace beside its activities and queues.
struct name_space_entry {
    api::name_space::NamespaceInfo info{};
    api::name_space::NamespaceConfig config{};
};

/// The namespaces there are.
class namespaces {
public:
    explicit namespaces(const limits& l) : limits_(&l) {}

    [[nodiscard]] bool contains(const std::string& name) const { return all_.contains(name); }
    [[nodiscard]] const std::map<std::string, name_space_entry>& all() const noexcept { return all_; }

    /// What every call that names one begins with.
    [[nodiscard]] grpc::status check(const std::string& name) const
    {
        if (name.empty())
            return bad_request("Namespace not set on request.");
        return contains(name) ? grpc::status{} : no_such_namespace(name);
    }

    [[nodiscard]] answered<api::RegisterNamespaceResponse> add(
        const api::RegisterNamespaceRequest& r, const std::string& id)
    {
        if (r.namespace_().empty())
            return bad_request("Namespace not set on request.");
        if (r.namespace_().size() > limits_->id_length)
            return bad_request("Namespace length exceeds limit.");
        if (all_.contains(r.namespace_()))
            return refused(grpc::status_code::already_exists, "Namespace already exists.",
                "NamespaceAlreadyExistsFailure", api::errordetails::NamespaceAlreadyExistsFailure());
        const uptime retention = read(r.workflow_execution_retention_period());
        if (retention < std::chrono::hours(1))
            return bad_request("A valid retention period is not set on request.");
        if (all_.size() >= limits_->namespaces)
            return exhausted("The service keeps at most " + std::to_string(limits_->namespaces) + " namespaces.");
        name_space_entry e;
        e.info.set_name(r.namespace_());
        e.info.set_state(api::enums::NAMESPACE_STATE_REGISTERED);
        e.info.set_description(r.description());
        e.info.set_owner_email(r.owner_email());
        *e.info.mutable_data() = r.data();
        e.info.set_id(id);
        put(*e.config.mutable_workflow_execution_retention_ttl(), retention);
        set_archival(e.config);
        if (e.info.ByteSizeLong() > limits_->blob)
            return too_large();
        all_.emplace(r.namespace_(), std::move(e));
        changed_.insert(r.namespace_());
        return api::RegisterNamespaceResponse();
    }

    [[nodiscard]] answered<api::DescribeNamespaceResponse> describe(const api::DescribeNamespaceRequest& r) const
    {
        if (r.namespace_().empty() && r.id().empty())
            return bad_request("Namespace not set on request.");
        for (const auto& [name, e] : all_)
            if (r.id().empty() ? name == r.namespace_() : e.info.id() == r.id())
                return shown(e);
        return no_such_namespace(r.id().empty() ? r.namespace_() : r.id());
    }

    [[nodiscard]] answered<api::ListNamespacesResponse> list(const api::ListNamespacesRequest& r) const
    {
        api::ListNamespacesResponse out;
        const int most = r.page_size() > 0 ? r.page_size() : 100;
        // The token is the last name that was shown.
        for (auto at = all_.upper_bound(r.next_page_token()); at != all_.end(); ++at) {
            if (out.namespaces_size() == most) {
                out.set_next_page_token(std::prev(at)->first);
                break;
            }
            *out.add_namespaces() = shown(at->second);
        }
        return out;
    }

    [[nodiscard]] answered<api::UpdateNamespaceResponse> update(const api::UpdateNamespaceRequest& r)
    {
        if (r.namespace_().empty())
            return bad_request("Namespace not set on request.");
        const auto at = all_.find(r.namespace_());
        if (at == all_.end())
            return no_such_namespace(r.namespace_());
        name_space_entry e = at->second;
        if (r.config().has_workflow_execution_retention_ttl()) {
            const uptime retention = read(r.config().workflow_execution_retention_ttl());
            if (retention < std::chrono::hours(1))
                return bad_request("A valid retention period is not set on request.");
            put(*e.config.mutable_workflow_execution_retention_ttl(), retention);
        }
        if (!r.update_info().description().empty())
            e.info.set_description(r.update_info().description());
        if (!r.update_info().owner_email().empty())
            e.info.set_owner_email(r.update_info().owner_email());
        for (const auto& [key, value] : r.update_info().data())
            (*e.info.mutable_data())[key] = value;
        if (e.info.ByteSizeLong() > limits_->blob)
            return too_large();
        at->second = e;
        changed_.insert(r.namespace_());
        api::UpdateNamespaceResponse out;
        *out.mutable_namespace_info() = shown(e).namespace_info();
        *out.mutable_config() = e.config;
        return out;
    }

    /// Empty if there is no such one.
    [[nodiscard]] std::string id_of(const std::string& name) const
    {
        const auto at = all_.find(name);
        return at == all_.end() ? std::string() : at->second.info.id();
    }

    /// How long a closed activity of it is remembered.
    [[nodiscard]] uptime retention(const std::string& name) const
    {
        const auto at = all_.find(name);
        return at == all_.end() ? uptime::zero() : read(at->second.config.workflow_execution_retention_ttl());
    }

    /// Those that changed since this was last asked for.
    [[nodiscard]] std::set<std::string> take_changed() { return std::exchange(changed_, {}); }
    void restore(name_space_entry e)
    {
        std::string name = e.info.name();
        all_.insert_or_assign(std::move(name), std::move(e));
    }

private:
    [[nodiscard]] grpc::status too_large() const
    {
        return bad_request(
            "description and data of a namespace are more than " + std::to_string(limits_->blob) + " bytes.");
    }

    static void set_archival(api::name_space::NamespaceConfig& c)
    {
        c.set_history_archival_state(api::enums::ARCHIVAL_STATE_DISABLED);
        c.set_visibility_archival_state(api::enums::ARCHIVAL_STATE_DISABLED);
    }

    [[nodiscard]] api::DescribeNamespaceResponse shown(const name_space_entry& e) const
    {
        api::DescribeNamespaceResponse out;
        *out.mutable_namespace_info() = e.info;
        auto& can = *out.mutable_namespace_info()->mutable_capabilities();
        can.set_eager_workflow_start(true);
        can.set_sync_update(true);
        can.set_async_update(true);
        can.set_worker_heartbeats(true);
        can.set_standalone_activities(true);
        can.set_standalone_activity_start_delay(true);
        can.set_worker_poll_complete_on_shutdown(true);
        auto& most = *out.mutable_namespace_info()->mutable_limits();
        most.set_blob_size_limit_error(static_cast<std::int64_t>(limits_->blob));
        most.set_memo_size_limit_error(static_cast<std::int64_t>(limits_->blob));
        *out.mutable_config() = e.config;
        return out;
    }

    const limits* limits_;
    std::map<std::string, name_space_entry> all_{};
    std::set<std::string> changed_{};
};

}  // namespace mayfly::temporal::embedded
