// SPDX-License-Identifier: BSL-1.0
#include <mayfly/aws/credential_process.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include <cerrno>
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;
using namespace mayfly::aws;
namespace asio = boost::asio;

namespace {

constexpr const char* printed = R"({"Version":1,"AccessKeyId":"AKPROC","SecretAccessKey":"hidden"})";

std::vector<std::string> shell(const std::string& script)
{
    return {"/bin/sh", "-c", script};
}

/// What a program gave; nothing if it took more than half a minute.
std::optional<fetched_credentials> run(
    std::vector<std::string> command, credential_process_limits limits = {}, mayfly::environment variables = {})
{
    asio::io_context io;
    std::optional<fetched_credentials> out;
    asio::co_spawn(io, run_credential_process(std::move(command), std::move(variables), "the program", limits),
        [&out](std::exception_ptr, fetched_credentials got) { out = std::move(got); });
    io.run_for(30s);
    return out;
}

bool no_children()
{
    return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
}

}  // namespace

TEST_CASE("a program prints credentials")
{
    const auto got = run(shell("echo '" + std::string{printed} + "'; echo hidden-noise >&2"));
    REQUIRE(got);
    CHECK_MESSAGE(!got->why, got->why.message);
    CHECK(got->keys == credentials{"AKPROC", "hidden", "", {}, "the program"});
    CHECK(no_children());
}

TEST_CASE("it gets its words, its environment, and nothing to read")
{
    const std::string script =
        "test \"$1\" = 'a b' && test \"$COLOUR\" = red && test -z \"$(cat)\" && test $$ = $(ps -o "
        "pgid= -p $$ 2>/dev/null || cut -d' ' -f5 /proc/$$/stat) && echo '" +
        std::string{printed} + "'";
    const auto got =
        run({"/bin/sh", "-c", script, "name", "a b"}, {}, {{{"COLOUR", "red"}, {"PATH", "/usr/bin:/bin"}}});
    REQUIRE(got);
    CHECK_MESSAGE(!got->why, got->why.message);
}

TEST_CASE("programs that give none")
{
    struct row {
        const char* why;
        std::vector<std::string> command;
        credential_process_limits limits;
        credential_errc code;
        const char* words;
    };
    const row rows[] = {
        {"it fails", shell("echo hidden; exit 3"), {}, credential_errc::source_failed, "ended with exit code 3"},
        {"it is killed", shell("kill -9 $$"), {}, credential_errc::source_failed, "ended by a signal"},
        {"it prints something else", shell("echo hidden"), {}, credential_errc::source_refused, "not JSON"},
        {"it prints nothing", shell(":"), {}, credential_errc::source_refused, "not JSON"},
        {"it prints without end", {"/bin/sh", "-c", "while :; do echo hidden; done"}, {},
            credential_errc::source_refused, "printed more than 65536 bytes"},
        {"there is none", {"/nowhere/at/all"}, {}, credential_errc::source_refused,
            "\"/nowhere/at/all\" cannot be run"},
        {"it takes too long", shell("sleep 1000"), {.time = 50ms}, credential_errc::source_failed,
            "did not end within 50 ms"},
        {"it leaves the pipe to a child", shell("sleep 1000 & echo '{}'"), {.time = 50ms},
            credential_errc::source_failed, "did not end within 50 ms"},
        {"it closes the pipe and stays", shell("exec >&-; sleep 1000"), {.time = 50ms}, credential_errc::source_failed,
            "did not end within 50 ms"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const auto got = run(r.command, r.limits);
        REQUIRE(got);
        CHECK(got->why.ec == r.code);
        CHECK_MESSAGE(got->why.message.find(r.words) != std::string::npos, got->why.message);
        CHECK(got->why.message.find("hidden") == std::string::npos);
        CHECK(no_children());
    }
}

TEST_CASE("cancelled, it is killed with its children, and no zombie stays")
{
    const auto file = std::filesystem::temp_directory_path() / ("mayfly-process-" + std::to_string(::getpid()));
    std::filesystem::remove(file);
    asio::io_context io;
    asio::cancellation_signal stop;
    std::optional<fetched_credentials> got;
    asio::co_spawn(io,
        run_credential_process(shell("sleep 1000 & echo $! > " + file.string() + "; wait"), {}, "the program"),
        asio::bind_cancellation_slot(
            stop.slot(), [&got](std::exception_ptr, fetched_credentials g) { got = std::move(g); }));
    const auto child = [&file] {
        std::ifstream in(file);
        std::string text(std::istreambuf_iterator<char>(in), {});
        return text.ends_with('\n') ? std::stoi(text) : 0;
    };
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (child() == 0 && std::chrono::steady_clock::now() < end)
        io.run_for(1ms);
    REQUIRE(child() != 0);
    stop.emit(asio::cancellation_type::terminal);
    io.run_for(30s);
    REQUIRE(got);
    CHECK(got->why.ec == asio::error::operation_aborted);
    CHECK(no_children());
    // The grandchild is init's now, or a zombie of whoever reaps here: it runs no more.
    const auto running = [&] {
        std::ifstream in("/proc/" + std::to_string(child()) + "/stat");
        std::string text(std::istreambuf_iterator<char>(in), {});
        const auto name_end = text.rfind(')');
        return name_end != std::string::npos && text.substr(name_end + 2, 1) != "Z" &&
               text.substr(name_end + 2, 1) != "X";
    };
    while (running() && std::chrono::steady_clock::now() < end) {
    }
    CHECK(!running());
    std::filesystem::remove(file);
}

TEST_CASE("a context that goes takes the program with it")
{
    {
        asio::io_context io;
        asio::co_spawn(io, run_credential_process(shell("sleep 1000"), {}, "the program"),
            [](std::exception_ptr, fetched_credentials) {});
        io.poll();
    }
    CHECK(no_children());
}
