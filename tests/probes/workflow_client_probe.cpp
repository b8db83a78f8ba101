// SPDX-License-Identifier: BSL-1.0

// What a client of workflows sees of a service where a worker serves the workflows of
// tests/integration/workflow_client.py.
//
//     workflow-client-probe HOST PORT QUEUE
//
// Prints a line "name value" for each thing that was seen.

#include <mayfly/temporal/interceptors.hpp>
#include <mayfly/temporal/worker.hpp>
#include <mayfly/temporal/workflow/context.hpp>
#include <mayfly/temporal/workflow_client.hpp>
#include <mayfly/temporal/workflows.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace {

namespace asio = boost::asio;
using namespace mayfly::temporal;
using namespace std::chrono_literals;
using boost::system::error_code;

constexpr auto answer = asio::as_tuple(asio::use_awaitable);

void say(const char* name, const std::string& value)
{
    std::printf("%s %s\n", name, value.c_str());
    std::fflush(stdout);
}

[[noreturn]] void give_up(const char* what, const std::string& why)
{
    std::printf("failed %s: %s\n", what, why.c_str());
    std::exit(1);
}

std::string told(const converted<std::string>& text)
{
    return text ? *text : "error: " + text.error().message;
}

/// What it came to, in a line.
template <class Outcome>
std::string told(const error_code& ec, const Outcome& out)
{
    if (ec)
        return ec.message() + "; " + out.words;
    if constexpr (std::is_same_v<typename Outcome::value_type, std::monostate>)
        return "nothing";
    else if constexpr (std::is_arithmetic_v<typename Outcome::value_type>)
        return std::to_string(*out.value);
    else
        return *out.value;
}

const typed_workflow<std::string(std::string)> greet{"greet"};
const typed_workflow<void(std::string)> failing{"failing"};
const typed_workflow<int(int, int)> counting{"counting"};
const typed_workflow<int()> second_try{"second_try"};
const typed_workflow<std::string()> approval{"approval"};
const typed_signal<void(std::string)> approve{"approve"};
const typed_query<int()> changes{"changes"};
const typed_query<int(std::string)> no_answer{"no_answer"};
const typed_update<int(int)> change{"change"};

/// What a worker here has, on the same connection.
const typed_workflow<std::string(std::string)> local_greet{"local_greet"};

workflow::task<std::string> greets(workflow::context& ctx, std::string name)
{
    co_await ctx.sleep(1ms);
    co_return "Hello, " + name;
}

class story {
public:
    story(const std::shared_ptr<connection>& on, std::string queue)
        : client_(on, {}, {marks_calls()}), queue_(std::move(queue))
    {
        client_.report_starts_to([this](const std::string& q, mayfly::task_type type) {
            if (q == queue_ && type == mayfly::task_type::workflow)
                ++starts_;
        });
    }

    asio::awaitable<void> tell()
    {
        auto [ec, hello] = co_await client_.shared_connection()->async_connect(20s, answer);
        if (ec)
            give_up("connect", hello.status.message);
        co_await results();
        co_await one_id();
        co_await conversation();
        co_await together();
        co_await ends();
        co_await looking();
        const mayfly::deployment_version version{queue_, "1"};
        co_await eagerly("eager", std::nullopt);
        co_await eagerly("eager_pinned", version);
        say("starts_told", std::to_string(starts_));
        say("intercepted_calls", calls_ > 20 && calls_ == ended_ ? "all ended" : "some did not end");
    }

private:
    /// The worker hears whom they come from.
    [[nodiscard]] interceptor marks_calls()
    {
        interceptor out;
        out.client = [this](client_call& call) {
            set_header(call.header, "from", "probe");
            ++calls_;
            call.on_end([this](const error_code&, const mayfly::grpc::status&) { ++ended_; });
        };
        return out;
    }

    [[nodiscard]] workflow_start_options named(std::string id) const
    {
        workflow_start_options out;
        out.id = std::move(id);
        out.task_queue = queue_;
        return out;
    }

    template <class F>
    asio::awaitable<workflow_handle<typename typed_workflow<F>::result>> start(
        const typed_workflow<F>& type, typename typed_workflow<F>::arguments arguments, workflow_start_options options)
    {
        auto [ec, s] = co_await client_.async_start(type, arguments, options, answer);
        if (ec)
            give_up(type.name.c_str(), s.status.message);
        co_return s.value.handle;
    }

    asio::awaitable<void> results()
    {
        const auto plain = named("greeting");
        auto [e1, hello] = co_await client_.async_execute(greet, {"World"}, plain, answer);
        say("result", told(e1, hello));

        const auto of_failing = named("failing");
        auto [e2, failed] = co_await client_.async_execute(failing, {"not_found"}, of_failing, answer);
        say("failure", told(e2, failed));
        say("failure_type", type_of(failed.exception));

        const auto of_count = named("counting");
        const auto h = co_await start(counting, {3, 0}, of_count);
        auto [e3, count] = co_await h.async_result(answer);
        say("result_of_last_run", told(e3, count));
        say("another_run", count.run_id != h.run_id() ? "yes" : "no");
        const result_options this_run{.follow_runs = false};
        auto [e4, part] = co_await h.async_result(this_run, answer);
        say("result_of_first_run", e4.message());
        say("next_run_known", part.next_run_id.empty() ? "no" : "yes");

        auto tried = named("second_try");
        tried.retry = activity_retry{.initial_interval = 100ms, .maximum_attempts = 2};
        auto [e5, second] = co_await client_.async_execute(second_try, {}, tried, answer);
        say("result_of_retry", told(e5, second));

        const auto nobody = client_.handle<int>({"nobody", "", ""});
        auto [e6, none] = co_await nobody.async_result(answer);
        say("result_of_nobody", e6.message());
        const auto as_number = client_.handle<int>({"greeting", "", ""});
        auto [e7, wrong] = co_await as_number.async_result(answer);
        say("result_of_other_type", e7.message());
    }

    static std::string type_of(const std::exception_ptr& e)
    {
        if (!e)
            return "none";
        try {
            std::rethrow_exception(e);
        } catch (const application_error& a) {
            return a.type();
        } catch (const std::exception& other) {
            return other.what();
        }
    }

    asio::awaitable<void> one_id()
    {
        auto options = named("approval-1");
        options.request_id = "the-one";
        const auto first = co_await start(approval, {}, options);
        auto [e1, same] = co_await client_.async_start(approval, {}, options, answer);
        say("same_request", e1                                             ? e1.message()
                            : same.value.handle.run_id() == first.run_id() ? "same run"
                                                                           : "other run");
        options.request_id.clear();
        auto [e2, refused] = co_await client_.async_start(approval, {}, options, answer);
        const auto why = detail_of<api::errordetails::WorkflowExecutionAlreadyStartedFailure>(refused.status);
        say("id_in_use", e2.message());
        say("id_in_use_by", why && why->run_id() == first.run_id() ? "first" : "unknown");
        options.conflict = workflow_id_conflict::use_existing;
        auto [e3, attached] = co_await client_.async_start(approval, {}, options, answer);
        say("attached", e3 ? e3.message() : attached.value.is_new ? "new" : "attached");
        options.conflict = workflow_id_conflict::terminate_existing;
        auto [e4, instead] = co_await client_.async_start(approval, {}, options, answer);
        say("instead", e4 ? e4.message() : instead.value.is_new ? "new" : "attached");
        auto [e5, ended] = co_await first.async_result(answer);
        say("replaced", e5.message());
        // It names its own chain, so it cannot hurt the one that took its place.
        auto [e6, spared] = co_await first.async_terminate("mistaken", answer);
        say("old_handle", e6.message());
        auto [e7, t] = co_await instead.value.handle.async_terminate("enough", answer);
        auto reused = named("approval-1");
        reused.reuse = id_reuse::reject;
        auto [e8, no] = co_await client_.async_start(approval, {}, reused, answer);
        say("not_reused", e8.message());
    }

    asio::awaitable<void> conversation()
    {
        const auto options = named("approval-2");
        const auto h = co_await start(approval, {}, options);
        auto [e1, nothing] = co_await h.async_query(changes, {}, answer);
        say("query", told(e1, nothing));
        auto [e2, seven] = co_await h.async_update(change, {7}, answer);
        say("update", told(e2, seven));
        auto [e3, negative] = co_await h.async_update(change, {-1}, answer);
        say("update_rejected", told(e3, negative));
        auto [e4, thrown] = co_await h.async_update(change, {99}, answer);
        say("update_failed", told(e4, thrown));
        const update_options mine{.id = "mine"};
        auto [e5, slow] = co_await h.async_start_update(change, {50}, update_stage::accepted, mine, answer);
        say("update_accepted", e5 ? slow.status.message : slow.value.is_over() ? "over" : "under way");
        auto [e6, fifty] = co_await slow.value.async_result(answer);
        say("update_result", told(e6, fifty));
        const auto elsewhere = h.update<int>("mine");
        auto [e7, again] = co_await elsewhere.async_result(answer);
        say("update_from_elsewhere", told(e7, again));
        auto [e8, repeated] = co_await h.async_update(change, {50}, mine, answer);
        say("update_repeated", told(e8, repeated));
        auto [e9, no] = co_await h.async_query(no_answer, {"x"}, answer);
        say("query_failed", e9 == client_errc::failed ? "failed" : e9.message());
        auto [e10, s] = co_await h.async_signal(approve, {"ann"}, answer);
        if (e10)
            give_up("signal", s.status.message);
        auto [e11, by] = co_await h.async_result(answer);
        say("signalled", told(e11, by));
        auto [e12, closed] = co_await h.async_query(changes, {}, answer);
        say("query_when_closed", told(e12, closed));
        const query_options open_only{.reject = query_reject::not_open};
        auto [e13, rejected] = co_await h.async_query(changes, {}, open_only, answer);
        say("query_rejected", told(e13, rejected));
        auto [e14, late] = co_await h.async_signal(approve, {"bob"}, answer);
        say("signal_when_closed", e14.message());

        auto [e15, all] = co_await h.async_history(answer);
        if (e15)
            give_up("history", all.status.message);
        auto [e16, d] = co_await h.async_describe(answer);
        say("history",
            std::to_string(all.value.events_size()) == std::to_string(d.value.history_length) ? "all" : "some");

        // Where the first change was made: it is done again without it, and with the signal.
        std::int64_t at = 0;
        for (const auto& e : all.value.events()) {
            if (e.event_type() == api::enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED && at == 0)
                at = e.event_id();
        }
        const reset_options back{.event_id = at, .reason = "once more", .keep_updates = false};
        auto [e17, fresh] = co_await h.async_reset(back, answer);
        if (e17)
            give_up("reset", fresh.status.message);
        auto [e18, once_more] = co_await fresh.value.async_result(answer);
        say("after_reset", told(e18, once_more));
        auto [e19, forgotten] = co_await fresh.value.async_query(changes, {}, answer);
        say("changes_after_reset", told(e19, forgotten));
    }

    asio::awaitable<void> together()
    {
        const auto options = named("approval-3");
        auto [e1, s] = co_await client_.async_signal_with_start(approval, {}, options, approve, {"eve"}, answer);
        if (e1)
            give_up("signal with start", s.status.message);
        auto [e2, by] = co_await s.value.handle.async_result(answer);
        say("signal_with_start", told(e2, by));

        auto attach = named("approval-4");
        attach.conflict = workflow_id_conflict::use_existing;
        const update_options any;
        auto [e3, first] = co_await client_.async_update_with_start(
            approval, {}, attach, change, {7}, update_stage::completed, any, answer);
        if (e3)
            give_up("update with start", first.status.message);
        auto [e4, seven] = co_await first.value.update.async_result(answer);
        say("update_with_start", told(e4, seven) + (first.value.is_new ? ", new" : ", attached"));
        auto [e5, second] = co_await client_.async_update_with_start(
            approval, {}, attach, change, {50}, update_stage::accepted, any, answer);
        if (e5)
            give_up("update with start", second.status.message);
        auto [e6, fifty] = co_await second.value.update.async_result(answer);
        say("update_with_start_again", told(e6, fifty) + (second.value.is_new ? ", new" : ", attached"));
        auto refuse = attach;
        refuse.conflict = workflow_id_conflict::fail;
        auto [e7, no] = co_await client_.async_update_with_start(
            approval, {}, refuse, change, {7}, update_stage::accepted, any, answer);
        say("update_with_start_refused", e7.message());
        say("update_with_start_blames",
            detail_of<api::errordetails::WorkflowExecutionAlreadyStartedFailure>(no.status) ? "the start" : "nobody");
        auto [e8, t] = co_await first.value.handle.async_terminate("enough", answer);
        say("terminate", e8 ? e8.message() : "done");
    }

    asio::awaitable<void> ends()
    {
        const auto of_cancel = named("cancelled");
        const auto h = co_await start(approval, {}, of_cancel);
        for (int i = 0; i < 2; ++i) {
            auto [ec, c] = co_await h.async_cancel("changed my mind", answer);
            if (ec)
                give_up("cancel", c.status.message);
        }
        auto [e1, cancelled] = co_await h.async_result(answer);
        say("cancelled", e1.message());

        const auto of_end = named("terminated");
        const auto t = co_await start(approval, {}, of_end);
        auto [e2, done] = co_await t.async_terminate("enough of it", answer);
        auto [e3, terminated] = co_await t.async_result(answer);
        say("terminated", told(e3, terminated));

        auto brief = named("timed_out");
        brief.run_timeout = 1s;
        auto [e4, late] = co_await client_.async_execute(approval, {}, brief, answer);
        say("timed_out", e4.message());

        const auto of_wait = named("waited_for");
        const result_options soon{.within = 300ms};
        auto [e5, still] = co_await client_.async_execute(approval, {}, of_wait, soon, answer);
        say("not_in_time", e5.message());
    }

    asio::awaitable<void> looking()
    {
        auto options = named("seen");
        options.summary = "an order";
        options.memo.set("parts", 3);
        options.search_attributes.set_keyword("CustomKeywordField", "ann");
        options.execution_timeout = 1h;
        const auto h = co_await start(approval, {}, options);
        auto [e1, d] = co_await h.async_describe(answer);
        if (e1)
            give_up("describe", d.status.message);
        const auto& v = d.value;
        say("status", std::string(to_string(v.status)));
        say("type", v.type);
        say("execution_timeout", std::to_string(v.execution_timeout / 1s));
        const auto& with = client_.converter();
        const auto memo = memo_values::from(v.memo, with);
        say("memo", memo && memo->get<int>("parts") ? std::to_string(*memo->get<int>("parts")) : "none");
        say("search_attribute", told(v.search_attributes.get<std::string>("CustomKeywordField")));
        say("summary", told(with.from_payload<std::string>(v.summary)));

        // Lists are written a little later.
        std::size_t found = 0;
        std::string next;
        for (int i = 0; i < 100 && found == 0; ++i) {
            auto [ec, page] = co_await client_.async_list("CustomKeywordField = 'ann'", next, 10, answer);
            if (ec)
                give_up("list", page.status.message);
            found = page.value.entries.size();
            asio::steady_timer pause(client_.get_executor(), 100ms);
            co_await pause.async_wait(answer);
        }
        say("listed", std::to_string(found));
        auto [e2, count] = co_await client_.async_count("CustomKeywordField = 'ann'", answer);
        say("counted", e2 ? count.status.message : std::to_string(count.value.count));

        const versioning_override pinned{versioning_override::kind::auto_upgrade, {}};
        auto [e3, o] = co_await h.async_override_version(pinned, answer);
        say("override", e3 ? o.status.message : "done");
        auto [e4, overridden] = co_await h.async_describe(answer);
        say("overridden", overridden.value.versioning == pinned ? "yes" : "no");
        auto [e5, u] = co_await h.async_override_version(std::nullopt, answer);
        auto [e6, undone] = co_await h.async_describe(answer);
        say("override_gone", undone.value.versioning ? "no" : "yes");

        auto [e7, gone] = co_await h.async_delete(answer);
        error_code ec;
        for (int i = 0; i < 100 && !ec; ++i) {
            auto [e8, left] = co_await h.async_describe(answer);
            ec = e8;
            asio::steady_timer pause(client_.get_executor(), 100ms);
            co_await pause.async_wait(answer);
        }
        say("deleted", e7 ? e7.message() : ec.message());
    }

    /// The first task comes with the answer: nobody but who starts it can have begun it.
    asio::awaitable<void> eagerly(std::string name, std::optional<mayfly::deployment_version> version)
    {
        const auto& on = client_.shared_connection();
        const auto offered = std::make_shared<workflow_set>();
        offered->registry.add(local_greet.name, greets);
        worker_config config;
        config.workflows = offered;
        config.version = version;
        config.settings.task_queue = queue_ + '-' + name;
        config.settings.identity = "a worker of the probe";
        config.settings.default_behavior = mayfly::versioning_behavior::pinned;
        config.settings.sticky_cache = 10;
        worker w(on, config);
        auto [e1] = co_await w.async_start(answer);
        if (e1)
            give_up(name.c_str(), w.failure());

        auto options = named(name);
        options.task_queue = config.settings.task_queue;
        options.eager = true;
        if (version)
            options.versioning = versioning_override{versioning_override::kind::pinned, *version};
        error_code failed;
        workflow_outcome<std::string> out;
        // A version is known some time after the first poll.
        for (int i = 0; i < 100; ++i) {
            auto [e2, ended] = co_await client_.async_execute(local_greet, {"Ann"}, options, answer);
            failed = e2;
            out = std::move(ended);
            if (!e2)
                break;
            asio::steady_timer pause(client_.get_executor(), 100ms);
            co_await pause.async_wait(answer);
        }
        const auto h = client_.handle<std::string>({name, "", ""});
        auto [e3, all] = co_await h.async_history(answer);
        if (e3 || all.value.events_size() < 3)
            give_up(name.c_str(), failed.message() + "; " + out.words);
        const bool accepted =
            all.value.events(0).workflow_execution_started_event_attributes().eager_execution_accepted();
        const auto& by = all.value.events(2).workflow_task_started_event_attributes().identity();
        say(name.c_str(), told(failed, out) + (accepted ? ", accepted" : "") +
                              (by == on->options().identity ? ", begun with the start" : ", begun by " + by));
        co_await w.async_drain(1s, answer);
    }

    workflow_client client_;
    std::string queue_;
    int starts_ = 0;
    int calls_ = 0;
    int ended_ = 0;
};

}  // namespace

int main(int count, char** words)
{
    if (count != 4) {
        std::fprintf(stderr, "usage: workflow-client-probe HOST PORT QUEUE\n");
        return 2;
    }
    asio::io_context io;
    connection_options options;
    options.target = {false, words[1], static_cast<std::uint16_t>(std::atoi(words[2]))};
    const auto on = std::make_shared<connection>(io.get_executor(), options);
    story s(on, words[3]);
    asio::co_spawn(io, s.tell(), [&](const std::exception_ptr& thrown) {
        if (thrown)
            std::rethrow_exception(thrown);
        on->close();
        io.stop();
    });
    io.run();
}
