// SPDX-License-Identifier: BSL-1.0

// aws-probe whoami
// aws-probe invoke FUNCTION TYPE JSON
// aws-probe burst N [FUNCTION]
//
// The AWS client as a program, so that other servers can be put in front of it. Everything else is said by the
// environment, as AWS tools read it.

#include <mayfly/aws/config.hpp>
#include <mayfly/aws/credential_chain.hpp>
#include <mayfly/aws/endpoint.hpp>
#include <mayfly/aws/lambda_api.hpp>
#include <mayfly/aws/lambda_messages.hpp>
#include <mayfly/aws/lambda_provider.hpp>
#include <mayfly/aws/session.hpp>
#include <mayfly/detail/json_write.hpp>
#include <mayfly/environment.hpp>
#include <mayfly/http/client.hpp>
#include <mayfly/settings.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace aws = mayfly::aws;
using boost::system::error_code;
using lambda_api = aws::basic_lambda_api<mayfly::deadline_clock>;

int fail(const std::string& words)
{
    std::fprintf(stderr, "aws-probe: %s\n", words.c_str());
    return 1;
}

void print(const std::string& line)
{
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fputc('\n', stdout);
}

// Who waits for a function waits as long as it may run. All else is answered soon.
constexpr mayfly::http::call_options while_it_runs{.response = std::chrono::minutes{16}};
constexpr mayfly::http::call_options soon{.response = std::chrono::seconds{10}};

/// A run with one session.
struct probe {
    boost::asio::io_context io{1};
    std::shared_ptr<aws::default_session> session{};

    /// `anywhere`: what is called says itself in which region it is.
    [[nodiscard]] int open(bool anywhere)
    {
        auto config = aws::config::read(mayfly::environment::of_process());
        if (!anywhere && !configured_region(config))
            locate(config);
        auto transport = aws::http_options_of(config);
        transport.connections_per_origin = 64;
        // However many there are, each waits for its turn.
        transport.waiting_requests = 1'000'000;
        transport.limits.wait = {};
        auto opened = aws::default_session::open(io.get_executor(), config, transport, {}, {});
        if (!opened)
            return fail(to_string(opened.problems()));
        session = *opened;
        return 0;
    }

    /// The machine may know what nobody said.
    void locate(aws::config& config)
    {
        auto direct = std::make_shared<mayfly::http::client>(io.get_executor());
        boost::asio::co_spawn(io, aws::find_region(config, direct), [&](std::exception_ptr thrown, std::string region) {
            if (thrown)
                std::rethrow_exception(thrown);
            config.variables.variables["AWS_REGION"] = std::move(region);
            direct->close();
        });
        io.run();
        io.restart();
    }

    int whoami()
    {
        std::optional<aws::identity_answer> got;
        session->sts({}).async_caller_identity(
            session->own(), [&](error_code, aws::identity_answer a) { got = std::move(a); });
        io.run();
        if (got->why)
            return fail(to_string(got->why));
        std::string line;
        mayfly::detail::json_writer{line}
            .begin_object()
            .member("Account", got->who.account)
            .member("Arn", got->who.arn)
            .member("UserId", got->who.user_id)
            .end_object();
        print(line);
        return 0;
    }

    int invoke(const std::string& function, std::string_view type, const std::string& payload)
    {
        const auto known = aws::invocation_type_of(type);
        if (!known)
            return fail("TYPE is \"" + std::string{type} + "\": give RequestResponse, Event or DryRun");
        std::optional<aws::invoke_result> got;
        lambda_api{session->service(), session->own()}.async_invoke(
            {.function = function, .type = *known, .payload = payload},
            *known == aws::invocation_type::request_response ? while_it_runs : soon,
            [&](error_code, aws::invoke_result r) { got = std::move(r); });
        io.run();
        if (got->failed)
            return fail(to_string(got->failed));
        if (!got->payload.empty())
            print(got->payload);
        if (!got->function_error.empty())
            return fail("the function failed: " + got->function_error +
                        (got->request_id.empty() ? "" : " (request id " + got->request_id + ')'));
        return 0;
    }

    int burst(std::string_view text, const std::string& function)
    {
        const auto count = mayfly::detail::number_in<std::uint32_t>(text);
        if (!count || *count == 0 || *count > 1'000'000)
            return fail("N is \"" + std::string{text} + "\": give a number from 1 to 1000000");
        const lambda_api api{session->service(), session->own()};
        std::set<std::string> ids;
        std::uint32_t accepted = 0;
        std::string first_failure;
        // One lane is one request at a time; all lanes share the client.
        const auto begin = std::chrono::steady_clock::now();
        auto lanes = aws::detail::side_by_side(io.get_executor(), *count, [&] {
            return [](const lambda_api& of, const std::string& name, std::set<std::string>& seen, std::uint32_t& good,
                       std::string& failure) -> boost::asio::awaitable<void> {
                auto asked = lambda_api::invoke(
                    of, {.function = name, .type = aws::invocation_type::event, .payload = "{}"}, soon);
                const aws::invoke_result got = co_await std::move(asked);
                good += got.failed ? 0U : 1U;
                if (!got.failed && !got.request_id.empty())
                    seen.insert(got.request_id);
                if (got.failed && failure.empty())
                    failure = to_string(got.failed);
            }(api, function, ids, accepted, first_failure);
        });
        boost::asio::co_spawn(io, std::move(lanes), [](std::exception_ptr thrown, bool) {
            if (thrown)
                std::rethrow_exception(thrown);
        });
        io.run();
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
        std::string line;
        mayfly::detail::json_writer w{line};
        w.begin_object()
            .member("accepted", accepted)
            .member("failed", *count - accepted)
            .member("connections", session->service()->transport().stats().opened)
            .member("request_ids", ids.size())
            .member("seconds", took.count());
        if (!first_failure.empty())
            w.member("first_failure", first_failure);
        w.end_object();
        print(line);
        return accepted == *count ? 0 : fail(first_failure);
    }
};

int run(const std::vector<std::string>& args)
{
    const std::string_view verb = args.empty() ? std::string_view{} : args[0];
    const bool good = (verb == "whoami" && args.size() == 1) || (verb == "invoke" && args.size() == 4) ||
                      (verb == "burst" && (args.size() == 2 || args.size() == 3));
    if (!good) {
        std::fputs("usage: aws-probe whoami\n"
                   "       aws-probe invoke FUNCTION RequestResponse|Event|DryRun JSON\n"
                   "       aws-probe burst N [FUNCTION]   (else AWS_LAMBDA_FUNCTION_NAME, else echo)\n",
            stderr);
        return 2;
    }
    std::string function = mayfly::environment::of_process().get("AWS_LAMBDA_FUNCTION_NAME").value_or("echo");
    if (verb == "invoke")
        function = args[1];
    else if (args.size() == 3)
        function = args[2];
    probe p;
    if (const int wrong = p.open(verb != "whoami" && function.starts_with("arn:")); wrong != 0)
        return wrong;
    if (verb == "whoami")
        return p.whoami();
    return verb == "invoke" ? p.invoke(function, args[2], args[3]) : p.burst(args[1], function);
}

}  // namespace

int main(int argc, char** argv)
{
    return run({argv + 1, argv + argc});
}
