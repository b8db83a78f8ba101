// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/activation.hpp>
#include <mayfly/temporal/workflow/detail/run_books.hpp>
#include <mayfly/temporal/workflow/intents.hpp>
#include <mayfly/temporal/workflow/messages.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal::workflow::detail {

inline constexpr const char* update_request_type = "type.googleapis.com/temporal.api.update.v1.Request";

/// The updates of a run, from the request to the outcome.
class update_book {
public:
    /// A request of the task at hand.
    void ask(const api::protocol::Message& m, run_books& books)
    {
        api::update::Request request;
        if (m.body().type_url() != update_request_type || !request.ParseFromString(m.body().value()))
            return books.complain(fault::kind::bad_history,
                "the task has a message " + in_quotes(m.id()) + " of type " + in_quotes(m.body().type_url()) +
                    ", which is no request for an update; a newer version of the library may know it");
        if (m.id().empty() || m.protocol_instance_id().empty() || !m.has_event_id())
            return books.complain(fault::kind::bad_history, "the task has a request for the update " +
                                                                in_quotes(m.protocol_instance_id()) +
                                                                " without an id, or without its place in history");
        entry e;
        e.message_id = m.id();
        e.sequencing = m.event_id();
        e.request = std::move(request);
        receive(m.protocol_instance_id(), std::move(e), true, books);
    }

    /// History has the request of an update that is to be let in, perhaps, by a task still to come.
    void admitted(const api::history::HistoryEvent& e, bool replaying, run_books& books)
    {
        const auto& request = e.workflow_execution_update_admitted_event_attributes().request();
        const std::string& id = request.meta().update_id();
        entry in;
        in.message_id = id + "/request";
        in.sequencing = e.event_id();
        in.request = request;
        if (replaying)
            admitted_[id] = std::move(in);
        else
            receive(id, std::move(in), true, books);
    }

    /// History says that the update was let in by the task that is replayed now.
    void was_accepted(const api::history::HistoryEvent& e, run_books& books)
    {
        const auto& a = e.workflow_execution_update_accepted_event_attributes();
        entry in;
        const auto at = admitted_.find(a.protocol_instance_id());
        if (a.has_accepted_request())
            in.request = a.accepted_request();
        else if (at != admitted_.end())
            in.request = std::move(at->second.request);
        if (at != admitted_.end())
            admitted_.erase(at);
        in.message_id = a.accepted_request_message_id();
        in.sequencing = a.accepted_request_sequencing_event_id();
        receive(a.protocol_instance_id(), std::move(in), false, books);
    }

    void accept(const accept_update& a, run_books& books)
    {
        const auto at = open_.find(a.protocol_instance_id);
        if (at == open_.end() || at->second.accepted)
            return not_so(a.protocol_instance_id, "accepted", books);
        entry& e = at->second;
        e.accepted = true;
        api::update::Acceptance body;
        body.set_accepted_request_message_id(e.message_id);
        body.set_accepted_request_sequencing_event_id(e.sequencing);
        *body.mutable_accepted_request() = std::move(e.request);
        e.request.Clear();
        put_command(want::accept_update, a.protocol_instance_id,
            say(e.message_id + "/accept", a.protocol_instance_id, "Acceptance", body), books);
    }

    void reject(reject_update r, bool replaying, run_books& books)
    {
        const auto at = open_.find(r.protocol_instance_id);
        if (at == open_.end() || at->second.accepted)
            return not_so(r.protocol_instance_id, "rejected", books);
        entry& e = at->second;
        if (replaying)
            return books.complain(fault::kind::nondeterminism,
                "history has the update " + in_quotes(r.protocol_instance_id) +
                    " accepted, but the workflow's code rejects it: " + in_quotes(r.failure.message()));
        api::update::Rejection body;
        body.set_rejected_request_message_id(e.message_id);
        body.set_rejected_request_sequencing_event_id(e.sequencing);
        *body.mutable_rejected_request() = std::move(e.request);
        *body.mutable_failure() = std::move(r.failure);
        static_cast<void>(say(e.message_id + "/reject", r.protocol_instance_id, "Rejection", body));
        open_.erase(at);
    }

    void complete(complete_update c, run_books& books)
    {
        const auto at = open_.find(c.protocol_instance_id);
        if (at == open_.end() || !at->second.accepted)
            return not_so(c.protocol_instance_id, "completed", books);
        entry& e = at->second;
        api::update::Response body;
        body.mutable_meta()->set_update_id(c.protocol_instance_id);
        body.mutable_meta()->set_identity(e.identity);
        if (c.outcome.how == resolution::kind::completed)
            *body.mutable_outcome()->mutable_success() = std::move(c.outcome.result);
        else
            *body.mutable_outcome()->mutable_failure() = std::move(c.outcome.failure);
        put_command(want::complete_update, c.protocol_instance_id,
            say(e.message_id + "/complete", c.protocol_instance_id, "Response", body), books);
        open_.erase(at);
    }

    /// The answers since they were last taken.
    [[nodiscard]] std::vector<api::protocol::Message> take() { return std::exchange(said_, {}); }

private:
    struct entry {
        std::string message_id{};
        std::int64_t sequencing = 0;
        std::string identity{};
        api::update::Request request{};  ///< Until it is answered: an acceptance gives it back as it came.
        bool accepted = false;
    };

    void receive(const std::string& id, entry in, bool run_validator, run_books& books)
    {
        update_received job;
        job.id = id;
        job.protocol_instance_id = id;
        job.name = in.request.input().name();
        job.input = in.request.input().args();
        job.header = in.request.input().header();
        job.identity = in.request.meta().identity();
        job.run_validator = run_validator;
        in.identity = job.identity;
        const std::int64_t after = in.sequencing;
        if (open_.try_emplace(id, std::move(in)).second)
            books.jobs.add(job_list::rank::message, after, std::move(job), true);
    }

    static void not_so(const std::string& id, const char* what, run_books& books)
    {
        books.complain(fault::kind::bad_code,
            std::string("the workflow's code ") + what + " the update " + in_quotes(id) +
                ", which does not wait for that; each is accepted or rejected once, and then completed once");
    }

    template <class Body>
    std::string say(std::string id, const std::string& instance, const char* type, const Body& body)
    {
        auto& m = said_.emplace_back();
        m.set_id(id);
        m.set_protocol_instance_id(instance);
        m.mutable_body()->set_type_url(std::string("type.googleapis.com/temporal.api.update.v1.") + type);
        m.mutable_body()->set_value(body.SerializeAsString());
        return id;
    }

    static void put_command(want what, const std::string& instance, std::string message_id, run_books& books)
    {
        books.queue.push(what, 0, instance, api::enums::COMMAND_TYPE_PROTOCOL_MESSAGE)
            .command.mutable_protocol_message_command_attributes()
            ->set_message_id(std::move(message_id));
    }

    std::map<std::string, entry> open_;
    std::map<std::string, entry> admitted_;
    std::vector<api::protocol::Message> said_;
};

}  // namespace mayfly::temporal::workflow::detail
