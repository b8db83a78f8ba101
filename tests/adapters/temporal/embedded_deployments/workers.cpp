// SPDX-License-Identifier: BSL-1.0
#include "answers.hpp"

#include <mayfly/temporal/embedded/worker_list.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace mayfly::temporal::embedded;
namespace api = mayfly::temporal::api;
using mayfly::grpc::status_code;

struct beating_world {
    worker_list list{};
    moment now{};

    auto beat(const std::string& key, const std::string& queue = "orders", const std::string& name_space = "default")
    {
        api::RecordWorkerHeartbeatRequest r;
        r.set_namespace_(name_space);
        auto& w = *r.add_worker_heartbeat();
        w.set_worker_instance_key(key);
        w.set_worker_identity("pid@" + key);
        w.set_task_queue(queue);
        w.mutable_deployment_version()->set_deployment_name("greeter");
        w.mutable_deployment_version()->set_build_id(key == "c" ? "2" : "1");
        w.mutable_host_info()->set_host_name("host");
        w.set_status(api::enums::WORKER_STATUS_RUNNING);
        return list.answer(r, now);
    }

    std::string keys(const std::string& query = "")
    {
        api::ListWorkersRequest r;
        r.set_namespace_("default");
        r.set_query(query);
        const auto found = list.answer(r, now);
        if (!found)
            return found.error().message;
        std::string out;
        for (const auto& w : found->workers())
            out += w.worker_instance_key();
        api::CountWorkersRequest c;
        c.set_namespace_("default");
        c.set_query(query);
        CHECK(list.answer(c, now)->count() == static_cast<std::int64_t>(out.size()));
        return out;
    }

    void shut_down(const std::string& key)
    {
        api::ShutdownWorkerRequest r;
        r.set_namespace_("default");
        r.set_worker_instance_key(key);
        list.shut_down(r, now);
    }
};

}  // namespace

TEST_CASE("workers are listed while they are heard of")
{
    beating_world w;
    CHECK(w.keys().empty());
    REQUIRE(w.beat("b"));
    REQUIRE(w.beat("a", "mail"));
    REQUIRE(w.beat("x", "orders", "other"));
    CHECK(w.keys() == "ab");
    w.now = after(w.now, 200s);
    REQUIRE(w.beat("b"));
    w.now = after(w.now, 99s);
    CHECK(w.keys() == "ab");
    w.now = after(w.now, 1s);
    CHECK(w.keys() == "b");
    CHECK(w.beat("").error().code == status_code::invalid_argument);

    api::DescribeWorkerRequest r;
    r.set_namespace_("default");
    r.set_worker_instance_key("b");
    CHECK(w.list.answer(r, w.now)->worker_info().worker_heartbeat().worker_identity() == "pid@b");
    r.set_worker_instance_key("a");
    CHECK(w.list.answer(r, w.now).error().code == status_code::not_found);
}

TEST_CASE("workers are filtered")
{
    beating_world w;
    REQUIRE(w.beat("a", "mail"));
    REQUIRE(w.beat("b"));
    REQUIRE(w.beat("c"));
    w.shut_down("a");
    struct row {
        const char* query;
        const char* keys;
    };
    const row rows[] = {
        {"", "abc"},
        {"  ", "abc"},
        {"TaskQueue = 'orders'", "bc"},
        {"TaskQueue='orders' AND BuildId=\"2\"", "c"},
        {"TaskQueue = 'orders' and DeploymentName = 'greeter' and WorkerInstanceKey != 'b'", "c"},
        {"WorkerIdentity STARTS_WITH 'pid@'", "abc"},
        {"WorkerIdentity = 'pid@a'", "a"},
        {"`HostName` = 'host'", "abc"},
        {"WorkerStatus = 'Running'", "bc"},
        {"Status = 'Shutdown'", "a"},
        {"SdkName = ''", "abc"},
        {"TaskQueue = 'it''s'", ""},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(w.keys(r.query) == r.keys, r.query);

    struct bad {
        const char* query;
        const char* says;
    };
    const bad wrong[] = {
        {"Colour = 'red'", "the fields are WorkerInstanceKey"},
        {"TaskQueue", "STARTS_WITH"},
        {"TaskQueue = ", "in quotes"},
        {"TaskQueue = 'a", "in quotes"},
        {"TaskQueue = 'a' OR TaskQueue = 'b'", "with AND"},
        {"(TaskQueue = 'a')", "name of a field"},
        {"TaskQueue = 'a' AND", "name of a field"},
        {"TaskQueue ANDROID 'a'", "give ="},
        {"TaskQueue = orders", "in quotes"},
        {"GROUP BY WorkerStatus", "GROUP BY"},
        {"TaskQueue = 'a' GROUP BY", "ends a query"},
    };
    for (const bad& b : wrong)
        CHECK_MESSAGE(w.keys(b.query).find(b.says) != std::string::npos, w.keys(b.query));
    std::string long_one = "BuildId = '1'";
    for (int i = 0; i < 100; ++i)
        long_one += " AND BuildId = '1'";
    CHECK_MESSAGE(w.keys(long_one).find("more than 100") != std::string::npos, w.keys(long_one));
}

TEST_CASE("workers are listed page by page")
{
    beating_world w;
    for (char c = 'a'; c <= 'e'; ++c)
        REQUIRE(w.beat(std::string(1, c)));
    api::ListWorkersRequest r;
    r.set_namespace_("default");
    r.set_page_size(2);
    std::vector<std::string> pages;
    do {
        const auto page = w.list.answer(r, w.now);
        REQUIRE(page);
        pages.emplace_back();
        for (const auto& worker : page->workers())
            pages.back() += worker.worker_instance_key();
        r.set_next_page_token(page->next_page_token());
    } while (!r.next_page_token().empty());
    CHECK(pages == std::vector<std::string>{"ab", "cd", "e"});
}

TEST_CASE("who has said goodbye gets nothing more, and stays listed for a while")
{
    beating_world w;
    REQUIRE(w.beat("a"));
    CHECK_FALSE(w.list.refuses_polls("default", "a", w.now));
    w.shut_down("a");
    CHECK(w.list.refuses_polls("default", "a", w.now));
    CHECK_FALSE(w.list.refuses_polls("other", "a", w.now));
    CHECK_FALSE(w.list.refuses_polls("default", "b", w.now));
    CHECK(w.keys("WorkerStatus = 'Shutdown'") == "a");
    CHECK(w.keys("TaskQueue = 'orders'") == "a");
    CHECK_FALSE(w.list.refuses_polls("default", "a", after(w.now, 30s)));
    CHECK(w.list.refuses_polls("default", "a", after(w.now, 29'999ms)));
    w.now = after(w.now, 300s);
    CHECK(w.keys().empty());

    api::ShutdownWorkerRequest last;
    last.set_namespace_("default");
    last.set_worker_instance_key("t");
    last.mutable_worker_heartbeat()->set_task_queue("orders");
    last.mutable_worker_heartbeat()->set_status(api::enums::WORKER_STATUS_SHUTTING_DOWN);
    w.list.shut_down(last, w.now);
    CHECK(w.keys("WorkerStatus = 'ShuttingDown'") == "t");
    w.now = after(w.now, 300s);

    w.shut_down("unheard");
    CHECK(w.list.refuses_polls("default", "unheard", w.now));
    CHECK(w.keys().empty());
    w.shut_down("");
    CHECK_FALSE(w.list.refuses_polls("default", "", w.now));
}

TEST_CASE("the list has a bound: who was not heard of longest goes")
{
    beating_world w;
    w.list = worker_list{{.workers = 3}};
    for (const char* key : {"a", "b", "c", "a", "d"})
        REQUIRE(w.beat(key));
    CHECK(w.keys() == "acd");

    w.list = worker_list{{.bytes = 1000}};
    for (char c = 'a'; c <= 'z'; ++c)
        REQUIRE(w.beat(std::string(1, c)));
    CHECK(w.keys().size() < 26);
    CHECK(w.keys().back() == 'z');
}
