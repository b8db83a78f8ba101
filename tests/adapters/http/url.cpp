// SPDX-License-Identifier: BSL-1.0
#include <mayfly/http/url.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

using mayfly::http::origin;
using mayfly::http::parse_url;

TEST_CASE("a url's parts, as they stand")
{
    struct row {
        const char* why;
        const char* text;
        origin to;
        const char* target;
    };
    const row rows[] = {
        {"the usual", "https://sts.amazonaws.com/", {true, "sts.amazonaws.com", 443}, "/"},
        {"no path is the root", "http://localhost:4566", {false, "localhost", 4566}, "/"},
        {"the scheme's own port", "http://h/x", {false, "h", 80}, "/x"},
        {"an empty port too", "http://h:/x", {false, "h", 80}, "/x"},
        {"scheme and host in any case", "HTTPS://Example.COM/Case", {true, "example.com", 443}, "/Case"},
        {"path and query untouched", "http://h/a%2fb//c/../d?x=%20&y", {false, "h", 80}, "/a%2fb//c/../d?x=%20&y"},
        {"a query without a path", "http://h?x=1", {false, "h", 80}, "/?x=1"},
        {"a fragment is ours alone", "http://h/a#b", {false, "h", 80}, "/a"},
        {"a fragment after the host", "http://h#b/c", {false, "h", 80}, "/"},
        {"IPv4", "http://169.254.170.2/x", {false, "169.254.170.2", 80}, "/x"},
        {"IPv6 without its brackets", "http://[FD00:EC2::254]:80/x", {false, "fd00:ec2::254", 80}, "/x"},
        {"IPv6 and the default port", "https://[::1]", {true, "::1", 443}, "/"},
    };
    for (const row& r : rows) {
        const auto u = parse_url(r.text);
        REQUIRE_MESSAGE(u, r.why);
        CHECK_MESSAGE(u->origin == r.to, r.why);
        CHECK_MESSAGE(u->target == r.target, r.why);
    }
}

TEST_CASE("what is no url")
{
    struct row {
        const char* why;
        const char* text;
    };
    const row rows[] = {
        {"nothing", ""},
        {"no scheme", "example.com/x"},
        {"another scheme", "ftp://example.com/"},
        {"no host", "http:///x"},
        {"user information: it would be lost, or logged", "http://u:p@h/"},
        {"a port that is none", "http://h:x/"},
        {"port zero", "http://h:0/"},
        {"a port too large", "http://h:65536/"},
        {"a blank", "http://h/a b"},
        {"a line end, which would end the request's line", "http://h/a\r\nX: y"},
        {"an open bracket", "http://[::1/"},
        {"brackets around a name", "http://[name]/"},
        {"something after the brackets", "http://[::1]x/"},
        {"a character no name has", "http://h*/"},
        {"two ports", "http://h:1:2/"},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(!parse_url(r.text), r.why);
}

TEST_CASE("the Host field, and the name with its port")
{
    struct row {
        const char* why;
        origin to;
        const char* host;
        const char* authority;
    };
    const row rows[] = {
        {"TLS's own port", {true, "h", 443}, "h", "h:443"},
        {"the plain one's own port", {false, "h", 80}, "h", "h:80"},
        {"each has its own", {true, "h", 80}, "h:80", "h:80"},
        {"another port", {false, "h", 9001}, "h:9001", "h:9001"},
        {"IPv6", {false, "::1", 9001}, "[::1]:9001", "[::1]:9001"},
        {"IPv6 and the own port", {true, "::1", 443}, "[::1]", "[::1]:443"},
    };
    for (const row& r : rows) {
        CHECK_MESSAGE(host_header(r.to) == r.host, r.why);
        CHECK_MESSAGE(authority(r.to) == r.authority, r.why);
    }
}
