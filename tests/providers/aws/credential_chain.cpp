// SPDX-License-Identifier: BSL-1.0
#include "made_config.hpp"

#include <mayfly/aws/credential_chain.hpp>
#include <mayfly/http/server.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

using namespace std::chrono_literals;
using namespace mayfly::aws;
using mayfly_test::variables;
namespace asio = boost::asio;
namespace aws = mayfly::aws;
namespace http = mayfly::http;

namespace {

using error_code = boost::system::error_code;

std::string document(const std::string& id, const char* more = "")
{
    return R"({"AccessKeyId":")" + id +
           R"(","SecretAccessKey":"hidden","Token":"t","Expiration":"2036-03-04T05:06:07Z")" + more + "}";
}

/// Answers on loopback as it is told, and remembers what it was asked.
struct endpoint_double {
    using answer = std::pair<unsigned, std::string>;  // status zero: never

    explicit endpoint_double(asio::io_context& io)
        : server(io.get_executor(),
              [this](http::request r) -> asio::awaitable<http::response> { return reply(this, std::move(r)); })
    {
        REQUIRE(!server.listen());
    }

    static asio::awaitable<http::response> reply(endpoint_double* self, http::request r)
    {
        const std::string line = std::string{r.method_string()} + ' ' + std::string{r.target()};
        self->asked.push_back(line);
        self->last = r;
        const answer a = self->answers ? self->answers(line, r) : answer{404, ""};
        if (a.first == 0) {
            asio::steady_timer never(co_await asio::this_coro::executor, std::chrono::steady_clock::time_point::max());
            error_code ec;
            co_await never.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        }
        http::response out;
        out.result(a.first == 0 ? 500U : a.first);
        out.body() = a.second;
        co_return out;
    }

    [[nodiscard]] std::string url(const char* path = "") const
    {
        return "http://127.0.0.1:" + std::to_string(server.port()) + path;
    }

    std::function<answer(const std::string& line, const http::request&)> answers;
    std::vector<std::string> asked;
    http::request last;
    http::server server;
};

struct chain_bench {
    asio::io_context io;
    endpoint_double there{io};
    std::vector<std::pair<assume_role_request, credentials>> assumed;
    std::function<assumed_role(const assume_role_request&)> sts = [this](const assume_role_request&) {
        assumed_role out;
        out.keys = {"ASIA" + std::to_string(assumed.size()), "hidden", "t", mayfly::wall_time{} + 1000h};
        return out;
    };
    credential_chain_options options{.container_timeout = 30s, .container_pause = 1ms};

    assume_role_function assume()
    {
        return
            [this](assume_role_request r, credentials caller) { return call(this, std::move(r), std::move(caller)); };
    }
    static asio::awaitable<assumed_role> call(chain_bench* f, assume_role_request r, credentials caller)
    {
        f->assumed.emplace_back(r, std::move(caller));
        co_return f->sts(r);
    }

    fetched_credentials await(fetch_function fetch)
    {
        std::optional<fetched_credentials> out;
        asio::co_spawn(io, fetch(), [&](std::exception_ptr, fetched_credentials got) {
            out = std::move(got);
            io.stop();
        });
        io.restart();
        io.run_for(30s);
        REQUIRE(out);
        CHECK(out->why.message.find("hidden") == std::string::npos);
        return *out;
    }
    fetch_function chain(variables v, std::string_view config_text = "")
    {
        v.emplace("AWS_EC2_METADATA_SERVICE_ENDPOINT", there.url());
        v.emplace("AWS_METADATA_SERVICE_TIMEOUT", "30");
        return fetch_by_chain(io.get_executor(), config::of({std::move(v)}, "", config_text), assume(), options);
    }
    fetched_credentials fetch(variables v, std::string_view config_text = "")
    {
        return await(chain(std::move(v), config_text));
    }
};

struct file {
    explicit file(std::string_view text)
        : path(std::filesystem::temp_directory_path() / ("mayfly-token-" + std::to_string(::getpid())))
    {
        write(text);
    }
    ~file() { std::filesystem::remove(path); }
    void write(std::string_view text) const { std::ofstream(path) << text; }
    std::filesystem::path path;
};

/// A metadata service whose role is `worker`.
endpoint_double::answer instance_answers(const std::string& line, const http::request& r)
{
    if (line == "PUT /latest/api/token")
        return {r["X-aws-ec2-metadata-token-ttl-seconds"] == "21600" ? 200 : 400, "TOKEN"};
    if (r["X-aws-ec2-metadata-token"] != "TOKEN")
        return {401, ""};
    if (line == "GET /latest/meta-data/iam/security-credentials/")
        return {200, "worker\n"};
    if (line == "GET /latest/meta-data/iam/security-credentials/worker")
        return {200, document("ASIAINST", R"(,"Code":"Success")")};
    if (line == "GET /latest/meta-data/placement/region")
        return {200, "eu-south-2"};
    return {404, ""};
}

}  // namespace

TEST_CASE("keys need no traffic")
{
    chain_bench f;
    const auto got = f.fetch({{"AWS_ACCESS_KEY_ID", "AKENV"}, {"AWS_SECRET_ACCESS_KEY", "hidden"}});
    CHECK(got.keys.access_key_id == "AKENV");
    CHECK(f.there.asked.empty());
    CHECK(f.assumed.empty());
}

TEST_CASE("what is wrongly configured is said, and nothing is asked")
{
    chain_bench f;
    const auto got = f.fetch({{"AWS_PROFILE", "absent"}});
    CHECK(got.why.ec == credential_errc::bad_settings);
    CHECK(got.why.message.starts_with("AWS_PROFILE is \"absent\": there is no such profile"));
    CHECK(f.fetch({{"AWS_EC2_METADATA_DISABLED", "true"}}).why.ec == credential_errc::none_found);
    CHECK(f.there.asked.empty());
}

TEST_CASE("the container's endpoint")
{
    struct row {
        const char* why;
        std::vector<endpoint_double::answer> answers;  // the last one is repeated
        error_code code;
        const char* words;
        std::size_t asked;
    };
    const row rows[] = {
        {"answers", {{200, document("ASIACONT")}}, {}, "", 1},
        {"is slow to start", {{503, ""}, {500, ""}, {200, document("ASIACONT")}}, {}, "", 3},
        {"stays ill", {{500, "hidden"}}, credential_errc::source_failed, "HTTP 500", 3},
        {"refuses", {{403, R"({"code":"AccessDenied","message":"hidden"})"}}, credential_errc::source_refused,
            "HTTP 403", 1},
        {"answers something else", {{200, "hidden"}}, credential_errc::source_refused, "not JSON", 1},
        {"sends us elsewhere", {{302, ""}}, credential_errc::source_refused, "HTTP 302", 1},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        chain_bench f;
        f.there.answers = [&](const std::string&, const http::request&) {
            return r.answers[std::min(f.there.asked.size(), r.answers.size()) - 1];
        };
        const auto got = f.fetch({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", f.there.url("/creds?a=1")},
            {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic hidden"}});
        CHECK(got.why.ec == r.code);
        CHECK(got.why.message.find(r.words) != std::string::npos);
        CHECK(f.there.asked == std::vector<std::string>(r.asked, "GET /creds?a=1"));
        CHECK(f.there.last["Authorization"] == "Basic hidden");
        CHECK(f.there.last["Accept"] == "application/json");
        if (!r.code)
            CHECK(got.keys.access_key_id == "ASIACONT");
    }
}

TEST_CASE("a container's endpoint that nobody serves, or that never answers")
{
    chain_bench f;
    asio::ip::tcp::acceptor taken(f.io, {asio::ip::address_v4::loopback(), 0});
    const std::string url = "http://127.0.0.1:" + std::to_string(taken.local_endpoint().port());
    taken.close();
    const auto got = f.fetch({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", url}});
    CHECK(got.why.ec == credential_errc::source_failed);
    CHECK(got.why.message.starts_with("the container's credentials: "));

    f.there.answers = [](const std::string&, const http::request&) { return endpoint_double::answer{0, ""}; };
    f.options.container_timeout = 20ms;
    CHECK(f.fetch({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", f.there.url()}}).why.ec == credential_errc::source_failed);
    CHECK(f.there.asked.size() == 3);
}

TEST_CASE("the container's token file is read each time")
{
    chain_bench f;
    const file token("one");
    f.there.answers = [](const std::string&, const http::request&) {
        return endpoint_double::answer{200, document("ASIACONT")};
    };
    const auto fetch = f.chain({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", f.there.url()},
        {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.path}, {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "never"}});
    CHECK(!f.await(fetch).why);
    CHECK(f.there.last["Authorization"] == "one");
    token.write("two");
    CHECK(!f.await(fetch).why);
    CHECK(f.there.last["Authorization"] == "two");
    for (const char* bad : {"a\nb", "a\r\n", ""}) {
        token.write(bad);
        CHECK(f.await(fetch).why.ec == credential_errc::source_refused);
    }
    std::filesystem::remove(token.path);
    CHECK(f.await(fetch).why.ec == credential_errc::source_refused);
    CHECK(f.there.asked.size() == 2);
}

TEST_CASE("the instance's role: a token, a name, credentials; then the token is kept")
{
    chain_bench f;
    f.there.answers = instance_answers;
    const auto fetch = f.chain({});
    const auto got = f.await(fetch);
    CHECK_MESSAGE(!got.why, got.why.message);
    CHECK(got.keys.access_key_id == "ASIAINST");
    CHECK(got.outlive_their_end);
    const std::vector<std::string> first{"PUT /latest/api/token", "GET /latest/meta-data/iam/security-credentials/",
        "GET /latest/meta-data/iam/security-credentials/worker"};
    CHECK(f.there.asked == first);
    CHECK(!f.await(fetch).why);
    CHECK(f.there.asked.size() == 5);
}

TEST_CASE("an instance's token that went stale is replaced once")
{
    chain_bench f;
    std::string valid = "TOKEN";
    f.there.answers = [&](const std::string& line, const http::request& r) -> endpoint_double::answer {
        if (line.starts_with("PUT"))
            return {200, valid};
        if (r["X-aws-ec2-metadata-token"] != "SECOND")
            return {401, ""};
        return {200, line.ends_with('/') ? "worker" : document("ASIAINST", R"(,"Code":"Success")")};
    };
    const auto fetch = f.chain({});
    // All tokens are refused: no circle.
    CHECK(f.await(fetch).why.ec == credential_errc::source_refused);
    CHECK(f.there.asked.size() == 4);
    valid = "SECOND";
    CHECK(!f.await(fetch).why);
    CHECK(f.there.asked.size() == 8);
}

TEST_CASE("machines without credentials")
{
    struct row {
        const char* why;
        const char* line;  // what is answered differently
        endpoint_double::answer answer;
        credential_errc code;
        const char* words;
    };
    const char* const folder = "GET /latest/meta-data/iam/security-credentials/";
    const row rows[] = {
        {"no version 2", "PUT /latest/api/token", {404, ""}, credential_errc::none_found, "only version 1"},
        {"switched off", "PUT /latest/api/token", {403, ""}, credential_errc::none_found, "switched off"},
        {"not allowed", "PUT /latest/api/token", {405, ""}, credential_errc::none_found, "set AWS_ACCESS_KEY_ID"},
        {"nobody answers", "PUT /latest/api/token", {0, ""}, credential_errc::none_found, "does not answer"},
        {"a token that is odd", "PUT /latest/api/token", {200, "a\r\nX: y"}, credential_errc::source_refused,
            "HTTP 200"},
        {"no role", folder, {404, ""}, credential_errc::none_found, "no role"},
        {"an empty list", folder, {200, ""}, credential_errc::none_found, "no role"},
        {"silent, once it gave a token", folder, {0, ""}, credential_errc::source_failed, "does not answer"},
        {"trouble", folder, {500, ""}, credential_errc::source_failed, "HTTP 500"},
        {"a role that cannot be assumed", "GET /latest/meta-data/iam/security-credentials/worker",
            {200, R"({"Code":"Failed","Message":"because"})"}, credential_errc::source_refused, "because"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        chain_bench f;
        f.there.answers = [&r](const std::string& line, const http::request& q) {
            return line == r.line ? r.answer : instance_answers(line, q);
        };
        // A second, where it is waited for in vain.
        const auto got = f.fetch({{"AWS_METADATA_SERVICE_TIMEOUT", r.answer.first == 0 ? "1" : "30"}});
        CHECK(got.why.ec == r.code);
        CHECK_MESSAGE(got.why.message.find(r.words) != std::string::npos, got.why.message);
    }
}

TEST_CASE("roles are assumed one with the other's session")
{
    constexpr const char* files =
        "[default]\nrole_arn = arn:aws:iam::123456789012:role/b\nsource_profile = a\nexternal_id = hidden-id\n"
        "[profile a]\nrole_arn = arn:aws:iam::123456789012:role/a\nsource_profile = keys\n"
        "[profile keys]\naws_access_key_id = AKBASE\naws_secret_access_key = hidden\n";
    chain_bench f;
    const auto got = f.fetch({}, files);
    CHECK(!got.why);
    CHECK(got.keys.access_key_id == "ASIA2");
    REQUIRE(f.assumed.size() == 2);
    CHECK(f.assumed[0].first.role_arn == "arn:aws:iam::123456789012:role/a");
    CHECK(f.assumed[0].second.access_key_id == "AKBASE");
    CHECK(f.assumed[1].first.external_id == "hidden-id");
    CHECK(f.assumed[1].second.access_key_id == "ASIA1");
    CHECK(
        got.keys.source == "arn:aws:iam::123456789012:role/b by arn:aws:iam::123456789012:role/a by profile \"keys\"");

    f.sts = [](const assume_role_request&) {
        assumed_role out;
        out.why = {.ec = aws::errc::access_denied, .code = "AccessDenied", .message = "no"};
        return out;
    };
    const auto denied = f.fetch({}, files);
    CHECK(denied.why.ec == aws::errc::access_denied);
    CHECK(denied.why.code == "AccessDenied");
    CHECK(denied.why.message == "assuming arn:aws:iam::123456789012:role/a by profile \"keys\": no");
    CHECK(f.assumed.size() == 3);
}

TEST_CASE("a web identity's token is read each time, and once more when it has just been replaced")
{
    chain_bench f;
    const file token("first\n");
    const auto fetch = f.chain({{"AWS_WEB_IDENTITY_TOKEN_FILE", token.path},
        {"AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/web"}, {"AWS_ROLE_SESSION_NAME", "me"}});
    CHECK(!f.await(fetch).why);
    CHECK(f.assumed.at(0).first ==
          assume_role_request{"arn:aws:iam::123456789012:role/web", "me", "", std::nullopt, "first"});

    f.sts = [&](const assume_role_request& r) {
        token.write("third");
        assumed_role out;
        if (r.web_identity_token != "third")
            out.why = {.ec = aws::errc::access_denied, .code = "InvalidIdentityToken", .message = "old"};
        return out;
    };
    token.write("second");
    CHECK(!f.await(fetch).why);
    CHECK(f.assumed.size() == 3);
    token.write("second");
    f.sts = [](const assume_role_request&) {
        assumed_role out;
        out.why = {.ec = aws::errc::expired_credentials, .code = "ExpiredTokenException", .message = "old"};
        return out;
    };
    CHECK(f.await(fetch).why.ec == aws::errc::expired_credentials);
    CHECK(f.assumed.size() == 5);
    std::filesystem::remove(token.path);
    CHECK(f.await(fetch).why.ec == credential_errc::source_refused);
    std::filesystem::create_directory(token.path);
    CHECK(f.await(fetch).why.ec == credential_errc::source_refused);
}

TEST_CASE("a role over other credentials asks for others when those have expired")
{
    chain_bench f;
    std::vector<std::shared_ptr<const credentials>> refused;
    const key_function caller = [&](std::shared_ptr<const credentials> r) -> asio::awaitable<signing_keys> {
        refused.push_back(r);
        return fixed_keys({"AK" + std::to_string(refused.size()), "hidden", "", {}, "a test"})(std::move(r));
    };
    f.sts = [&](const assume_role_request&) {
        assumed_role out;
        if (f.assumed.size() == 1)
            out.why = {.ec = aws::errc::expired_credentials, .code = "ExpiredToken"};
        return out;
    };
    const auto got = f.await(
        fetch_by_role(caller, {.role_arn = "arn:aws:iam::123456789012:role/r", .session_name = "s"}, f.assume()));
    CHECK(!got.why);
    CHECK(got.keys.source == "arn:aws:iam::123456789012:role/r by a test");
    REQUIRE(refused.size() == 2);
    CHECK(!refused[0]);
    CHECK(refused[1]->access_key_id == "AK1");
    CHECK(f.assumed.at(1).second.access_key_id == "AK2");
}

TEST_CASE("a thousand first uses of a role are one request to STS")
{
    chain_bench f;
    credential_cache base(
        f.io.get_executor(), f.chain({{"AWS_ACCESS_KEY_ID", "AK"}, {"AWS_SECRET_ACCESS_KEY", "hidden"}}));
    credential_cache role(f.io.get_executor(),
        fetch_by_role(base.keys(), {.role_arn = "arn:aws:iam::123456789012:role/r", .session_name = "s"}, f.assume()),
        {.now = [] { return mayfly::wall_time{}; }});
    int good = 0;
    for (int i = 0; i < 1000; ++i)
        role.async_get([&](error_code ec, std::shared_ptr<const credentials> k) {
            good += !ec && k->access_key_id == "ASIA1";
            if (good == 1000)
                f.io.stop();
        });
    f.io.run_for(30s);
    CHECK(good == 1000);
    CHECK(f.assumed.size() == 1);
}

TEST_CASE("cancelled while an endpoint is asked")
{
    chain_bench f;
    f.there.answers = [&](const std::string&, const http::request&) {
        f.io.stop();
        return endpoint_double::answer{0, ""};
    };
    for (const auto& v : {variables{{"AWS_CONTAINER_CREDENTIALS_FULL_URI", f.there.url()}}, variables{}}) {
        credential_cache cache(f.io.get_executor(), f.chain(v));
        asio::cancellation_signal stop;
        std::optional<error_code> ended;
        cache.async_get(asio::bind_cancellation_slot(
            stop.slot(), [&](error_code ec, std::shared_ptr<const credentials>) { ended = ec; }));
        f.io.restart();
        f.io.run_for(30s);
        CHECK(!ended);
        stop.emit(asio::cancellation_type::terminal);
        f.io.restart();
        f.io.poll();
        CHECK(ended == asio::error::operation_aborted);
    }
}

TEST_CASE("the region, from the machine at last")
{
    chain_bench f;
    f.there.answers = instance_answers;
    const auto find = [&f](variables v) {
        v.emplace("AWS_EC2_METADATA_SERVICE_ENDPOINT", f.there.url());
        v.emplace("AWS_METADATA_SERVICE_TIMEOUT", "30");
        std::optional<std::string> out;
        const auto over = std::make_shared<http::client>(f.io.get_executor());
        asio::co_spawn(
            f.io, find_region(config::of({std::move(v)}, "", ""), over), [&](std::exception_ptr, std::string region) {
                out = std::move(region);
                f.io.stop();
            });
        f.io.restart();
        f.io.run_for(30s);
        return out;
    };
    CHECK(find({{"AWS_REGION", "us-east-2"}}) == "us-east-2");
    CHECK(f.there.asked.empty());
    CHECK(find({}) == "eu-south-2");
    CHECK(find({{"AWS_EC2_METADATA_DISABLED", "true"}}) == "");
    f.there.answers = [](const std::string& line, const http::request& r) {
        return line.ends_with("region") ? endpoint_double::answer{200, "http://evil"} : instance_answers(line, r);
    };
    CHECK(find({}) == "");
}
