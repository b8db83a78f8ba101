// SPDX-License-Identifier: BSL-1.0
#include <mayfly/local/process.hpp>

#include "workspace.hpp"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

using namespace mayfly_test;
using mayfly::local::process;
using mayfly::local::process_exit;
using mayfly::local::process_spec;
using step = mayfly::local::detail::spawn_failure::step;

/// A process, what it wrote and how it ended.
struct observed {
    std::shared_ptr<process> it{};
    process::failure why{};
    std::vector<std::string> lines{};
    std::optional<process_exit> end{};

    void start(boost::asio::io_context& io, const process_spec& spec)
    {
        it = process::start(
            io.get_executor(), spec, [this](std::string_view line) { lines.emplace_back(line); },
            [this](process_exit how) { end = how; }, why);
    }
};

process_spec running(const std::filesystem::path& file)
{
    return {.file = file.string(), .folder = file.parent_path().string()};
}

TEST_CASE("a process is told apart by how it ends")
{
    struct row {
        const char* script;
        process_exit end;
        const char* words;
    };
    const row rows[] = {
        {"exit 0", {.code = 0}, "exit status 0"},
        {"exit 7", {.code = 7}, "exit status 7"},
        {"kill -9 $$", {.signal = SIGKILL}, "signal: killed"},
        {"kill -SEGV $$", {.signal = SIGSEGV}, "signal: segmentation fault"},
        {"kill -TERM $$", {.signal = SIGTERM}, "signal: terminated"},
    };
    const workspace files;
    for (const row& r : rows) {
        boost::asio::io_context io;
        observed p;
        p.start(io, running(files.script("bootstrap", r.script)));
        REQUIRE(p.it);
        REQUIRE(run_until(io, [&] { return p.end.has_value(); }));
        CHECK_MESSAGE(*p.end == r.end, r.script);
        CHECK(to_string(*p.end) == r.words);
        CHECK(p.it->id() == 0);
        CHECK(children() == 0);
    }
}

TEST_CASE("why a program does not start")
{
    const workspace files;
    std::filesystem::create_directory(files.folder() / "folder");
    struct row {
        const char* why;
        std::filesystem::path file;
        int error;
    };
    const row rows[] = {
        {"there is none", files.folder() / "nothing", ENOENT},
        {"it is not executable", files.write("data", "#!/bin/sh\n", false), EACCES},
        {"it is a folder", files.folder() / "folder", EACCES},
        {"it is no program", files.write("text", "hello"), ENOEXEC},
        {"its interpreter is missing", files.write("foreign", "#!/nowhere/interpreter\n"), ENOENT},
    };
    const auto before = open_descriptors();
    for (const row& r : rows) {
        boost::asio::io_context io;
        observed p;
        p.start(io, running(r.file));
        CHECK_MESSAGE(p.it == nullptr, r.why);
        CHECK_MESSAGE(p.why.at == step::execute, r.why);
        CHECK_MESSAGE(p.why.ec.value() == r.error, r.why);
        CHECK_FALSE(p.why.no_room());
    }
    CHECK(open_descriptors() == before);
    CHECK(children() == 0);

    boost::asio::io_context io;
    observed p;
    p.start(io, {.file = "/bin/true", .folder = "/nowhere"});
    CHECK(p.it == nullptr);
    CHECK(p.why.at == step::folder);
}

TEST_CASE("it gets what it is given and nothing else")
{
    const workspace files;
    const int open = ::open("/dev/zero", O_RDONLY);  // without O_CLOEXEC, as a host may have some
    REQUIRE(open >= 3);
    // A host that ignores SIGPIPE, as servers do.
    const auto before = ::signal(SIGPIPE, SIG_IGN);
    boost::asio::io_context io;
    observed p;
    process_spec spec = running(files.script("bootstrap",
        "pwd; env | grep -v -e PWD -e SHLVL -e '^_=' | sort; ls -l /proc/self/fd | awk '/->/ {print $9 $10 $11}'; "
        "cat; ulimit -c; ulimit -n; grep SigIgn /proc/self/status; grep SigBlk /proc/self/status; "
        "cut -d' ' -f 5,6 /proc/$$/stat; echo $$"));
    spec.variables = {"PATH=/usr/bin:/bin", "A=b c"};
    spec.descriptors = 99;
    p.start(io, spec);
    REQUIRE(p.it);
    const auto id = p.it->id();
    REQUIRE(run_until(io, [&] { return p.end.has_value(); }));
    ::signal(SIGPIPE, before);
    ::close(open);

    REQUIRE(p.lines.size() >= 3);
    CHECK(p.lines[0] == files.folder().string());
    CHECK(p.lines[1] == "A=b c");
    CHECK(p.lines[2] == "PATH=/usr/bin:/bin");
    const auto has = [&](std::string_view line) {
        return std::find(p.lines.begin(), p.lines.end(), line) != p.lines.end();
    };
    CHECK(has("0->/dev/null"));
    for (const std::string& line : p.lines)
        CHECK_MESSAGE(line.find("zero") == std::string::npos, line);
    CHECK(has("0"));
    CHECK(has("99"));
    CHECK(has("SigIgn:\t0000000000000000"));
    CHECK(has("SigBlk:\t0000000000000000"));
    CHECK(has(std::to_string(id) + ' ' + std::to_string(id)));
}

TEST_CASE("its lines arrive, of both outputs, up to the last without an end")
{
    const workspace files;
    boost::asio::io_context io;
    observed p;
    process_spec spec = running(files.script("bootstrap", "echo one; echo two >&2; printf '12345678901'; exit 3"));
    spec.longest_line = 8;
    p.start(io, spec);
    REQUIRE(p.it);
    REQUIRE(run_until(io, [&] { return p.end.has_value(); }));
    std::sort(p.lines.begin(), p.lines.end());
    CHECK(p.lines == std::vector<std::string>{"12345678", "901", "one", "two"});
}

TEST_CASE("what was written before is read when asked for")
{
    const workspace files;
    const auto done = files.folder() / "done";
    boost::asio::io_context io;
    observed p;
    p.start(io, running(files.script("bootstrap", "echo here; : > done; exec sleep 100")));
    REQUIRE(p.it);
    // Nothing runs on the context meanwhile, so nothing else can have read it.
    while (!std::filesystem::exists(done))
        std::this_thread::yield();
    CHECK(p.lines.empty());
    p.it->read_output();
    CHECK(p.lines == std::vector<std::string>{"here"});
}

TEST_CASE("its group goes with it")
{
    const workspace files;
    SUBCASE("when it is killed")
    {
        boost::asio::io_context io;
        observed p;
        p.start(io, running(files.script("bootstrap", "sleep 1000 & echo $!; wait")));
        REQUIRE(p.it);
        REQUIRE(run_until(io, [&] { return !p.lines.empty(); }));
        const auto grandchild = static_cast<pid_t>(std::stol(p.lines[0]));
        CHECK_FALSE(is_gone(grandchild));
        p.it->signal(SIGKILL);
        REQUIRE(run_until(io, [&] { return p.end.has_value(); }));
        CHECK(p.end->signal == SIGKILL);
        CHECK(run_until(io, [&] { return is_gone(grandchild) || state_of(grandchild) == 'Z'; }));
    }
    SUBCASE("when it leaves by itself, and somebody still holds its outputs")
    {
        boost::asio::io_context io;
        observed p;
        p.start(io, running(files.script("bootstrap", "sleep 1000 & echo $!; exit 0")));
        REQUIRE(p.it);
        REQUIRE(run_until(io, [&] { return p.end.has_value(); }));
        REQUIRE(p.lines.size() == 1);
        const auto grandchild = static_cast<pid_t>(std::stol(p.lines[0]));
        CHECK(run_until(io, [&] { return is_gone(grandchild) || state_of(grandchild) == 'Z'; }));
    }
    SUBCASE("when its owner drops it")
    {
        boost::asio::io_context io;
        observed p;
        p.start(io, running(files.script("bootstrap", "sleep 1000 & echo $!; wait")));
        REQUIRE(p.it);
        REQUIRE(run_until(io, [&] { return !p.lines.empty(); }));
        const auto grandchild = static_cast<pid_t>(std::stol(p.lines[0]));
        const auto id = p.it->id();
        p.it.reset();
        CHECK(is_gone(id));
        CHECK(run_until(io, [&] { return is_gone(grandchild) || state_of(grandchild) == 'Z'; }));
        CHECK_FALSE(p.end);
    }
}

TEST_CASE("a stopped process is frozen, and goes on where it was")
{
    const workspace files;
    boost::asio::io_context io;
    observed p;
    p.start(io, running(files.script("bootstrap", "echo up; while :; do :; done")));
    REQUIRE(p.it);
    REQUIRE(run_until(io, [&] { return !p.lines.empty(); }));
    p.it->signal(SIGSTOP);
    CHECK(run_until(io, [&] { return state_of(p.it->id()) == 'T'; }));
    p.it->signal(SIGCONT);
    CHECK(run_until(io, [&] { return state_of(p.it->id()) == 'R'; }));
    p.it->signal(SIGSTOP);
    p.it->signal(SIGKILL);
    CHECK(run_until(io, [&] { return p.end.has_value(); }));
}

TEST_CASE("want of descriptors is told as such")
{
    const workspace files;
    const process_spec spec = running(files.script("bootstrap", "exec sleep 100"));
    boost::asio::io_context io;
    {
        observed warm;  // opens what asio opens once
        warm.start(io, spec);
        REQUIRE(warm.it);
    }
    const auto before = open_descriptors();
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    // One more each time, so that each of the steps is the first to fail.
    for (rlim_t room = 0; room < 9; ++room) {
        rlimit tight = limit;
        tight.rlim_cur = before - 1 + room;  // the listing itself had one open
        ::setrlimit(RLIMIT_NOFILE, &tight);
        observed p;
        p.start(io, spec);
        ::setrlimit(RLIMIT_NOFILE, &limit);
        if (p.it)
            break;
        CHECK(p.why.no_room());
        CHECK(p.why.ec.value() == EMFILE);
        CHECK(open_descriptors() == before);
        CHECK(children() == 0);
        CHECK(room < 8);
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("many at once, and not one is left")
{
    const workspace files;
    const process_spec spec = running(files.script("bootstrap", "exit 1"));
    boost::asio::io_context io;
    {
        observed warm;  // opens what asio opens once
        warm.start(io, spec);
        REQUIRE(warm.it);
    }
    const auto before = open_descriptors();
    std::vector<observed> all(200);
    for (observed& p : all) {
        p.start(io, spec);
        REQUIRE(p.it);
    }
    REQUIRE(
        run_until(io, [&] { return std::all_of(all.begin(), all.end(), [](const observed& p) { return p.end; }); }));
    CHECK(children() == 0);
    CHECK(open_descriptors() == before);
}

}  // namespace
