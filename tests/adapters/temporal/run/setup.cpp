// SPDX-License-Identifier: BSL-1.0

#include <mayfly/temporal/worker_setup.hpp>

#include <doctest/doctest.h>

#include <boost/system/errc.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

using namespace mayfly::temporal;
using namespace std::chrono_literals;
using mayfly::deployment_version;
using mayfly::environment;
using mayfly::problems;

namespace {

const deployment_version shop{"shop", "build-7"};

/// A disk with these files and no others.
mayfly::config::file_reader disk(std::map<std::string, std::string> files)
{
    return [files = std::move(files)](const std::string& path) -> boost::system::result<std::string> {
        const auto at = files.find(path);
        if (at == files.end())
            return make_error_code(boost::system::errc::no_such_file_or_directory);
        return at->second;
    };
}

std::string text_of(const problems& all)
{
    return to_string(all);
}

TEST_CASE("a setup begins with what the file and the environment say")
{
    struct row {
        const char* why;
        std::map<std::string, std::string, std::less<>> variables;
        std::map<std::string, std::string> files;
        const char* target;  // scheme, host and port
        const char* name_space;
        const char* queue;
    };
    const char* const file = "[profile.default]\naddress = \"file:1\"\nnamespace = \"from-file\"\n";
    const row rows[] = {
        {"nothing is said: this machine", {}, {}, "plain localhost 7233", "default", ""},
        {"a file in the working directory", {}, {{"temporal.toml", file}}, "plain file 1", "from-file", ""},
        {"the function's folder comes first", {{"LAMBDA_TASK_ROOT", "/var/task"}},
            {{"temporal.toml", ""}, {"/var/task/temporal.toml", file}}, "plain file 1", "from-file", ""},
        {"no file in the function's folder: the working directory", {{"LAMBDA_TASK_ROOT", "/var/task"}},
            {{"temporal.toml", file}}, "plain file 1", "from-file", ""},
        {"a variable wins over the file", {{"TEMPORAL_ADDRESS", "env:2"}}, {{"temporal.toml", file}}, "plain env 2",
            "from-file", ""},
        {"the queue has a variable of its own", {{"TEMPORAL_TASK_QUEUE", "orders"}}, {}, "plain localhost 7233",
            "default", "orders"},
        {"a key switches TLS on", {{"TEMPORAL_API_KEY", "SECRETMARKER"}}, {}, "tls localhost 7233", "default", ""},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const auto setup = begin_setup(shop, {r.variables}, disk(r.files));
        REQUIRE_MESSAGE(setup, text_of(setup.problems()));
        const auto& to = setup->connection.target;
        CHECK((to.tls ? "tls " : "plain ") + to.host + ' ' + std::to_string(to.port) == r.target);
        CHECK(setup->connection.name_space == r.name_space);
        CHECK(setup->options.task_queue == r.queue);
    }
}

TEST_CASE("what is wrong from the start is said at once, and whole")
{
    struct row {
        const char* why;
        deployment_version version;
        std::map<std::string, std::string, std::less<>> variables;
        std::map<std::string, std::string> files;
        std::vector<const char*> words;
    };
    const row rows[] = {
        {"no deployment", {"", "1"}, {}, {}, {"version.deployment"}},
        {"no build", {"shop", ""}, {}, {}, {"version.build_id"}},
        {"a name that the server refuses", {"my.shop", "1"}, {}, {}, {"version.deployment", "my.shop"}},
        {"both, and the address", {"", ""}, {{"TEMPORAL_ADDRESS", "nowhere"}}, {},
            {"version.deployment", "version.build_id", "TEMPORAL_ADDRESS"}},
        {"a file that was named and is not there", shop, {{"TEMPORAL_CONFIG_FILE", "/gone.toml"}}, {},
            {"TEMPORAL_CONFIG_FILE", "/gone.toml"}},
        {"a file that cannot be read as one", shop, {}, {{"temporal.toml", "[profile"}}, {"temporal.toml"}},
        {"a certificate without its key", shop, {{"TEMPORAL_TLS_CLIENT_CERT_DATA", "PEM"}}, {}, {"client_key_path"}},
        {"a certificate that is not there", shop,
            {{"TEMPORAL_TLS_CLIENT_CERT_PATH", "/no.pem"}, {"TEMPORAL_TLS_CLIENT_KEY_DATA", "SECRETMARKER"}}, {},
            {"TEMPORAL_TLS_CLIENT_CERT_PATH", "/no.pem"}},
        {"a header that no server would take", shop, {{"TEMPORAL_GRPC_META_GRPC_TIMEOUT", "SECRETMARKER"}}, {},
            {"TEMPORAL_GRPC_META_GRPC_TIMEOUT"}},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const auto setup = begin_setup(r.version, {r.variables}, disk(r.files));
        CHECK_FALSE(setup);
        const std::string said = text_of(setup.problems());
        CAPTURE(said);
        for (const char* word : r.words)
            CHECK(said.find(word) != said.npos);
        CHECK(said.find("SECRETMARKER") == said.npos);
    }
}

worker_setup sound_setup()
{
    worker_setup out = *begin_setup(shop, {{{"TEMPORAL_TASK_QUEUE", "orders"}}}, disk({}));
    out.activity("greet", [](const std::string& name) { return name; });
    return out;
}

TEST_CASE("what the program made of it is checked, every problem with its remedy")
{
    struct row {
        const char* why;
        std::function<void(worker_setup&)> change;
        std::vector<const char*> words;  // none: it is sound
    };
    const row rows[] = {
        {"a sound one", [](worker_setup&) {}, {}},
        {"no queue: option and variable are named", [](worker_setup& s) { s.options.task_queue.clear(); },
            {"task_queue", "TEMPORAL_TASK_QUEUE"}},
        {"nothing to offer", [](worker_setup& s) { s.activities = {}; }, {"register"}},
        {"two activities of one name", [](worker_setup& s) { s.activity("greet", [] { return 1; }); },
            {"activities.greet", "twice"}},
        {"an activity without a name", [](worker_setup& s) { s.activity("", [] { return 1; }); }, {"name"}},
        {"unversioned", [](worker_setup& s) { s.options.versioning = false; }, {"versioning"}},
        {"another version",
            [](worker_setup& s) {
                s.options.version = deployment_version{"shop", "build-8"};
            },
            {"version", "build-8"}},
        {"no pollers", [](worker_setup& s) { s.options.activity_pollers = 0; }, {"activity_pollers"}},
        {"no namespace", [](worker_setup& s) { s.connection.name_space.clear(); }, {"connection.name_space"}},
        {"no host", [](worker_setup& s) { s.connection.target.host.clear(); }, {"connection.target.host"}},
        {"several at once",
            [](worker_setup& s) {
                s.options.task_queue.clear();
                s.options.stop_timeout = -1s;
                s.connection.name_space.clear();
            },
            {"task_queue", "stop_timeout", "connection.name_space"}},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        worker_setup setup = sound_setup();
        r.change(setup);
        const auto options = finish_setup(setup, shop);
        const std::string said = text_of(options.problems());
        CAPTURE(said);
        CHECK(static_cast<bool>(options) == r.words.empty());
        for (const char* word : r.words)
            CHECK(said.find(word) != said.npos);
    }
}

TEST_CASE("defaults fill what is unset, and nothing else")
{
    worker_setup setup = sound_setup();
    const auto plain = finish_setup(setup, shop);
    REQUIRE(plain);
    CHECK(plain->settings().max_concurrent_activities == 2);
    CHECK(plain->settings().activity_pollers == 1);
    CHECK(plain->settings().stop_timeout == 5s);
    CHECK(plain->settings().shutdown_buffer == 7s);
    CHECK(plain->version() == shop);
    CHECK(plain->notes().empty());

    setup.options.max_concurrent_activities = 50;
    setup.options.stop_timeout = 20s;
    setup.options.eager_activities = true;
    const auto changed = finish_setup(setup, shop);
    REQUIRE(changed);
    CHECK(changed->settings().max_concurrent_activities == 50);
    CHECK(changed->settings().activity_pollers == 1);
    CHECK(changed->settings().shutdown_buffer == 22s);  // follows the stop timeout
    CHECK_FALSE(changed->eager_activities);
    CHECK(text_of(changed->notes()).find("eager_activities") != std::string::npos);
}

TEST_CASE("HOME is left alone where it can be written")
{
    const auto only_home = [](const std::string& path) { return path == "/home/me"; };
    CHECK(better_home({{{"HOME", "/home/me"}}}, only_home).empty());
    CHECK(better_home({{{"HOME", "/home/sbx_user1051"}}}, only_home) == "/tmp");
    CHECK(better_home({}, only_home) == "/tmp");
}

}  // namespace
