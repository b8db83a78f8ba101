// SPDX-License-Identifier: BSL-1.0
#include <mayfly/config/read.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>
#include <string_view>
#include <vector>

using namespace mayfly;
using namespace mayfly::config;

namespace {

using texts = std::map<std::string, std::string, std::less<>>;

const std::string cert = "-----BEGIN CERTIFICATE-----\nSECRETMARKER cert\n-----END CERTIFICATE-----\n";
const std::string key = "-----BEGIN PRIVATE KEY-----\nSECRETMARKER key\n-----END PRIVATE KEY-----\n";
const std::string ca = "-----BEGIN CERTIFICATE-----\nSECRETMARKER ca\n-----END CERTIFICATE-----\n";

/// A disk of these files, and these variables.
struct world {
    texts variables{};
    texts files{};
    read_options options{};

    [[nodiscard]] checked<connection_settings> read() const
    {
        return read_settings(
            options, environment{variables}, [this](const std::string& path) -> boost::system::result<std::string> {
                const auto at = files.find(path);
                if (at == files.end())
                    return boost::system::error_code{ENOENT, boost::system::generic_category()};
                if (at->second == "unreadable")
                    return boost::system::error_code{EACCES, boost::system::generic_category()};
                return at->second;
            });
    }
    /// Of settings that are read.
    [[nodiscard]] connection_settings settings() const
    {
        auto out = read();
        REQUIRE_MESSAGE(bool(out), to_string(out.problems()));
        return *std::move(out);
    }
};

world with_file(std::string text, texts variables = {})
{
    world out{std::move(variables), {{"cert.pem", cert}, {"key.pem", key}, {"ca.pem", ca}}, {}};
    out.files["temporal.toml"] = std::move(text);
    return out;
}

}  // namespace

TEST_CASE("nothing said is the local default")
{
    const connection_settings s = world{}.settings();
    CHECK(s == connection_settings{});
    CHECK(s.address == sourced<std::string>{"localhost:7233", "default"});
    CHECK(s.endpoint == host_port{"localhost", 7233});
    CHECK(s.name_space.value == "default");
    CHECK_FALSE(s.tls.on.value);
    CHECK(s.tls.verify_host.value);
    CHECK(s.file.empty());
}

TEST_CASE("which file is read")
{
    struct row {
        const char* why;
        texts variables;
        std::vector<std::string> there;
        places where;
        std::string file;  // empty: none
    };
    const row rows[] = {
        {"no candidate", {{"LAMBDA_TASK_ROOT", "/var/task"}}, {}, places::worker, ""},
        {"the named one, though others are there", {{"TEMPORAL_CONFIG_FILE", "/a"}, {"LAMBDA_TASK_ROOT", "/var/task"}},
            {"/a", "/var/task/temporal.toml", "temporal.toml"}, places::worker, "/a"},
        {"a name of nothing is no name", {{"TEMPORAL_CONFIG_FILE", ""}}, {"temporal.toml"}, places::worker,
            "temporal.toml"},
        {"the function's own", {{"LAMBDA_TASK_ROOT", "/var/task"}}, {"/var/task/temporal.toml", "temporal.toml"},
            places::worker, "/var/task/temporal.toml"},
        {"the function has none", {{"LAMBDA_TASK_ROOT", "/var/task"}}, {"temporal.toml"}, places::worker,
            "temporal.toml"},
        {"no function", {}, {"temporal.toml"}, places::worker, "temporal.toml"},
        {"a worker does not look in a home", {{"HOME", "/h"}}, {"/h/.config/temporalio/temporal.toml"}, places::worker,
            ""},
        {"a user's", {{"HOME", "/h"}}, {"/h/.config/temporalio/temporal.toml"}, places::user,
            "/h/.config/temporalio/temporal.toml"},
        {"a user's, who keeps it elsewhere", {{"HOME", "/h"}, {"XDG_CONFIG_HOME", "/x"}},
            {"/h/.config/temporalio/temporal.toml", "/x/temporalio/temporal.toml"}, places::user,
            "/x/temporalio/temporal.toml"},
        {"elsewhere is no relative place", {{"HOME", "/h"}, {"XDG_CONFIG_HOME", "x"}},
            {"/h/.config/temporalio/temporal.toml", "x/temporalio/temporal.toml"}, places::user,
            "/h/.config/temporalio/temporal.toml"},
        {"a user without a home", {}, {"temporal.toml"}, places::user, ""},
    };
    for (const row& r : rows) {
        world w{r.variables, {}, {}};
        w.options.where = r.where;
        for (const std::string& path : r.there)
            w.files[path] = "[profile.default]\nnamespace = \"" + path + "\"\n";
        const connection_settings s = w.settings();
        CHECK_MESSAGE(s.file == r.file, r.why);
        CHECK_MESSAGE(s.name_space.value == (r.file.empty() ? "default" : r.file), r.why);
        CHECK_MESSAGE(s.name_space.from == (r.file.empty() ? "default" : r.file + ":2"), r.why);
    }
}

TEST_CASE("each key, from a file and from its variable")
{
    const std::string text = "[profile.default]\n"
                             "address = \"file:1\"\n"
                             "namespace = \"file-ns\"\n"
                             "api_key = \"SECRETMARKER-file\"\n"
                             "authority = \"file-authority\"\n"
                             "[profile.default.tls]\n"
                             "client_cert_path = \"cert.pem\"\n"
                             "client_key_path = \"key.pem\"\n"
                             "server_ca_cert_path = \"ca.pem\"\n"
                             "server_name = \"file-name\"\n"
                             "disable_host_verification = true\n"
                             "[profile.default.codec]\n"
                             "endpoint = \"http://file\"\n"
                             "auth = \"SECRETMARKER-auth\"\n"
                             "[profile.default.grpc_meta]\n"
                             "One_Header = \"1\"\n"
                             "two = \"2\"\n"
                             "three = \"3\"\n";
    SUBCASE("from the file")
    {
        const connection_settings s = with_file(text).settings();
        CHECK(s.address == sourced<std::string>{"file:1", "temporal.toml:2"});
        CHECK(s.endpoint == host_port{"file", 1});
        CHECK(s.name_space == sourced<std::string>{"file-ns", "temporal.toml:3"});
        CHECK(s.api_key == sourced<std::string>{"SECRETMARKER-file", "temporal.toml:4"});
        CHECK(s.authority == sourced<std::string>{"file-authority", "temporal.toml:5"});
        CHECK(s.tls.on == sourced<bool>{true, "temporal.toml:6"});
        CHECK(s.tls.client_cert == sourced<std::string>{cert, "\"cert.pem\", temporal.toml:7"});
        CHECK(s.tls.client_key == sourced<std::string>{key, "\"key.pem\", temporal.toml:8"});
        CHECK(s.tls.server_ca == sourced<std::string>{ca, "\"ca.pem\", temporal.toml:9"});
        CHECK(s.tls.server_name == sourced<std::string>{"file-name", "temporal.toml:10"});
        CHECK(s.tls.verify_host == sourced<bool>{false, "temporal.toml:11"});
        CHECK(s.codec.endpoint == sourced<std::string>{"http://file", "temporal.toml:13"});
        CHECK(s.codec.auth == sourced<std::string>{"SECRETMARKER-auth", "temporal.toml:14"});
        CHECK(s.grpc_meta.size() == 3);
        CHECK(s.grpc_meta.at("one-header") == sourced<std::string>{"1", "temporal.toml:16"});
        CHECK(s.task_queue.value.empty());
        REQUIRE(s.warnings.size() == 1);
        CHECK(s.warnings[0].field == "temporal.toml:11: profile.default.tls.disable_host_verification");
    }
    SUBCASE("the variables win, one by one")
    {
        const texts variables{
            {"TEMPORAL_ADDRESS", "[::1]:2"},
            {"TEMPORAL_NAMESPACE", "env-ns"},
            {"TEMPORAL_API_KEY", "SECRETMARKER-env"},
            {"TEMPORAL_CLIENT_AUTHORITY", "env-authority"},
            {"TEMPORAL_TLS", "True"},
            {"TEMPORAL_TLS_CLIENT_CERT_PATH", ""},
            {"TEMPORAL_TLS_CLIENT_CERT_DATA", ca},
            {"TEMPORAL_TLS_CLIENT_KEY_PATH", "other.pem"},
            {"TEMPORAL_TLS_SERVER_CA_CERT_PATH", ""},
            {"TEMPORAL_TLS_SERVER_NAME", "env-name"},
            {"TEMPORAL_TLS_DISABLE_HOST_VERIFICATION", "0"},
            {"TEMPORAL_CODEC_ENDPOINT", "http://env"},
            {"TEMPORAL_CODEC_AUTH", ""},
            {"TEMPORAL_GRPC_META_ONE_HEADER", "env"},
            {"TEMPORAL_GRPC_META_THREE", ""},
            {"TEMPORAL_GRPC_META_FOUR", "4"},
            {"TEMPORAL_TASK_QUEUE", "queue"},
        };
        for (const auto& [name, value] : variables) {
            world one = with_file(text, {{name, value}});
            one.files["other.pem"] = key;
            if (name != "TEMPORAL_TLS_CLIENT_CERT_PATH" && name != "TEMPORAL_TLS_CLIENT_CERT_DATA")
                CHECK_MESSAGE(!(one.settings() == with_file(text).settings()), one.variables.begin()->first);
        }
        world w = with_file(text, variables);
        w.files["other.pem"] = key + "other";
        const connection_settings s = w.settings();
        CHECK(s.address == sourced<std::string>{"[::1]:2", "TEMPORAL_ADDRESS"});
        CHECK(s.endpoint == host_port{"::1", 2});
        CHECK(s.name_space == sourced<std::string>{"env-ns", "TEMPORAL_NAMESPACE"});
        CHECK(s.api_key == sourced<std::string>{"SECRETMARKER-env", "TEMPORAL_API_KEY"});
        CHECK(s.authority == sourced<std::string>{"env-authority", "TEMPORAL_CLIENT_AUTHORITY"});
        CHECK(s.tls.on == sourced<bool>{true, "TEMPORAL_TLS"});
        CHECK(s.tls.client_cert == sourced<std::string>{ca, "TEMPORAL_TLS_CLIENT_CERT_DATA"});
        CHECK(s.tls.client_key == sourced<std::string>{key + "other", "\"other.pem\", TEMPORAL_TLS_CLIENT_KEY_PATH"});
        CHECK(s.tls.server_ca == sourced<std::string>{});
        CHECK(s.tls.server_name == sourced<std::string>{"env-name", "TEMPORAL_TLS_SERVER_NAME"});
        CHECK(s.tls.verify_host == sourced<bool>{true, "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION"});
        CHECK(s.codec.endpoint == sourced<std::string>{"http://env", "TEMPORAL_CODEC_ENDPOINT"});
        CHECK(s.codec.auth == sourced<std::string>{"", "TEMPORAL_CODEC_AUTH"});
        CHECK(s.grpc_meta == std::map<std::string, sourced<std::string>, std::less<>>{
                                 {"one-header", {"env", "TEMPORAL_GRPC_META_ONE_HEADER"}},
                                 {"two", {"2", "temporal.toml:17"}},
                                 {"four", {"4", "TEMPORAL_GRPC_META_FOUR"}},
                             });
        CHECK(s.task_queue == sourced<std::string>{"queue", "TEMPORAL_TASK_QUEUE"});
        CHECK(s.warnings.empty());
    }
}

TEST_CASE("a variable that is empty takes back what the file says")
{
    const connection_settings s = with_file(
        "[profile.default]\naddress = \"a:1\"\nnamespace = \"n\"\napi_key = \"k\"\n",
        {{"TEMPORAL_ADDRESS", ""}, {"TEMPORAL_NAMESPACE", ""},
            {"TEMPORAL_API_KEY", ""}}).settings();
    CHECK(s.address == sourced<std::string>{"localhost:7233", "default, TEMPORAL_ADDRESS is empty"});
    CHECK(s.name_space == sourced<std::string>{"default", "default, TEMPORAL_NAMESPACE is empty"});
    CHECK(s.api_key == sourced<std::string>{"", "TEMPORAL_API_KEY"});
    CHECK(s.tls.on == sourced<bool>{false, "default"});
}

TEST_CASE("what stands in for a variable, and what is asked for")
{
    world w = with_file("[profile.b]\naddress = \"b:1\"\nnamespace = \"n\"\n",
        {{"TEMPORAL_PROFILE", "a"}, {"TEMPORAL_ADDRESS", "x:1"}, {"TEMPORAL_CONFIG_FILE", "/none"}});
    w.options.file = "temporal.toml";
    w.options.profile = "b";
    w.options.overrides = {{"TEMPORAL_ADDRESS", {"y:2", "--address"}}, {"TEMPORAL_TLS", {"1", "--tls"}}};
    const connection_settings s = w.settings();
    CHECK(s.profile == sourced<std::string>{"b", "as asked for"});
    CHECK(s.address == sourced<std::string>{"y:2", "--address"});
    CHECK(s.name_space == sourced<std::string>{"n", "temporal.toml:3"});
    CHECK(s.tls.on == sourced<bool>{true, "--tls"});
    w.options.overrides["TEMPORAL_TLS"].value = "perhaps";
    CHECK(to_string(w.read().problems()) == "--tls is \"perhaps\": give true or false, or take the variable away");
}

TEST_CASE("when TLS is on")
{
    struct row {
        const char* why;
        const char* text;  // below [profile.default]
        texts variables;
        bool on;
        const char* from;
        std::size_t warnings = 0;
    };
    const row rows[] = {
        {"nobody said", "", {}, false, "default"},
        {"a key alone", "api_key = \"k\"", {}, true, "there is an API key, temporal.toml:2"},
        {"a key in the environment", "", {{"TEMPORAL_API_KEY", "k"}}, true, "there is an API key, TEMPORAL_API_KEY"},
        {"a key and a section", "api_key = \"k\"\ntls.server_name = \"n\"", {}, true, "temporal.toml:3"},
        {"an empty section", "tls = {}", {}, true, "temporal.toml:2"},
        {"a key, and disabled", "api_key = \"k\"\ntls.disabled = true", {}, false, "temporal.toml:3", 1},
        {"a key, and disabled by a variable", "api_key = \"k\"", {{"TEMPORAL_TLS", "0"}}, false, "TEMPORAL_TLS", 1},
        {"disabled, and on by a variable", "tls.disabled = true", {{"TEMPORAL_TLS", "TRUE"}}, true, "TEMPORAL_TLS"},
        {"disabled stays with another variable", "tls.disabled = true", {{"TEMPORAL_TLS_SERVER_NAME", "n"}}, false,
            "temporal.toml:2"},
        {"not disabled", "tls.disabled = false", {}, true, "temporal.toml:2"},
        {"any variable of it makes a section", "", {{"TEMPORAL_TLS_SERVER_NAME", ""}}, true,
            "TEMPORAL_TLS_SERVER_NAME"},
        {"off by a variable", "tls.server_name = \"n\"", {{"TEMPORAL_TLS", "false"}}, false, "TEMPORAL_TLS"},
    };
    for (const row& r : rows) {
        const connection_settings s = with_file("[profile.default]\n" + std::string{r.text}, r.variables).settings();
        CHECK_MESSAGE((s.tls.on == sourced<bool>{r.on, r.from}), r.why);
        CHECK_MESSAGE(s.warnings.size() == r.warnings, r.why);
        if (!r.on)
            CHECK_MESSAGE(s.tls.server_name == sourced<std::string>{}, r.why);
    }
}

TEST_CASE("without TLS no certificate is looked at")
{
    world w = with_file("[profile.default.tls]\nclient_cert_path = \"gone\"\nclient_key_path = \"gone\"\n");
    CHECK(w.read().problems().size() == 2);
    w.variables["TEMPORAL_TLS"] = "false";
    CHECK(w.settings().tls.client_cert.value.empty());
}

TEST_CASE("profiles")
{
    const std::string two = "[profile.a]\nnamespace = \"na\"\n[profile.b]\nnamespace = \"nb\"\n";
    CHECK(with_file(two).settings().name_space.value == "default");
    CHECK(with_file(two, {{"TEMPORAL_PROFILE", "b"}}).settings().name_space.value == "nb");
    CHECK(with_file(two, {{"TEMPORAL_PROFILE", ""}}).settings().profile.from == "default");
    CHECK(to_string(with_file(two, {{"TEMPORAL_PROFILE", "c"}}).read().problems()) ==
          "TEMPORAL_PROFILE is \"c\": \"temporal.toml\" has only a, b; name one it has");
    CHECK(to_string(with_file("", {{"TEMPORAL_PROFILE", "c"}}).read().problems()) ==
          "TEMPORAL_PROFILE is \"c\": \"temporal.toml\" has no profile; name one it has");
    CHECK_MESSAGE(!with_file(two, {{"TEMPORAL_PROFILE", "default"}}).read(), "a name is a name, even this one");
    world none{{{"LAMBDA_TASK_ROOT", "/r"}}, {}, {}};
    none.options.profile = "c";
    CHECK(to_string(none.read().problems()) ==
          "profile is \"c\": there is no file to have it; looked for /r/temporal.toml, temporal.toml");
}

TEST_CASE("unknown keys are warnings, or errors to who is strict")
{
    world w = with_file("top = 1\n"
                        "[profile.default]\n"
                        "adress = \"SECRETMARKER\"\n"
                        "\"tls.disabled\" = true\n"
                        "[profile.default.tls]\n"
                        "client_cert = \"SECRETMARKER\"\n"
                        "[profile.default.codec]\n"
                        "\"two words\" = 1\n"
                        "[profile.other]\n"
                        "key = 1\n");
    const problems warned = w.settings().warnings;
    std::vector<std::string> fields;  // by line
    for (const problem& p : warned) {
        fields.push_back(p.field);
        CHECK(p.value.empty());
        CHECK(p.remedy.starts_with("there is no such key; there "));
    }
    CHECK(fields == std::vector<std::string>{"temporal.toml:1: top", "temporal.toml:3: profile.default.adress",
                        "temporal.toml:4: profile.default.\"tls.disabled\"",
                        "temporal.toml:6: profile.default.tls.client_cert",
                        "temporal.toml:8: profile.default.codec.\"two words\"", "temporal.toml:10: profile.other.key"});
    w.options.strict = true;
    CHECK(w.read().problems() == warned);

    world broken = with_file("[profile.default]\ntls.client_crt_path = \"a\"\ntls.client_key_path = \"key.pem\"\n");
    CHECK_MESSAGE(broken.read().problems().size() == 2, "with errors, unknown keys are told too: one may be the cause");
}

TEST_CASE("what is TOML is read, whatever there is in it beside profiles")
{
    const std::string text = "\xEF\xBB\xBF# \xE2\x80\xA8 [[[\r\n"
                             "a = [ [ [1] ],\n[],\n[[ {b = [\"]}\"]} ]] ] # ]\r\n"
                             "[[list]]\n[[ list ]]\n[ \"q\" . 'r' ]\n"
                             "text = \"\"\"\n[[[\n\\\"\"\"}\"\"\"\"\"\n"
                             "raw = '''}\\'''''\n"
                             "short = '\\'\n"
                             "dots = \"" +
                             std::string(200, '.') + "\" # " + std::string(200, '.') +
                             "\n[profile.default]\naddress = \"a:1\"\n";
    CHECK(with_file(text).settings().warnings.size() == 3);
}

TEST_CASE("variables that another tool knows are warned of")
{
    const connection_settings s = world{
        {{"TEMPORAL_TLS_CERT", "SECRETMARKER"}, {"TEMPORAL_DEBUG", "1"}, {"TEMPORAL_TLS_SERVER_NAME", "n"}}, {},
        {}}.settings();
    REQUIRE(s.warnings.size() == 1);
    CHECK(s.warnings[0].field == "TEMPORAL_TLS_CERT");
    CHECK(s.warnings[0].value.empty());
    CHECK(s.warnings[0].remedy.find("CLIENT_CERT_PATH, ") != std::string::npos);
}

TEST_CASE("what is wrong, each with its place and its remedy")
{
    struct row {
        const char* why;
        std::string text;
        texts variables;
        std::string problem;  // how the only one begins
    };
    const std::string p = "[profile.default]\n";
    const std::string tls = "[profile.default.tls]\n";
    const row rows[] = {
        {"a named file that is not there", "", {{"TEMPORAL_CONFIG_FILE", "/none"}},
            "TEMPORAL_CONFIG_FILE is \"/none\": cannot be read: No such file"},
        {"a file that cannot be read", "unreadable", {}, "temporal.toml: cannot be read: Permission denied"},
        {"broken TOML", "[profile.default]\naddress = \n", {}, "temporal.toml:2: this is not TOML"},
        {"text without quotes is not shown", p + "api_key = 12SECRETMARKER\n", {}, "temporal.toml:2: this is not TOML"},
        {"a key twice", p + "address = \"a:1\"\naddress = \"b:1\"\n", {}, "temporal.toml:3: this is not TOML"},
        {"no text in UTF-8", p + "address = \"\xff:1\"\n", {}, "temporal.toml:2: this is not TOML"},
        {"no end of tables within tables", "x" + std::string(70, '.') + "x = 1", {}, "temporal.toml:1: there are too"},
        {"profiles are a table", "profile = 5\n", {},
            "temporal.toml:1: profile: this is no table; write [profile.NAME]"},
        {"a profile is a table", "[profile]\ndefault = 5\n", {},
            "temporal.toml:2: profile.default: this is no table; write [profile.default]"},
        {"a section is a table", p + "tls = true\n", {}, "temporal.toml:2: profile.default.tls: this is no table"},
        {"a header without a name", "\n [[[a]]]\n", {}, "temporal.toml:2: this is not TOML: a table has a name"},
        {"nor after a mark of UTF-8", "\xEF\xBB\xBF[\x01", {}, "temporal.toml:1: this is not TOML: a table has a name"},
        {"a brace in an array", "x = [1, }]\n", {}, "temporal.toml:1: this is not TOML: a bracket closes"},
        {"a line break of other scripts", "x = [\n\xE2\x80\xA8]\n", {},
            "temporal.toml:2: this is not TOML: without quotes"},
        {"a number for text", p + "namespace = 5\n", {},
            "temporal.toml:2: profile.default.namespace is 5: give text in quotes"},
        {"text for a flag", tls + "disabled = \"no\"\n", {},
            "temporal.toml:2: profile.default.tls.disabled is \"no\": give true or false, without quotes"},
        {"a secret of another kind is not shown", p + "api_key = 5\n", {},
            "temporal.toml:2: profile.default.api_key: give text in quotes"},
        {"a wrong type in another profile", "[profile.a]\naddress = 5\n", {},
            "temporal.toml:2: profile.a.address is 5: give text in quotes"},
        {"a header of no text", p + "grpc_meta.a = 5\n", {},
            "temporal.toml:2: profile.default.grpc_meta.a: give text in quotes"},
        {"a header twice", p + "grpc_meta.A-b = \"1\"\ngrpc_meta.a_b = \"2\"\n", {},
            "temporal.toml:3: profile.default.grpc_meta.a_b: this is the header a-b, which temporal.toml:2 gives"},
        {"a header of gRPC's own", "", {{"TEMPORAL_GRPC_META_GRPC_TIMEOUT", "1S"}},
            "TEMPORAL_GRPC_META_GRPC_TIMEOUT: there can be no such header"},
        {"a header without a name", "", {{"TEMPORAL_GRPC_META_", "x"}}, "TEMPORAL_GRPC_META_: there can be no such"},
        {"a header of two lines", "", {{"TEMPORAL_GRPC_META_A", "SECRETMARKER\r\nb: c"}},
            "TEMPORAL_GRPC_META_A: a line break"},
        {"a key with its file's line end", "", {{"TEMPORAL_API_KEY", "SECRETMARKER\n"}},
            "TEMPORAL_API_KEY: a line break"},
        {"a flag that is none", "", {{"TEMPORAL_TLS", "yes"}}, "TEMPORAL_TLS is \"yes\": give true or false"},
        {"an empty flag is none", "", {{"TEMPORAL_TLS", ""}}, "TEMPORAL_TLS is \"\": give true or false"},
        {"an address without a port", "", {{"TEMPORAL_ADDRESS", "host"}},
            "TEMPORAL_ADDRESS is \"host\": the port is missing; give HOST:PORT, like localhost:7233"},
        {"an address in the file", p + "address = \"a:0\"\n", {},
            "temporal.toml:2: profile.default.address is \"a:0\": give a port from 1 to 65535"},
        {"a password in an address is not shown", "", {{"TEMPORAL_ADDRESS", "https://u:SECRETMARKER@h:1"}},
            "TEMPORAL_ADDRESS is \"https://***@h:1\": give HOST:PORT alone"},
        {"a certificate without its key", tls + "client_cert_path = \"cert.pem\"\n", {},
            "temporal.toml:2: profile.default.tls.client_cert_path is \"cert.pem\": a certificate and its key come "
            "together; give tls.client_key_path"},
        {"a key without its certificate", "", {{"TEMPORAL_TLS_CLIENT_KEY_DATA", key}},
            "TEMPORAL_TLS_CLIENT_KEY_DATA: a certificate and its key come together; give tls.client_cert_path"},
        {"a path and data", tls + "server_ca_cert_path = \"ca.pem\"\nserver_ca_cert_data = \"SECRETMARKER\"\n", {},
            "temporal.toml:3: profile.default.tls.server_ca_cert_data: temporal.toml:2 gives a path for the same"},
        {"a path here and data there", tls + "server_ca_cert_path = \"ca.pem\"\n",
            {{"TEMPORAL_TLS_SERVER_CA_CERT_DATA", ca}},
            "TEMPORAL_TLS_SERVER_CA_CERT_DATA: temporal.toml:2 gives a path for the same; give one of both. A "
            "variable that is empty"},
        {"both, with TLS off", "",
            {{"TEMPORAL_TLS", "0"}, {"TEMPORAL_TLS_SERVER_CA_CERT_DATA", ca},
                {"TEMPORAL_TLS_SERVER_CA_CERT_PATH", "ca.pem"}},
            "TEMPORAL_TLS_SERVER_CA_CERT_DATA: TEMPORAL_TLS_SERVER"},
        {"a file of certificates that is not there", "", {{"TEMPORAL_TLS_SERVER_CA_CERT_PATH", "gone"}},
            "TEMPORAL_TLS_SERVER_CA_CERT_PATH is \"gone\": cannot be read: No such file"},
        {"no PEM", "", {{"TEMPORAL_TLS_SERVER_CA_CERT_DATA", "SECRETMARKER"}},
            "TEMPORAL_TLS_SERVER_CA_CERT_DATA: there is no certificate in it"},
        {"a key for a certificate", "", {{"TEMPORAL_TLS_SERVER_CA_CERT_PATH", "key.pem"}},
            "TEMPORAL_TLS_SERVER_CA_CERT_PATH is \"key.pem\": there is no certificate in it"},
        {"line breaks that are none", "",
            {{"TEMPORAL_TLS_SERVER_CA_CERT_DATA", "-----BEGIN CERTIFICATE-----\\nSECRETMARKER"}},
            "TEMPORAL_TLS_SERVER_CA_CERT_DATA: it is all one line"},
        {"a key with a password", "",
            {{"TEMPORAL_TLS_CLIENT_CERT_DATA", cert},
                {"TEMPORAL_TLS_CLIENT_KEY_DATA", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nSECRETMARKER\n"}},
            "TEMPORAL_TLS_CLIENT_KEY_DATA: the key is encrypted"},
        {"a name to verify that is none", "", {{"TEMPORAL_TLS_SERVER_NAME", "a b"}},
            "TEMPORAL_TLS_SERVER_NAME is \"a b\": give a host's name alone"},
        {"half a pair, as the other half is of the wrong kind",
            tls + "client_cert_path = \"cert.pem\"\nclient_key_path = 5\n", {},
            "temporal.toml:3: profile.default.tls.client_key_path is 5: give text in quotes"},
    };
    for (const row& r : rows) {
        const std::string text = to_string(with_file(r.text, r.variables).read().problems());
        CHECK_MESSAGE(text.starts_with(r.problem), r.why << ": " << text);
        CHECK_MESSAGE(text.find('\n') == text.npos, r.why << ", and nothing else: " << text);
        CHECK_MESSAGE(text.find("SECRETMARKER") == text.npos, r.why);
    }
}

TEST_CASE("all that is wrong comes at once")
{
    const problems all = with_file("[profile.default]\nnamespace = 5\naddres = \"x\"\n[profile.other]\ntls = 1\n",
        {{"TEMPORAL_ADDRESS", "x"}, {"TEMPORAL_TLS", "y"}, {"TEMPORAL_PROFILE", "third"},
            {"TEMPORAL_TLS_SERVER_CA_CERT_PATH", "gone"}})
                             .read()
                             .problems();
    for (const char* const field : {"temporal.toml:2: profile.default.namespace",
             "temporal.toml:3: profile.default.addres", "temporal.toml:5: profile.other.tls", "TEMPORAL_ADDRESS",
             "TEMPORAL_TLS", "TEMPORAL_PROFILE", "TEMPORAL_TLS_SERVER_CA_CERT_PATH"})
        CHECK_MESSAGE(
            std::count_if(all.begin(), all.end(), [&](const problem& p) { return p.field == field; }) == 1, field);
    CHECK(all.size() == 7);
}

TEST_CASE("settings are shown with their sources and without their secrets")
{
    world w = with_file("[profile.default]\n"
                        "address = \"a:1\"\n"
                        "api_key = \"SECRETMARKER\"\n"
                        "[profile.default.tls]\n"
                        "client_cert_path = \"cert.pem\"\n"
                        "client_key_path = \"key.pem\"\n"
                        "[profile.default.codec]\n"
                        "endpoint = \"https://user:SECRETMARKER@codec/\"\n"
                        "auth = \"SECRETMARKER\"\n"
                        "[profile.default.grpc_meta]\n"
                        "authorization = \"SECRETMARKER\"\n",
        {{"TEMPORAL_TLS_SERVER_CA_CERT_DATA", ca}, {"TEMPORAL_TASK_QUEUE", "q\n"}});
    CHECK(to_string(w.settings()) == "file: \"temporal.toml\"\n"
                                     "profile: \"default\" (default)\n"
                                     "address: \"a:1\" (temporal.toml:2)\n"
                                     "namespace: \"default\" (default)\n"
                                     "api_key: *** (temporal.toml:3)\n"
                                     "tls: true (temporal.toml:4)\n"
                                     "tls.client_cert: *** (\"cert.pem\", temporal.toml:5)\n"
                                     "tls.client_key: *** (\"key.pem\", temporal.toml:6)\n"
                                     "tls.server_ca_cert: *** (TEMPORAL_TLS_SERVER_CA_CERT_DATA)\n"
                                     "tls.verify_host: true (default)\n"
                                     "codec.endpoint: \"https://***@codec/\" (temporal.toml:8)\n"
                                     "codec.auth: *** (temporal.toml:9)\n"
                                     "grpc_meta.authorization: *** (temporal.toml:11)\n"
                                     "task_queue: \"q\\n\" (TEMPORAL_TASK_QUEUE)\n");
    CHECK(to_string(connection_settings{}) == "file: none\n"
                                              "profile: \"default\" (default)\n"
                                              "address: \"localhost:7233\" (default)\n"
                                              "namespace: \"default\" (default)\n"
                                              "tls: false (default)\n");
    CHECK(config::detail::shown(std::string(500, 'x')).size() == 125);
}
