// SPDX-License-Identifier: BSL-1.0
#include <mayfly/http/tls.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using mayfly::environment;
using mayfly::http::find_trust_store;
using mayfly::http::tls_options;
using mayfly::http::tls_options_of;

TEST_CASE("where certificate authorities are looked for")
{
    struct row {
        const char* why;
        tls_options asked;
        std::vector<std::string> there;
        tls_options found;
    };
    const std::string amazon = "/etc/pki/tls/certs/ca-bundle.crt";
    const std::string debian = "/etc/ssl/certs/ca-certificates.crt";
    const row rows[] = {
        {"an image with none", {}, {}, {}},
        {"Amazon Linux, Fedora", {}, {amazon}, {amazon, ""}},
        {"Debian, and Alpine with the package", {}, {debian, "/etc/ssl/cert.pem"}, {debian, ""}},
        {"Alpine as it comes", {}, {"/etc/ssl/cert.pem"}, {"/etc/ssl/cert.pem", ""}},
        {"SUSE", {}, {"/etc/ssl/ca-bundle.pem"}, {"/etc/ssl/ca-bundle.pem", ""}},
        {"a bundle that was named is the only one", {"/my.pem", ""}, {amazon}, {"/my.pem", ""}},
        {"even if it is not there: better an error than other authorities", {"/my.pem", ""}, {}, {"/my.pem", ""}},
        {"a folder", {"", "/certs"}, {amazon}, {"", "/certs"}},
    };
    for (const row& r : rows) {
        const auto exists = [&](const std::string& path) {
            return std::find(r.there.begin(), r.there.end(), path) != r.there.end();
        };
        CHECK_MESSAGE(find_trust_store(r.asked, exists) == r.found, r.why);
    }
}

TEST_CASE("what the environment names")
{
    CHECK(tls_options_of(environment{}) == tls_options{});
    CHECK(tls_options_of({{{"SSL_CERT_FILE", "/a"}, {"SSL_CERT_DIR", "/b"}}}) == tls_options{"/a", "/b"});
}
