// SPDX-License-Identifier: BSL-1.0
#include "../../../examples/mayfly/controller_group.hpp"
#include "../../../examples/mayfly/controller_log.hpp"
#include "../../../examples/mayfly/controller_scaler.hpp"
#include "../../../examples/mayfly/controller_settings_read.hpp"
#include "../../../examples/mayfly/controller_status.hpp"
#include "../../../examples/mayfly/handed_books.hpp"
#include "../../../examples/mayfly/metric_page.hpp"

#include <doctest/doctest.h>

#include <mayfly/ledger.hpp>
#include <mayfly/temporal/registry_options.hpp>

#include <boost/system/errc.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace examples;
using namespace std::chrono_literals;
using mayfly::temporal::log_level;

namespace {

constexpr std::string_view secret = "only-a-test-secret";

mayfly::checked<controller_settings> read(
    const std::string& text, const std::vector<std::string_view>& flags = {}, mayfly::environment variables = {})
{
    const std::map<std::string, std::string> files{
        {"c.toml", text}, {"key", std::string(secret) + "\n"}, {"empty", "\n"}};
    std::vector<std::string_view> arguments{"c.toml"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const auto given = read_controller_arguments(arguments);
    REQUIRE(given.problem == "");
    return read_controller_settings(
        given, variables, [&](const std::string& path) -> boost::system::result<std::string> {
            const auto at = files.find(path);
            if (at == files.end())
                return make_error_code(boost::system::errc::no_such_file_or_directory);
            return at->second;
        });
}

}  // namespace

TEST_CASE("a controller's settings: what is wrong comes with its file, its key and what to do")
{
    struct row {
        const char* why;
        const char* text;
        std::vector<const char*> words;
    };
    const row rows[] = {
        {"not TOML", "[health\n", {"c.toml:1", "this is not TOML"}},
        {"a section nobody knows", "[helth]\naddress = \"x\"\n", {"c.toml:1: helth", "the sections are controller"}},
        {"a key nobody knows", "[record]\nfiel = \"x\"\n", {"c.toml:1: record.fiel", "the settings are file, max_mib"}},
        {"a secret under a name that is none", "[[namespace]]\napikey = \"only-a-test-secret\"\n",
            {"namespace.apikey", "unknown; the settings are"}},
        {"a secret where there is none", "[controller]\napi_key = \"only-a-test-secret\"\n",
            {"controller.api_key", "unknown; the settings are"}},
        {"a secret among an algorithm's settings", "[scaler.fleet]\ntoken = \"only-a-test-secret\"\n",
            {"scaler.fleet.token", "unknown; the settings are"}},
        {"another type", "[record]\nmax_mib = \"many\"\n", {"record.max_mib is \"many\"", "give a whole number"}},
        {"a list where none is", "[record]\nfile = [\"a\"]\n", {"record.file", "give text, a number"}},
        {"no table", "health = 3\n", {"c.toml:1: health", "write [health]"}},
        {"a table, not a list of them", "[namespace]\nname = \"a\"\n", {"namespace", "write [[namespace]]"}},
        {"a level", "[controller]\nlog = \"loud\"\n", {"controller.log is \"loud\"", "give debug, info"}},
        {"a format", "[controller]\nlog_format = \"xml\"\n", {"controller.log_format is \"xml\"", "give json or text"}},
        {"a host's name", "[health]\naddress = \"here:80\"\n", {"health.address is \"here:80\"", "give an IP address"}},
        {"no port", "[health]\naddress = \"::1\"\n", {"health.address", "[::1]:7240"}},
        {"a lease that is lost too soon", "[lease]\nlost_after_ms = 2000\n",
            {"lease.lost_after_ms is 2000", "at least three times heartbeat_every_ms"}},
        {"an algorithm", "[scaler]\ndefault = \"magic\"\n", {"scaler.default is \"magic\"", "fleet or no-sync"}},
        {"a setting of it", "[scaler.fleet]\nhedge = 2\n", {"scaler.fleet.hedge is 2", "give a number from 0 to 1"}},
        {"a check of external ids", "[providers.aws]\nexternal_id_check = \"maybe\"\n",
            {"providers.aws.external_id_check is \"maybe\"", "give enforce, warn or off"}},
        {"another provider", "[providers.gcp]\nx = 1\n", {"providers.gcp", "write [providers.aws]"}},
        {"a role without a name", "[[providers.aws.intermediary_role]]\nexternal_id = \"only-a-test-secret\"\n",
            {"providers.aws.intermediary_role.role_arn", "is required"}},
        {"an external id of another type", "[[providers.aws.intermediary_role]]\nrole_arn = \"r\"\nexternal_id = 5\n",
            {"external_id is not shown", "give text"}},
        {"a key in the file", "[[namespace]]\napi_key = \"only-a-test-secret\"\n",
            {"c.toml:1: namespace.api_key", "give api_key_file"}},
        {"a file of a key that is not there", "[[namespace]]\napi_key_file = \"none\"\n",
            {"namespace.api_key_file is \"none\"", "cannot be read"}},
        {"an empty one", "[[namespace]]\napi_key_file = \"empty\"\n", {"namespace.api_key_file", "is empty"}},
        {"an address without a port", "[[namespace]]\naddress = \"host\"\n",
            {"c.toml:1: namespace.address is \"host\"", "the port is missing"}},
        {"queues", "[[namespace]]\nqueues = [1]\n", {"namespace.queues", "give names of task queues"}},
        {"a budget of nothing", "[[namespace]]\nqueue_reads_per_second = 0\n",
            {"namespace.queue_reads_per_second is 0", "give a number above 0"}},
        {"a budget of the registry's that is none", "[[namespace]]\nregistry_reads_per_second = 0\n",
            {"namespace.registry_reads_per_second is 0", "give a number above 0"}},
        {"a burst without one reading", "[[namespace]]\nregistry_burst = 0.5\n",
            {"namespace.registry_burst is 0.5", "give a number from 1"}},
        {"no time for starts to show themselves", "[controller]\nstart_up_allowance_ms = 0\n",
            {"controller.start_up_allowance_ms is 0"}},
        {"an hour of it", "[controller]\nstart_up_allowance_ms = 3600000\n",
            {"controller.start_up_allowance_ms is 3600000", "15 minutes at most"}},
        {"one namespace twice", "[[namespace]]\nname = \"a\"\n[[namespace]]\nname = \"a\"\n",
            {"namespace.name is \"a\"", "a name of its own"}},
        {"a certificate without a key", "[[namespace]]\ntls = true\ntls_cert = \"key\"\n", {"tls_cert"}},
    };
    for (const row& r : rows) {
        const std::string why = r.why;
        const auto got = read(r.text);
        REQUIRE_MESSAGE(!got, why);
        const std::string said = to_string(got.problems());
        CHECK_MESSAGE(said.find(secret) == said.npos, why);
        for (const char* w : r.words)
            CHECK_MESSAGE(said.find(w) != said.npos, why << ": " << w << " in: " << said);
    }
    CHECK(read("[record]\nmax_mib = 0\n[lease]\nname = \"\"\n").problems().size() == 2);
}

TEST_CASE("a controller's settings: flags stand above the file, the file above the environment")
{
    const auto plain = read("");
    REQUIRE(plain);
    CHECK(plain->namespaces.size() == 1);
    CHECK(plain->namespaces[0].to.address.value == "localhost:7233");
    CHECK(plain->health.port == 7240);
    CHECK(plain->lease.on);

    const auto named = read("[controller]\nlog = \"error\"\nidentity = \"a\"\n[health]\naddress = \"off\"\n",
        {"--log", "debug", "--health", "[::1]:0", "--identity", "b", "--lease", "off", "--address", "other:1"});
    REQUIRE(named);
    CHECK(named->log == log_level::debug);
    CHECK(named->identity == "b");
    CHECK(named->health == health_settings{true, "::1", 0});
    CHECK(!named->lease.on);
    CHECK(named->namespaces[0].to.address.value == "other:1");

    const auto several = read("[[namespace]]\nname = \"a\"\naddress = \"one:1\"\napi_key_file = \"key\"\ntls = false\n"
                              "[[namespace]]\nname = \"b\"\nqueues = [\"q\"]\nstats_cached_for_ms = 0\n"
                              "server_controller_is_off = true\n",
        {}, {{{"TEMPORAL_ADDRESS", "env:2"}, {"TEMPORAL_NAMESPACE", "c"}}});
    REQUIRE(several);
    REQUIRE(several->namespaces.size() == 2);
    CHECK(several->namespaces[0].to.address.value == "one:1");
    CHECK(several->namespaces[0].to.api_key.value == secret);
    CHECK(several->namespaces[1].to.address.value == "env:2");
    CHECK(several->namespaces[1].to.name_space.value == "b");
    CHECK(several->namespaces[1].queues == std::vector<std::string>{"q"});
    CHECK(several->namespaces[1].stats_cached_for == 0s);
    CHECK(several->namespaces[1].server_controller_is_off);
    CHECK(!several->namespaces[0].server_controller_is_off);

    const std::string shown = to_string(*several);
    CHECK(shown.find("api_key: ***") != shown.npos);
    CHECK(shown.find(secret) == shown.npos);

    const auto both = read("[[namespace]]\nname = \"a\"\n", {"--address", "x:1"});
    CHECK(to_string(both.problems()).find("--address: write it below a [[namespace]] of c.toml") == 0);
    const auto masked =
        read("[[providers.aws.intermediary_role]]\nrole_arn = \"r\"\nexternal_id = \"" + std::string(secret) + "\"\n");
    REQUIRE(masked);
    CHECK(masked->aws.intermediary_roles.size() == 1);
    CHECK(to_string(*masked).find(secret) == std::string::npos);
}

TEST_CASE("a controller's settings: for how long and how fast a new leader looks who is there")
{
    const auto plain = read("");
    REQUIRE(plain);
    CHECK(plain->start_up_allowance == mayfly::ledger_settings{}.patience);
    const mayfly::temporal::registry_options usual;
    CHECK(plain->namespaces[0].registry_reads_per_second == usual.reads_per_second);
    CHECK(plain->namespaces[0].registry_burst == usual.burst);

    const auto said =
        read("[controller]\nstart_up_allowance_ms = 20000\n[[namespace]]\nregistry_reads_per_second = 30\n"
             "registry_burst = 500\n");
    REQUIRE(said);
    CHECK(said->start_up_allowance == 20s);
    CHECK(said->namespaces[0].registry_reads_per_second == 30);
    CHECK(said->namespaces[0].registry_burst == 500);
    const std::string shown = to_string(*said);
    for (const auto* line : {"start_up_allowance: 20 s\n", "registry_reads_per_second: 30\n", "registry_burst: 500\n"})
        CHECK_MESSAGE(shown.find(line) != shown.npos, line);

    namespace_settings other = said->namespaces[0];
    CHECK(same(other, said->namespaces[0]));
    other.registry_reads_per_second = 31;
    CHECK(!same(other, said->namespaces[0]));
    other = said->namespaces[0];
    other.registry_burst = 501;
    CHECK(!same(other, said->namespaces[0]));
}

TEST_CASE("what was known is handed on for as long as a start may not have polled")
{
    const mayfly::deployment_version version{"orders", "b7"};
    bookshelf shelf;
    const auto kept = [] {
        kept_books books{.at = 10s};
        books.groups["default"].function = "f";
        return books;
    };
    shelf.keep(version, kept());
    CHECK(shelf.take(version, 29s, 20s).of("default", "f") != nullptr);
    CHECK(shelf.take(version, 29s, 20s).groups.empty());  // It was taken.
    shelf.keep(version, kept());
    CHECK(shelf.take(version, 30s, 20s).groups.empty());

    const handed_on before{.at = std::chrono::steady_clock::now() - 10s, .clock = 100s};
    CHECK(before.clock_now(5s) == 0s);
    CHECK(before.clock_now(20s) >= 110s);
    CHECK(handed_on{}.clock_now(20s) == 0s);
}

TEST_CASE("a controller's arguments")
{
    CHECK(read_controller_arguments({"a", "b"}).problem == "\"b\": one file is enough, and a is one");
    CHECK(read_controller_arguments({"--foo", "1"}).problem == "there is no option --foo");
    CHECK(read_controller_arguments({"--health"}).problem == "--health: give a value");
    CHECK(read_controller_arguments({"--help"}).help);
}

TEST_CASE("a group's algorithm is the one that is named, or the default; what it says goes before what all are told")
{
    controller_settings s;
    s.fleet_defaults = {{"hedge", 0.0}, {"idle_exit_ms", std::int64_t{500}}};
    mayfly::scaling_group g;
    g.provider = mayfly::provider_spec{.type = "aws-lambda"};
    g.scaler = mayfly::scaler_spec{"fleet", {{"idle_exit_ms", std::int64_t{700}}}};
    const auto fleet = scaler_of(g, s);
    REQUIRE(std::holds_alternative<mayfly::fleet>(fleet.is));
    CHECK(std::get<mayfly::fleet>(fleet.is).idle_exit == 700ms);
    CHECK(std::get<mayfly::fleet>(fleet.is).hedge == 0.0);
    // Nobody reports adds here, so an idle version has to be looked at.
    CHECK(std::get<mayfly::fleet>(fleet.is).read_idle < 10s);

    g.scaler.reset();
    CHECK(scaler_name(g, s) == "fleet");
    s.scaler = "no-sync";
    CHECK(scaler_name(g, s) == "no-sync");
    CHECK(policy_of(g, s, mayfly::never)->tries > 1);

    // It keeps the minimum and the maximum that the original knows nothing of.
    g.limits = {.min = 2, .max = 3};
    const auto reference = scaler_of(g, s);
    chosen_scaler::state memory;
    mayfly::scaling_signal sig{.why = mayfly::cause::begin, .limits = g.limits};
    CHECK(reference.decide(memory, sig, 0s).launch == 2);
    sig = {.why = mayfly::cause::added, .added = {.not_matched = 5}, .fleet = {.live = 3}, .limits = g.limits};
    const mayfly::decision full = reference.decide(memory, sig, 10s);
    CHECK(full.launch == 0);
    CHECK(full.held_back > 0);
    // A version that gets another algorithm begins without a memory of that one.
    CHECK(fleet.decide(memory, {.why = mayfly::cause::begin}, 11s).launch == 0);
    CHECK(memory.index() == 0);
}

TEST_CASE("configurations that start alike need no new workers")
{
    mayfly::compute_config a;
    a.groups["default"].provider = mayfly::provider_spec{"aws-lambda", {{"arn", std::string("one")}}, ""};
    mayfly::compute_config b = a;
    CHECK(start_alike(a, b));
    b.groups["default"].limits.max = 7;
    CHECK(start_alike(a, b));
    b.groups["default"].provider->details["arn"] = std::string("two");
    CHECK(!start_alike(a, b));
    b = a;
    b.groups["other"] = b.groups["default"];
    CHECK(!start_alike(a, b));
}

TEST_CASE("a controller's status comes back as it was told")
{
    controller_status s{.identity = "me", .started = "2026-01-01T00:00:00.000Z", .now = "2026-01-01T00:00:01.000Z"};
    namespace_status& n = s.namespaces.emplace_back();
    n.name = "a \"b\"\n";
    n.role = controller_role::leader;
    version_state& v = n.versions.emplace_back();
    v.problems = {"one", "two"};
    v.validation = validation_status{.error = "no"};
    group_status& g = v.groups.emplace_back();
    g.task_types = {mayfly::task_type::activity};
    g.limits = {1, 5};
    g.standing = mayfly::standing::misconfigured;
    g.symptom = mayfly::symptom::never_connected;
    g.since = "x";
    g.fleet.busy = 3;
    g.workers.push_back({"id", mayfly::start_state::polling, "x", 2});
    g.decisions.push_back({.event = mayfly::controller_event::kind::refused, .outcome = mayfly::condition::throttled});
    const std::string text = to_json(s);
    const read_status back = status_from_json(text);
    CHECK(back.error == "");
    CHECK(to_json(back.value) == text);
    CHECK(text.find("\"max\":5") != text.npos);

    CHECK(status_from_json("[]").error == "this is no object");
    CHECK(status_from_json("{").error != "");
    s.schema = "other/1";
    CHECK(status_from_json(to_json(s)).error.find("\"schema\" is \"other/1\"") == 0);
}

TEST_CASE("a request for a status may be for one namespace, deployment or version")
{
    using version = mayfly::deployment_version;
    CHECK(filter_of("/status").takes(version{"any", "one"}));
    const status_filter f = filter_of("/status?namespace=a%20b&deployment=d+e&build_id=%22x%22&other=1&");
    CHECK(f.name_space == "a b");
    CHECK(f.takes(version{"d e", "\"x\""}));
    CHECK(!f.takes(version{"d e", "y"}));
    CHECK(!f.takes("a"));
    CHECK(filter_of("/status?deployment=100%").deployment == "100%");
    CHECK(filter_of("/status?deployment=%zz").deployment == "%zz");
}

TEST_CASE("metrics: a name's samples stand together, and labels hold whatever comes")
{
    metric_page page;
    page.declare("a", "gauge", "One.");
    page.declare("b", "counter", "Two.");
    page.declare("c", "counter", "Nothing comes of it.");
    page.add("a", {{"who", "x\"y\\z\nw"}}, 1.5);
    page.add("b", {}, 3);
    page.add("a", {{"who", "v"}, {"le", "+Inf"}}, 2, "_bucket");
    CHECK(page.text() == "# HELP a One.\n# TYPE a gauge\na{who=\"x\\\"y\\\\z\\nw\"} 1.5\n"
                         "a_bucket{who=\"v\",le=\"+Inf\"} 2\n# HELP b Two.\n# TYPE b counter\nb 3\n"
                         "# HELP c Nothing comes of it.\n# TYPE c counter\n");
}

TEST_CASE("a group's counters begin at zero, one by one, and grow from there")
{
    const auto target = std::make_shared<const mayfly::launch_target>();
    group_view view(target, {}, mayfly::version_status::current, 0s);
    const group_counts& counts = view.counts();
    CHECK(counts.started.at(mayfly::reason::backlog) == 0);
    CHECK(counts.started.at(mayfly::reason::bootstrap) == 0);
    CHECK(counts.throttled.at(mayfly::reason::at_maximum) == 0);
    CHECK(counts.refused.size() == 3);
    CHECK(counts.unread.at(mayfly::condition::transient) == 0);
    CHECK(!counts.refused.contains(mayfly::condition::ok));

    const mayfly::scaling_signal seen;
    mayfly::controller_event e{.what = mayfly::controller_event::kind::decided, .target = target.get()};
    e.signal = &seen;
    e.made = {.launch = 2, .reason = mayfly::reason::backlog, .held_back = 3};
    view.note(e, false, {});
    e = {.what = mayfly::controller_event::kind::refused,
        .target = target.get(),
        .count = 2,
        .outcome = mayfly::condition::permanent};
    view.note(e, false, {});
    CHECK(counts.started.at(mayfly::reason::backlog) == 2);
    CHECK(counts.throttled.at(mayfly::reason::backlog) == 3);
    CHECK(counts.throttled.at(mayfly::reason::at_maximum) == 0);
    CHECK(counts.refused.at(mayfly::condition::permanent) == 2);
    CHECK(counts.refused.at(mayfly::condition::throttled) == 0);
}

TEST_CASE("a line of the log is one JSON object, or names and values")
{
    controller_log log;
    const std::chrono::system_clock::time_point at{1'700'000'000'123ms};
    CHECK(log.line(log_level::info, "a \"b\"", {{"n", 3}, {"text", "x\ny"}}, at) ==
          R"({"timestamp":"2023-11-14T22:13:20.123Z","level":"INFO","message":"a \"b\"","n":3,"text":"x\ny"})");
    log.set(log_level::info, false);
    CHECK(log.line(log_level::warning, "a b", {{"n", 3}, {"text", "x=y"}, {"plain", "x:1"}, {"none", ""}}, at) ==
          R"(2023-11-14T22:13:20.123Z WARN message="a b" n=3 text="x=y" plain=x:1 none="")");
}
