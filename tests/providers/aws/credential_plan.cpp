// SPDX-License-Identifier: BSL-1.0
#include "made_config.hpp"

#include <mayfly/aws/credential_plan.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using namespace mayfly::aws;
using namespace mayfly_test;

namespace {

using kind = credential_source::kind;

const variables key_variables{{"AWS_ACCESS_KEY_ID", "AKENV"}, {"AWS_SECRET_ACCESS_KEY", "hidden-env"}};
const variables web{{"AWS_WEB_IDENTITY_TOKEN_FILE", "/token"}, {"AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/web"}};
const variables container{{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x"}};
const variables no_instance{{"AWS_EC2_METADATA_DISABLED", "true"}};

variables both(variables a, const variables& b)
{
    a.insert(b.begin(), b.end());
    return a;
}

constexpr const char* static_profile = "[default]\naws_access_key_id = AKFILE\naws_secret_access_key = hidden-file\n";

}  // namespace

TEST_CASE("the first source that is configured")
{
    struct row {
        const char* why;
        variables variables_;
        const char* config_text;
        const char* credentials_text;
        kind is;
        const char* name;
    };
    const variables all = both(both(key_variables, web), container);
    const variables no_keys = both(web, container);
    const row rows[] = {
        {"keys before everything", all, static_profile, static_profile, kind::keys, "the environment"},
        {"keys before a profile named in a variable", both(all, {{"AWS_PROFILE", "absent"}}), "", "", kind::keys,
            "the environment"},
        {"then the profile", no_keys, "", static_profile, kind::keys, "profile \"default\""},
        {"whichever file it is in", no_keys, static_profile, "", kind::keys, "profile \"default\""},
        {"then a web identity", no_keys, "[default]\nregion = x\n", "", kind::web_identity,
            "the web identity of the environment"},
        {"then the container", container, "", "", kind::container, "the container's credentials"},
        {"then the instance", {}, "", "", kind::instance, "the instance's role"},
        {"variables set to nothing are not set",
            {{"AWS_ACCESS_KEY_ID", ""}, {"AWS_SECRET_ACCESS_KEY", ""}, {"AWS_PROFILE", ""},
                {"AWS_CONTAINER_CREDENTIALS_FULL_URI", ""}},
            "", "", kind::instance, "the instance's role"},
        {"a process", {}, "[default]\ncredential_process = /bin/get \"a b\" c\n", "", kind::process,
            "the credential_process of profile \"default\""},
        {"keys before a process", {}, "[default]\ncredential_process = x\n", static_profile, kind::keys,
            "profile \"default\""},
        {"a profile's web identity", both(no_instance, {{"AWS_PROFILE", "w"}}),
            "[profile w]\nrole_arn = arn:aws:iam::123456789012:role/w\nweb_identity_token_file = /t\n", "",
            kind::web_identity, "the web identity of profile \"w\""},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const auto plan = plan_credentials(with(r.variables_, r.config_text, r.credentials_text));
        REQUIRE_MESSAGE(plan, to_string(plan.problems()));
        CHECK(plan->first.is == r.is);
        CHECK(plan->first.name == r.name);
        CHECK(plan->roles.empty());
    }
}

TEST_CASE("the keys of the environment")
{
    variables v =
        both(key_variables, {{"AWS_SECURITY_TOKEN", "old"}, {"AWS_CREDENTIAL_EXPIRATION", "2026-03-04T05:06:07Z"}});
    auto plan = plan_credentials(with(v));
    REQUIRE(plan);
    CHECK(plan->first.keys ==
          credentials{"AKENV", "hidden-env", "old", mayfly::wall_time{1'772'600'767s}, "the environment"});
    v["AWS_SESSION_TOKEN"] = "new";
    CHECK(plan_credentials(with(v))->first.keys.session_token == "new");
}

TEST_CASE("static keys come whole from one file, the credentials file first")
{
    const auto plan = plan_credentials(with({},
        "[default]\naws_access_key_id = A\naws_secret_access_key = a\n"
        "aws_session_token = from-config\n",
        "[default]\naws_access_key_id = B\naws_secret_access_key = b\n"));
    REQUIRE(plan);
    CHECK(plan->first.keys == credentials{"B", "b", "", {}, "profile \"default\""});
}

TEST_CASE("roles, one after the other")
{
    constexpr const char* files =
        "[profile top]\nrole_arn = arn:aws:iam::123456789012:role/top\nsource_profile = middle\n"
        "external_id = e-1\nrole_session_name = me\nduration_seconds = 900\n"
        "[profile middle]\nrole_arn = arn:aws:iam::123456789012:role/middle\nsource_profile = base\n"
        "[profile base]\naws_access_key_id = AKBASE\naws_secret_access_key = hidden\n"
        "role_arn = arn:aws:iam::123456789012:role/never\nsource_profile = top\n"
        "[profile self]\nrole_arn = arn:aws:iam::123456789012:role/self\nsource_profile = self\n"
        "aws_access_key_id = AKSELF\naws_secret_access_key = hidden\n"
        "[profile env]\nrole_arn = arn:aws:iam::123456789012:role/env\ncredential_source = Environment\n"
        "[profile box]\nrole_arn = arn:aws:iam::123456789012:role/box\ncredential_source = EcsContainer\n"
        "[profile ec2]\nrole_arn = arn:aws:iam::123456789012:role/ec2\ncredential_source = Ec2InstanceMetadata\n"
        "[profile web]\nrole_arn = arn:aws:iam::123456789012:role/web\nsource_profile = token\n"
        "[profile token]\nrole_arn = arn:aws:iam::123456789012:role/token\nweb_identity_token_file = /t\n";
    struct row {
        const char* why;
        const char* profile;
        variables more;
        kind first;
        const char* access_key;
        std::vector<std::string> roles;
    };
    const row rows[] = {
        {"a chain; the source gives its keys, not its role", "top", {}, kind::keys, "AKBASE", {"middle", "top"}},
        {"a profile that is its own source", "self", {}, kind::keys, "AKSELF", {"self"}},
        {"the container", "box", container, kind::container, "", {"box"}},
        {"the instance", "ec2", {}, kind::instance, "", {"ec2"}},
        {"a web identity below a role", "web", {}, kind::web_identity, "", {"web"}},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const auto plan = plan_credentials(with(both({{"AWS_PROFILE", r.profile}}, r.more), files), "session");
        REQUIRE_MESSAGE(plan, to_string(plan.problems()));
        CHECK(plan->first.is == r.first);
        CHECK(plan->first.keys.access_key_id == r.access_key);
        std::vector<std::string> names;
        for (const assume_role_request& a : plan->roles)
            names.push_back(a.role_arn.substr(a.role_arn.rfind('/') + 1));
        CHECK(names == r.roles);
    }
    const auto top = plan_credentials(with({{"AWS_PROFILE", "top"}}, files), "session");
    CHECK(top->roles[0].session_name == "session");
    CHECK(top->roles[1] == assume_role_request{"arn:aws:iam::123456789012:role/top", "me", "e-1", 900s, ""});
}

TEST_CASE("a configured source that is wrong is a problem, and never passed over")
{
    struct row {
        const char* why;
        variables variables_;
        const char* file;
        const char* field;
        const char* words;
    };
    const std::string role = "role_arn = arn:aws:iam::123456789012:role/r\n";
    const auto a = [&role](const std::string& rest) { return "[default]\n" + role + rest; };
    const std::string texts[] = {
        a(""),
        a("source_profile = b\ncredential_source = Environment\n"),
        a("source_profile = b\n"),
        a("source_profile = b\n[profile b]\nregion = x\n"),
        a("source_profile = b\n[profile b]\n" + role + "source_profile = default\n"),
        a("source_profile = default\n"),
        a("credential_source = Moon\n"),
        a("credential_source = Environment\n"),
        a("credential_source = EcsContainer\n"),
        a("credential_source = Environment\nmfa_serial = m\n"),
        a("credential_source = Environment\nduration_seconds = soon\n"),
    };
    const row rows[] = {
        {"a key without its secret", {{"AWS_ACCESS_KEY_ID", "A"}}, "", "AWS_SECRET_ACCESS_KEY", "set it too"},
        {"a secret without its key", {{"AWS_SECRET_ACCESS_KEY", "hidden"}}, "", "AWS_ACCESS_KEY_ID", "set it too"},
        {"an odd time", both(key_variables, {{"AWS_CREDENTIAL_EXPIRATION", "soon"}}), "", "AWS_CREDENTIAL_EXPIRATION",
            "write it like"},
        {"a profile that is not there", both(container, {{"AWS_PROFILE", "x"}}), "", "AWS_PROFILE",
            "no such profile in /home/me/.aws/config or /home/me/.aws/credentials"},
        {"a file that is not understood", container, "[default]\nhidden\n", "/home/me/.aws/config:2", "key = value"},
        {"half a static key", container, "[default]\naws_access_key_id = A\n",
            "profile \"default\" aws_secret_access_key", "set it too"},
        {"the other half", container, "[default]\naws_secret_access_key = hidden\n",
            "profile \"default\" aws_access_key_id", "set it too"},
        {"a command whose quote does not end", container, "[default]\ncredential_process = \"hidden\n",
            "/home/me/.aws/config:2", "each quote must end"},
        {"single sign-on", container, "[default]\nsso_session = s\n", "/home/me/.aws/config:2", "not supported"},
        {"sign-in through a browser", container, "[default]\nlogin_session = s\n", "/home/me/.aws/config:2",
            "not supported"},
        {"a token file without a role", container, "[default]\nweb_identity_token_file = /t\n",
            "/home/me/.aws/config:2", "role_arn is needed"},
        {"no source", container, texts[0].c_str(), "/home/me/.aws/config:2", "exactly one"},
        {"two sources", container, texts[1].c_str(), "/home/me/.aws/config:2", "exactly one"},
        {"a source that is not there", container, texts[2].c_str(), "/home/me/.aws/config:3", "no such profile"},
        {"a source without credentials", container, texts[3].c_str(), "/home/me/.aws/config:3", "has no credentials"},
        {"a loop", container, texts[4].c_str(), "/home/me/.aws/config:6", "default -> b -> default"},
        {"its own source, without keys", container, texts[5].c_str(), "/home/me/.aws/config:3", "default -> default"},
        {"a source of no such name", container, texts[6].c_str(), "/home/me/.aws/config:3", "write Environment"},
        {"an environment without keys", container, texts[7].c_str(), "/home/me/.aws/config:3", "set AWS_ACCESS_KEY_ID"},
        {"no container", {}, texts[8].c_str(), "/home/me/.aws/config:3", "AWS_CONTAINER_CREDENTIALS"},
        {"a web identity without a role", {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/t"}}, "", "AWS_ROLE_ARN", "set it too"},
        {"one with an odd role", both(container, {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/t"}, {"AWS_ROLE_ARN", "r"}}), "",
            "AWS_WEB_IDENTITY_TOKEN_FILE, role_arn", "role's ARN"},
        {"a path without a slash", {{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "evil.example/"}}, "",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "begins with a slash"},
        {"a path that names another host", {{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil.example/"}}, "",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "begins with a slash"},
        {"no url", {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://me:hidden@localhost"}}, "",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI", "write https://"},
        {"a token of two lines", both(container, {{"AWS_CONTAINER_AUTHORIZATION_TOKEN", "hidden\r\nX: y"}}), "",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN", "one line"},
        {"an odd metadata address", {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://me:hidden@h"}}, "",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT", "write http://"},
        {"an odd metadata mode", {{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv5"}}, "",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv4 or IPv6"},
        {"an odd metadata patience", {{"AWS_METADATA_SERVICE_TIMEOUT", "0"}}, "", "AWS_METADATA_SERVICE_TIMEOUT",
            "from 1 to 60"},
        {"nothing at all", no_instance, "", "credentials", "none were found"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const auto plan = plan_credentials(with(r.variables_, r.file));
        REQUIRE(!plan);
        const mayfly::problem p = plan.problems().at(0);
        CHECK(p.field == r.field);
        CHECK_MESSAGE(p.remedy.find(r.words) != std::string::npos, p.remedy);
        CHECK(to_string(plan.problems()).find("hidden") == std::string::npos);
    }
    // These are wrong in more than one way, and all of it is said.
    CHECK(plan_credentials(with(key_variables, texts[9].c_str())));
    const auto second_factor = plan_credentials(with(both(container, {{"AWS_PROFILE", "default"}}), texts[9].c_str()));
    CHECK(to_string(second_factor.problems()).find("second factor") != std::string::npos);
    CHECK(second_factor.problems().size() == 2);
    const auto duration = plan_credentials(with(container, texts[10].c_str()));
    CHECK(
        to_string(duration.problems()).find("/home/me/.aws/config:4 is \"soon\": write a number") != std::string::npos);
}

TEST_CASE("plain http goes to hosts that serve credentials, and nowhere else")
{
    struct row {
        const char* why;
        const char* url;
        bool allowed;
    };
    const row rows[] = {
        {"https anywhere", "https://creds.example/x", true},
        {"loopback", "http://127.0.0.1:8080/x", true},
        {"all of loopback", "http://127.255.0.9/x", true},
        {"loopback by its name", "http://localhost/x", true},
        {"loopback of IPv6", "http://[::1]:80/x", true},
        {"ECS", "http://169.254.170.2/x", true},
        {"EKS", "http://169.254.170.23/v1/credentials", true},
        {"EKS on IPv6", "http://[fd00:ec2::23]/v1/credentials", true},
        {"the instance's metadata", "http://169.254.169.254/x", false},
        {"a name", "http://creds.example/x", false},
        {"a name that begins like an address", "http://127.0.0.1.example/x", false},
        {"a name of that shape", "http://127.a.b.c/x", false},
        {"too short an address", "http://127.1/x", false},
        {"another network", "http://10.0.0.1/x", false},
    };
    for (const row& r : rows) {
        const auto plan = plan_credentials(with({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", r.url}}));
        CHECK_MESSAGE(bool(plan) == r.allowed, r.why);
    }
}

TEST_CASE("what the container is asked with")
{
    const auto plan = plan_credentials(with({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x?id=1"},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost/y"}, {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "t"},
        {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/f"}}));
    REQUIRE(plan);
    CHECK(plan->first.address.origin == mayfly::http::origin{false, "169.254.170.2", 80});
    CHECK(plan->first.address.target == "/v2/x?id=1");
    CHECK(plan->first.token_file == "/f");
    CHECK(plan->first.token.empty());
}

TEST_CASE("where the instance's metadata is")
{
    const auto settings = [](variables v, const char* file = "") {
        return instance_metadata_of(with(std::move(v), file));
    };
    CHECK(**settings({}) == instance_metadata{});
    CHECK((**settings({{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipv6"}})).origin.host == "fd00:ec2::254");
    CHECK((**settings({}, "[default]\nec2_metadata_service_endpoint = http://127.0.0.1:9/base/\n"
                          "ec2_metadata_service_endpoint_mode = IPv6\n")) ==
          instance_metadata{{false, "127.0.0.1", 9}, "/base"});
    const instance_metadata patient =
        **settings({{"AWS_METADATA_SERVICE_TIMEOUT", "3"}, {"AWS_METADATA_SERVICE_NUM_ATTEMPTS", "2"}});
    CHECK(patient.timeout == 3s);
    CHECK(patient.attempts == 2);
    CHECK(!*settings(no_instance));
}

TEST_CASE("words of a command line")
{
    using words = std::vector<std::string>;
    struct row {
        const char* why;
        const char* line;
        std::optional<words> split;
    };
    const row rows[] = {
        {"blanks divide", " a  b\tc ", words{"a", "b", "c"}},
        {"nothing", "  ", words{}},
        {"quotes hold together", "\"/opt/my tools/get\" 'a b'", words{"/opt/my tools/get", "a b"}},
        {"within a word too", "a'b c'd", words{"ab cd"}},
        {"an empty word", "a ''", words{"a", ""}},
        {"a backslash protects", "a\\ b \\\"", words{"a b", "\""}},
        {"in double quotes only what needs it", R"("a\"b\\c\n")", words{R"(a"b\c\n)"}},
        {"in single quotes nothing", R"('a\')", words{"a\\"}},
        {"nothing else is special", "a;b $HOME *", words{"a;b", "$HOME", "*"}},
        {"a quote that does not end", "a 'b", std::nullopt},
        {"a backslash at the end", "a\\", std::nullopt},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(split_words(r.line) == r.split, r.why);
}
