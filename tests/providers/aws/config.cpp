// SPDX-License-Identifier: BSL-1.0
#include "made_config.hpp"

#include <mayfly/aws/config.hpp>
#include <mayfly/aws/endpoint.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>

#include <unistd.h>

using namespace mayfly::aws;
using namespace mayfly_test;

namespace {}  // namespace

TEST_CASE("the shared files' form")
{
    const ini_file f = read_ini("file", "\xEF\xBB\xBF# a comment\n"
                                        "[default]  ; another\r\n"
                                        "Region = eu-west-1 \n"
                                        "  ; within\n"
                                        "command=run \"x\" # no comment here\n"
                                        "\n"
                                        "[profile a]\n"
                                        "s3 =\n"
                                        "   max = 1\n"
                                        "   min = 2\n"
                                        "long = one\n"
                                        "\ttwo\n"
                                        "empty =\n"
                                        "[default]\n"
                                        "region = us-east-1\n");
    CHECK(f.problems.empty());
    REQUIRE(f.sections.size() == 2);
    const ini_section& d = *f.find("default");
    CHECK(d.line == 2);
    CHECK(d.find("region")->value == "us-east-1");
    CHECK(d.find("region")->line == 15);
    CHECK(d.find("command")->value == "run \"x\" # no comment here");
    const ini_section& a = *f.find("profile a");
    CHECK(a.find("s3")->nested == std::vector<ini_entry>{{"max", "1", 9, {}}, {"min", "2", 10, {}}});
    CHECK(a.find("long")->value == "one\ntwo");
    CHECK(a.find("empty")->value.empty());
    CHECK(a.find("max") == nullptr);

    ini_file again = read_ini("file", to_string(f));
    CHECK(again.problems.empty());
    CHECK(to_string(again) == to_string(f));
}

TEST_CASE("lines that are not understood are named, and nothing of them is shown")
{
    struct row {
        const char* why;
        std::string_view text;
        std::string_view where;
        std::string_view remedy;
    };
    const row rows[] = {
        {"no section", "key = secret", "f:1", "a key must stand below a [section]"},
        {"no key", "[a]\nsecret", "f:2", "write key = value"},
        {"an empty key", "[a]\n= secret", "f:2", "write key = value"},
        {"half a section", "[a\n", "f:1", "write a section as [name]"},
        {"an empty section", "[ ]\n", "f:1", "write a section as [name]"},
        {"a section with a tail", "[a] secret\n", "f:1", "write a section as [name]"},
        {"a line indented below nothing", "[a]\n  secret = 1\n", "f:2", "an indented line must follow a key"},
        {"a nested line without a key", "[a]\nb =\n  secret\n", "f:3", "write key = value"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const ini_file f = read_ini("f", r.text);
        REQUIRE(f.problems.size() == 1);
        CHECK(f.problems[0].field == r.where);
        CHECK(f.problems[0].remedy == r.remedy);
        CHECK(to_string(f.problems).find("secret") == std::string::npos);
    }
}

TEST_CASE("where the files are")
{
    const auto paths = [](std::map<std::string, std::string, std::less<>> v) {
        return shared_paths_of({std::move(v)});
    };
    CHECK(paths({{"HOME", "/h"}}).config == "/h/.aws/config");
    CHECK(paths({{"HOME", "/h"}}).credentials == "/h/.aws/credentials");
    CHECK(paths({}).config.empty());
    CHECK(paths({{"AWS_CONFIG_FILE", "/c"}}).config == "/c");
    CHECK(paths({{"HOME", "/h"}, {"AWS_SHARED_CREDENTIALS_FILE", "~/x"}}).credentials == "/h/x");
    CHECK(paths({{"HOME", "/h"}, {"AWS_CONFIG_FILE", "~other"}}).config == "~other");
}

TEST_CASE("files are read; one that is not there is empty, one that cannot be read is a problem")
{
    const auto folder = std::filesystem::temp_directory_path() / ("mayfly-config-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "config") << "[default]\nregion = eu-west-1\n";
    mayfly::environment around{
        {{"AWS_CONFIG_FILE", folder / "config"}, {"AWS_SHARED_CREDENTIALS_FILE", folder / "none"}}};
    const config c = config::read(around);
    CHECK(c.problems().empty());
    CHECK(c.of_profile("default", "region") == setting{"eu-west-1", (folder / "config").string() + ":2"});
    // A path through a file is no file either, but this one is a loop, which nobody can read.
    std::filesystem::create_symlink("loop", folder / "loop");
    around.variables["AWS_SHARED_CREDENTIALS_FILE"] = folder / "loop";
    const config d = config::read(around);
    REQUIRE(d.problems().size() == 1);
    CHECK(d.problems()[0].remedy.starts_with("cannot be read: "));
    // A folder can be opened, and not read.
    around.variables["AWS_SHARED_CREDENTIALS_FILE"] = folder;
    const config e = config::read(around);
    REQUIRE(e.problems().size() == 1);
    CHECK(e.problems()[0].remedy == "cannot be read: Is a directory");
    std::filesystem::remove_all(folder);
}

TEST_CASE("profiles")
{
    const config c = with({{"AWS_PROFILE", "a"}},
        "[profile a]\nregion = r1\noutput = json\n[profile \"b c\"]\nregion = r2\n[default]\nregion = r3\n"
        "[profile default]\nregion = r4\n[d]\nregion = r5\n",
        "[a]\nregion = r6\n[e]\nregion = r7\n");
    CHECK(c.profile == "a");
    CHECK(c.profile_from == "AWS_PROFILE");
    CHECK(c.of_profile("a", "region")->value == "r6");
    CHECK(c.of_profile("a", "output") == setting{"json", "/home/me/.aws/config:3"});
    CHECK(c.of_profile("b c", "region")->value == "r2");
    CHECK(c.of_profile("default", "region")->value == "r4");
    CHECK(c.of_profile("e", "region")->value == "r7");
    CHECK(!c.of_profile("d", "region"));
    CHECK(!c.has_profile("d"));
    CHECK(c.has_profile("e"));
    CHECK(with({{"AWS_DEFAULT_PROFILE", "z"}}).profile_from == "AWS_DEFAULT_PROFILE");
    CHECK(with({}).profile == "default");
}

TEST_CASE("the region")
{
    struct row {
        const char* why;
        std::map<std::string, std::string, std::less<>> variables;
        const char* file;
        std::optional<setting> found;
    };
    const row rows[] = {
        {"nobody says", {}, "", std::nullopt},
        {"the profile", {}, "[default]\nregion = c", setting{"c", "/home/me/.aws/config:2"}},
        {"the older variable first", {{"AWS_DEFAULT_REGION", "b"}}, "[default]\nregion = c",
            setting{"b", "AWS_DEFAULT_REGION"}},
        {"the newer one before that", {{"AWS_REGION", "a"}, {"AWS_DEFAULT_REGION", "b"}}, "",
            setting{"a", "AWS_REGION"}},
        {"set to nothing is not set", {{"AWS_REGION", ""}}, "[default]\nregion = c",
            setting{"c", "/home/me/.aws/config:2"}},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(configured_region(with(r.variables, r.file)) == r.found, r.why);
}

TEST_CASE("where a service is")
{
    struct row {
        const char* why;
        std::map<std::string, std::string, std::less<>> variables;
        const char* file;
        const char* service;
        const char* region;
        const char* host;
    };
    const row rows[] = {
        {"the usual", {}, "", "lambda", "us-west-2", "lambda.us-west-2.amazonaws.com"},
        {"STS is regional", {}, "", "sts", "us-east-1", "sts.us-east-1.amazonaws.com"},
        {"China", {}, "", "ecs", "cn-north-1", "ecs.cn-north-1.amazonaws.com.cn"},
        {"sovereign", {}, "", "sts", "eusc-de-east-1", "sts.eusc-de-east-1.amazonaws.eu"},
        {"isolated", {}, "", "lambda", "us-iso-east-1", "lambda.us-iso-east-1.c2s.ic.gov"},
        {"FIPS", {{"AWS_USE_FIPS_ENDPOINT", "true"}}, "", "lambda", "us-east-1", "lambda-fips.us-east-1.amazonaws.com"},
        {"FIPS by the profile", {}, "[default]\nuse_fips_endpoint = True", "ecs", "us-east-1",
            "ecs-fips.us-east-1.amazonaws.com"},
        {"switched off over the profile", {{"AWS_USE_FIPS_ENDPOINT", "false"}}, "[default]\nuse_fips_endpoint = true",
            "ecs", "us-east-1", "ecs.us-east-1.amazonaws.com"},
        {"dual stack", {{"AWS_USE_DUALSTACK_ENDPOINT", "true"}}, "", "lambda", "us-east-1", "lambda.us-east-1.api.aws"},
        {"both", {{"AWS_USE_DUALSTACK_ENDPOINT", "true"}, {"AWS_USE_FIPS_ENDPOINT", "true"}}, "", "lambda",
            "cn-north-1", "lambda-fips.cn-north-1.api.amazonwebservices.com.cn"},
        {"there STS is FIPS as it is", {{"AWS_USE_FIPS_ENDPOINT", "true"}}, "", "sts", "us-gov-west-1",
            "sts.us-gov-west-1.amazonaws.com"},
        {"with dual stack too", {{"AWS_USE_DUALSTACK_ENDPOINT", "true"}, {"AWS_USE_FIPS_ENDPOINT", "true"}}, "", "sts",
            "us-gov-west-1", "sts.us-gov-west-1.api.aws"},
        {"others are not", {{"AWS_USE_FIPS_ENDPOINT", "true"}}, "", "lambda", "us-gov-west-1",
            "lambda-fips.us-gov-west-1.amazonaws.com"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const auto e = resolve_endpoint(with(r.variables, r.file), r.service, r.region);
        REQUIRE(e);
        CHECK(*e == endpoint{{true, r.host, 443}, "", r.region, r.service, ""});
    }
}

TEST_CASE("where a service was said to be")
{
    constexpr const char* files =
        "[default]\nservices = local\nendpoint_url = http://profile:4\n"
        "[services local]\nlambda =\n  endpoint_url = http://section:3/\nsts =\n  other = 1\n";
    struct row {
        const char* why;
        std::map<std::string, std::string, std::less<>> variables;
        const char* service;
        mayfly::http::origin origin;
        const char* prefix;
        const char* from;
    };
    const row rows[] = {
        {"for the service by a variable",
            {{"AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:1/a/b/"}, {"AWS_ENDPOINT_URL", "http://all:2"}}, "lambda",
            {false, "127.0.0.1", 1}, "/a/b", "AWS_ENDPOINT_URL_LAMBDA"},
        {"for all by a variable", {{"AWS_ENDPOINT_URL", "https://all"}, {"AWS_ENDPOINT_URL_STS", "http://x"}}, "lambda",
            {true, "all", 443}, "", "AWS_ENDPOINT_URL"},
        {"for the service by the profile's section", {}, "lambda", {false, "section", 3}, "", "/home/me/.aws/config:6"},
        {"for all by the profile", {}, "sts", {false, "profile", 4}, "", "/home/me/.aws/config:3"},
        {"flags do not alter it", {{"AWS_USE_FIPS_ENDPOINT", "true"}}, "ecs", {false, "profile", 4}, "",
            "/home/me/.aws/config:3"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const auto e = resolve_endpoint(with(r.variables, files), r.service, "us-east-1");
        REQUIRE(e);
        CHECK(*e == endpoint{r.origin, r.prefix, "us-east-1", r.service, r.from});
    }
    const auto ignored = resolve_endpoint(
        with({{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "TRUE"}, {"AWS_ENDPOINT_URL", "http://all:2"}}, files), "lambda",
        "us-east-1");
    CHECK(ignored->origin.host == "lambda.us-east-1.amazonaws.com");

    for (const char* bad : {"127.0.0.1:9001", "ftp://x", "http://x/?a=1", "http://"}) {
        const auto e = resolve_endpoint(with({{"AWS_ENDPOINT_URL_STS", bad}}), "sts", "us-east-1");
        REQUIRE_MESSAGE(!e, bad);
        CHECK(e.problems().at(0).field == "AWS_ENDPOINT_URL_STS");
    }
    for (const char* bad : {"", "us east", "US-EAST-1", "-x", "evil.example/"})
        CHECK_MESSAGE(!resolve_endpoint(with({}), "sts", bad), bad);
}
