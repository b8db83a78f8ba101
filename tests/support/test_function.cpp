// SPDX-License-Identifier: BSL-1.0

// A function that does as its event says, well or badly. It speaks the Runtime API over a plain socket, so that it is a
// judge of the service and not a relative.
//
// Event, all optional: {"print": ["line"], "sleep_ms": N, "spin_ms": N, "allocate_mib": N, "grandchild": true,
// "fail": "message", "exit": N, "signal": N, "answer_bytes": N, "then_exit": N, "then_hang": true}
//
// Before it asks for work, TEST_INIT: "hang", "exit", "crash", "error" (tells it and leaves), "sleep" (300 ms). With
// TEST_INIT_ONCE, the path of a file, only if that is not there yet; it then makes it. TEST_EXTENSION registers one,
// and SIGTERM then makes it write the file that TEST_TERM names. With TEST_PRINT_EVENT it prints what it is invoked
// with.

#include <mayfly/detail/json_read.hpp>
#include <mayfly/detail/json_write.hpp>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

extern char** environ;  // NOLINT

namespace {

using mayfly::detail::json_value;
using mayfly::detail::json_writer;

struct answer {
    int status = 0;
    std::string head{};
    std::string body{};

    [[nodiscard]] std::string header(std::string_view name) const
    {
        std::string lower = head;
        std::transform(lower.begin(), lower.end(), lower.begin(),
            [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        const auto at = lower.find("\r\n" + std::string(name) + ":");
        if (at == std::string::npos)
            return {};
        auto begin = at + 3 + name.size();
        begin = head.find_first_not_of(' ', begin);
        return head.substr(begin, head.find("\r\n", begin) - begin);
    }
};

class connection {
public:
    connection() { connect(); }
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    answer call(
        std::string_view method, std::string_view target, const std::string& body = {}, std::string_view headers = {})
    {
        std::string out;
        out.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: runtime\r\n").append(headers);
        out += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
        write(out);
        write(body);
        answer got = read();
        if (got.header("connection") == "close") {
            ::close(fd_);
            rest_.clear();
            connect();
        }
        return got;
    }

private:
    void connect()
    {
        const char* const api = std::getenv("AWS_LAMBDA_RUNTIME_API");
        if (api == nullptr)
            std::exit(90);
        const std::string at = api;
        const auto colon = at.rfind(':');
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(at.substr(colon + 1))));
        ::inet_pton(AF_INET, at.substr(0, colon).c_str(), &to.sin_addr);
        fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
            std::exit(91);
    }

    void write(std::string_view bytes)
    {
        while (!bytes.empty()) {
            const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n <= 0)
                return;  // refused in the middle; the answer says why
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
    }

    answer read()
    {
        answer out;
        std::string got = std::exchange(rest_, {});
        std::string::size_type end = 0;
        while ((end = got.find("\r\n\r\n")) == std::string::npos)
            more(got);
        out.head = got.substr(0, end + 2);
        out.status = std::stoi(got.substr(9, 3));
        const std::string length = out.header("content-length");
        const std::size_t size = length.empty() ? 0 : std::stoul(length);
        while (got.size() < end + 4 + size)
            more(got);
        out.body = got.substr(end + 4, size);
        rest_ = got.substr(end + 4 + size);
        return out;
    }

    void more(std::string& into)
    {
        char buffer[65536];
        const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
        if (n <= 0)
            std::exit(92);
        into.append(buffer, static_cast<std::size_t>(n));
    }

    int fd_ = -1;
    std::string rest_{};
};

long number(const json_value& event, std::string_view key, long otherwise)
{
    const json_value* const v = event.find(key);
    return v == nullptr ? otherwise : v->as<long>().value_or(otherwise);
}

void die_of(int signal)
{
    std::signal(signal, SIG_DFL);  // sanitizers have handlers of their own
    std::raise(signal);
}

void on_term(int)
{
    if (const char* const path = std::getenv("TEST_TERM")) {
        const int fd = ::open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        if (fd >= 0)
            ::close(fd);
    }
    ::_exit(0);
}

void init(connection& api)
{
    const char* const how = std::getenv("TEST_INIT");
    const char* const once = std::getenv("TEST_INIT_ONCE");
    if (std::getenv("TEST_EXTENSION") != nullptr) {
        std::signal(SIGTERM, on_term);
        api.call("POST", "/2020-01-01/extension/register", R"({"events":[]})", "Lambda-Extension-Name: test\r\n");
    }
    if (how == nullptr)
        return;
    if (once != nullptr) {
        const int made = ::open(once, O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (made < 0)
            return;
        ::close(made);
    }
    const std::string_view what = how;
    std::puts("initialising");
    std::fflush(stdout);
    if (what == "hang")
        ::pause();
    if (what == "exit")
        std::exit(3);
    if (what == "crash")
        die_of(SIGSEGV);
    if (what == "sleep")
        ::usleep(300'000);
    if (what == "error") {
        api.call("POST", "/2018-06-01/runtime/init/error", R"({"errorMessage":"no","errorType":"Function.NotToday"})",
            "Lambda-Runtime-Function-Error-Type: Function.NotToday\r\n");
        std::exit(4);
    }
}

/// Keeps what it allocates.
std::vector<std::vector<char>> kept;  // NOLINT

std::string obey(const json_value& event, const answer& invocation, long count)
{
    if (const json_value* const lines = event.find("print"))
        for (const json_value& line : lines->items)
            std::printf("%s\n", line.text.c_str());
    std::fflush(stdout);
    pid_t grandchild = 0;
    if (event.find("grandchild") != nullptr) {
        grandchild = ::fork();
        if (grandchild == 0)
            for (;;)
                ::pause();
    }
    if (const long mib = number(event, "allocate_mib", 0); mib > 0) {
        kept.emplace_back(static_cast<std::size_t>(mib) * 1024 * 1024);
        std::memset(kept.back().data(), 1, kept.back().size());
    }
    if (const long ms = number(event, "spin_ms", 0); ms > 0) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
        while (std::chrono::steady_clock::now() < end) {
        }
    }
    if (const long ms = number(event, "sleep_ms", 0); ms > 0)
        ::usleep(static_cast<useconds_t>(ms) * 1000);
    if (const long signal = number(event, "signal", 0); signal > 0)
        die_of(static_cast<int>(signal));
    if (const long code = number(event, "exit", -1); code >= 0)
        std::exit(static_cast<int>(code));
    if (const long bytes = number(event, "answer_bytes", -1); bytes >= 2)
        return '"' + std::string(static_cast<std::size_t>(bytes - 2), 'x') + '"';

    std::string out;
    json_writer json(out);
    json.begin_object();
    json.member("pid", static_cast<long>(::getpid())).member("count", count);
    json.member("grandchild", static_cast<long>(grandchild));
    json.member("request_id", invocation.header("lambda-runtime-aws-request-id"));
    json.member("arn", invocation.header("lambda-runtime-invoked-function-arn"));
    json.member("deadline", invocation.header("lambda-runtime-deadline-ms"));
    json.member("trace_id", invocation.header("lambda-runtime-trace-id"));
    json.member("client_context", invocation.header("lambda-runtime-client-context"));
    json.key("event").raw(invocation.body);
    if (event.find("environment") != nullptr) {
        json.key("environment").begin_array();
        for (char** e = environ; *e != nullptr; ++e)
            json.value(std::string_view(*e));
        json.end_array();
    }
    json.end_object();
    return out;
}

}  // namespace

int main()
{
    connection api;
    init(api);
    for (long count = 1;; ++count) {
        const answer invocation = api.call("GET", "/2018-06-01/runtime/invocation/next");
        if (invocation.status != 200)
            return 93;
        const std::string at = "/2018-06-01/runtime/invocation/" + invocation.header("lambda-runtime-aws-request-id");
        const auto document = mayfly::detail::read_json(invocation.body);
        if (std::getenv("TEST_PRINT_EVENT") != nullptr)
            std::printf("event: %s\narn: %s\n", invocation.body.c_str(),
                invocation.header("lambda-runtime-invoked-function-arn").c_str());
        if (const json_value* const why = document.root.find("fail")) {
            std::string body;
            json_writer(body)
                .begin_object()
                .member("errorMessage", why->text)
                .member("errorType", "Function.Refused")
                .end_object();
            api.call("POST", at + "/error", body, "Lambda-Runtime-Function-Error-Type: Function.Refused\r\n");
            continue;
        }
        api.call("POST", at + "/response", obey(document.root, invocation, count));
        if (const long code = number(document.root, "then_exit", -1); code >= 0)
            return static_cast<int>(code);
        if (document.root.find("then_hang") != nullptr)
            for (;;)
                ::pause();
    }
}
