// SPDX-License-Identifier: BSL-1.0
#include <mayfly/http/proxy.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

using mayfly::environment;
using mayfly::http::errc;
using mayfly::http::origin;
using mayfly::http::proxy_for;
using mayfly::http::proxy_settings;
using mayfly::http::proxy_settings_of;
using mayfly::http::reached_directly;

namespace {

const origin secure{true, "lambda.eu-west-1.amazonaws.com", 443};
const origin plain{false, "localhost", 80};

}  // namespace

TEST_CASE("which variable counts")
{
    struct row {
        const char* why;
        environment variables;
        const char* http;
        const char* https;
        const char* direct;
    };
    const row rows[] = {
        {"none", {}, "", "", ""},
        {"small letters", {{{"http_proxy", "a"}, {"https_proxy", "b"}, {"no_proxy", "c"}}}, "a", "b", "c"},
        {"capitals, but not for http: a CGI host sets that from a request's field",
            {{{"HTTP_PROXY", "a"}, {"HTTPS_PROXY", "b"}, {"NO_PROXY", "c"}}}, "", "b", "c"},
        {"small letters first", {{{"https_proxy", "b"}, {"HTTPS_PROXY", "x"}}}, "", "b", ""},
        {"one for all", {{{"ALL_PROXY", "a"}}}, "a", "a", ""},
        {"one for all comes last", {{{"all_proxy", "a"}, {"https_proxy", "b"}}}, "a", "b", ""},
    };
    for (const row& r : rows) {
        const proxy_settings s = proxy_settings_of(r.variables);
        CHECK_MESSAGE(s.http == r.http, r.why);
        CHECK_MESSAGE(s.https == r.https, r.why);
        CHECK_MESSAGE(s.direct == r.direct, r.why);
    }
}

TEST_CASE("who is reached without a proxy")
{
    struct row {
        const char* why;
        const char* list;
        origin to;
        bool direct;
    };
    const row rows[] = {
        {"an empty list", "", {true, "a.b", 443}, false},
        {"everybody", "*", {true, "a.b", 443}, true},
        {"everybody, among others", "x, *", {true, "a.b", 443}, true},
        {"the very name", "a.b", {true, "a.b", 443}, true},
        {"in any case", "A.B", {true, "a.b", 443}, true},
        {"a name below", "b.c", {true, "a.b.c", 443}, true},
        {"a name below, written with a dot", ".b.c", {true, "a.b.c", 443}, true},
        {"a name below, written with a star", "*.b.c", {true, "a.b.c", 443}, true},
        {"the dot covers the name itself, as with curl", ".b.c", {true, "b.c", 443}, true},
        {"no name that merely ends so", "b.c", {true, "ab.c", 443}, false},
        {"no name above", "a.b.c", {true, "b.c", 443}, false},
        {"the second entry", "x.y,b.c", {true, "a.b.c", 443}, true},
        {"divided by blanks", "x.y \t b.c", {true, "a.b.c", 443}, true},
        {"its port", "a.b:443", {true, "a.b", 443}, true},
        {"another port", "a.b:8443", {true, "a.b", 443}, false},
        {"an address", "10.0.0.1", {false, "10.0.0.1", 80}, true},
        {"another address", "10.0.0.1", {false, "10.0.0.2", 80}, false},
        {"an address and its port", "10.0.0.1:81", {false, "10.0.0.1", 80}, false},
        {"the end of an address is no suffix", "0.0.1", {false, "10.0.0.1", 80}, false},
        {"a network", "10.0.0.0/8", {false, "10.9.8.7", 80}, true},
        {"a network, within a byte", "10.0.0.0/9", {false, "10.128.0.1", 80}, false},
        {"within a byte, and in it", "10.128.0.0/9", {false, "10.200.0.1", 80}, true},
        {"all IPv4", "0.0.0.0/0", {false, "10.200.0.1", 80}, true},
        {"all IPv4 is no name", "0.0.0.0/0", {false, "h", 80}, false},
        {"a network of too many bits is none", "10.0.0.0/33", {false, "10.0.0.0", 80}, false},
        {"a network without bits is none", "10.0.0.0/", {false, "10.0.0.0", 80}, false},
        {"IPv6", "::1", {false, "::1", 80}, true},
        {"IPv6, written otherwise", "0:0::1", {false, "::1", 80}, true},
        {"IPv6 in brackets", "[::1]", {false, "::1", 80}, true},
        {"IPv6 and its port", "[::1]:80", {false, "::1", 80}, true},
        {"a network of IPv6", "fd00::/8", {false, "fd00:ec2::254", 80}, true},
        {"IPv4 is in no network of IPv6", "::/0", {false, "10.0.0.1", 80}, false},
        {"nonsense matches nothing", "http://a.b", {true, "a.b", 443}, false},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(reached_directly(r.list, r.to) == r.direct, r.why);
}

TEST_CASE("the proxy for an origin")
{
    struct row {
        const char* why;
        proxy_settings settings;
        origin to;
        const char* host;  // null: none
        std::uint16_t port;
        const char* authorization;
    };
    const row rows[] = {
        {"none is set", {}, secure, nullptr, 0, ""},
        {"for https", {"", "http://p:3128", ""}, secure, "p", 3128, ""},
        {"not for http then", {"", "http://p:3128", ""}, plain, nullptr, 0, ""},
        {"for http", {"http://p:3128/", "", ""}, plain, "p", 3128, ""},
        {"without a scheme", {"", "p:3128", ""}, secure, "p", 3128, ""},
        {"without a port", {"", "http://p", ""}, secure, "p", 80, ""},
        {"an exception", {"", "http://p", "amazonaws.com"}, secure, nullptr, 0, ""},
        {"with a name and a password", {"", "http://Aladdin:open%20sesame@p:1", ""}, secure, "p", 1,
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
        {"a password with an at sign", {"", "http://u:a@b@p:1", ""}, secure, "p", 1, "Basic dTphQGI="},
        {"a name alone", {"", "http://u@p:1", ""}, secure, "p", 1, "Basic dTo="},
        {"an IPv6 address", {"", "http://[::1]:1", ""}, secure, "::1", 1, ""},
    };
    for (const row& r : rows) {
        const auto p = proxy_for(r.settings, r.to);
        REQUIRE_MESSAGE(p.has_value(), r.why);
        REQUIRE_MESSAGE(p->has_value() == (r.host != nullptr), r.why);
        if (r.host) {
            CHECK_MESSAGE((*p)->host == r.host, r.why);
            CHECK_MESSAGE((*p)->port == r.port, r.why);
            CHECK_MESSAGE((*p)->authorization == r.authorization, r.why);
        }
    }
}

TEST_CASE("a proxy setting that cannot be used")
{
    for (const char* text : {"https://p:1", "socks5://p:1", "http://", "http://p:x", "http://u%zz@p", "http://u%4@p"}) {
        const auto p = proxy_for({"", text, ""}, secure);
        REQUIRE_MESSAGE(!p, text);
        CHECK(p.error() == errc::bad_proxy);
    }
}
