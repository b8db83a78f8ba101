// SPDX-License-Identifier: BSL-1.0
#include <mayfly/config/host_port.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace mayfly::config;

TEST_CASE("addresses")
{
    struct row {
        const char* why;
        std::string_view text;
        host_port is;  // port zero: refused
        const char* says = "";
    };
    const row rows[] = {
        {"a name", "localhost:7233", {"localhost", 7233}},
        {"a namespace of a cloud", "ns.acct.tmprl.cloud:7233", {"ns.acct.tmprl.cloud", 7233}},
        {"IPv4", "127.0.0.1:1", {"127.0.0.1", 1}},
        {"IPv6", "[::1]:65535", {"::1", 65535}},
        {"IPv6 that nobody can tell from its port", "::1:7233", {}, "brackets"},
        {"no port", "localhost", {}, "the port is missing"},
        {"no port after brackets", "[::1]", {}, "the port is missing"},
        {"an empty port", "h:", {}, "a port from 1"},
        {"port zero", "h:0", {}, "a port from 1"},
        {"a port too large", "h:65536", {}, "a port from 1"},
        {"a sign", "h:+1", {}, "a port from 1"},
        {"something after it", "h:1x", {}, "a port from 1"},
        {"no host", ":1", {}, "the host is missing"},
        {"empty brackets", "[]:1", {}, "the host is missing"},
        {"half brackets", "[::1:1", {}, "the port is missing"},
        {"the other half", "h]:1", {}, "the host is missing"},
        {"a scheme", "http://h:1", {}, "without a scheme"},
        {"a resolver", "dns:///h:1", {}, "without a scheme"},
        {"a path", "h:1/", {}, "without a scheme"},
        {"a user", "u@h:1", {}, "nothing else"},
        {"a blank", "h :1", {}, "nothing else"},
        {"a line break", "h:1\n", {}, "nothing else"},
        {"beyond ASCII", "h\xc3\xb6st:1", {}, "nothing else"},
        {"nothing", "", {}, "the port is missing"},
    };
    for (const row& r : rows) {
        const auto got = parse_host_port(r.text, "here");
        CHECK_MESSAGE(bool(got) == (r.is.port != 0), r.why);
        if (got) {
            CHECK_MESSAGE(*got == r.is, r.why);
        } else {
            CHECK_MESSAGE(got.problems().at(0).field == "here", r.why);
            CHECK_MESSAGE(got.problems().at(0).remedy.find(r.says) != std::string::npos, r.why);
        }
    }
}
