// SPDX-License-Identifier: BSL-1.0
#include <mayfly/aws/sigv4_verify.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

using namespace mayfly::aws;

namespace {

const amz_time noon = *amz_time::parse("20260304T120000Z");
constexpr scope lambda{"eu-west-1", "lambda"};

/// A request as it arrives, signed.
struct arriving {
    std::string path = "/2015-03-31/functions/f/invocations";
    std::string query = "Qualifier=7";
    std::string body = "{}";
    std::vector<header_view> headers{{"Host", "127.0.0.1:9001"}, {"X-Amz-Date", "20260304T120000Z"},
        {"X-Amz-Invocation-Type", "Event"}, {"Content-Type", "application/json"}};
    std::string authorization{};

    [[nodiscard]] signing_request view() const
    {
        return {.method = "POST", .path = path, .query = query, .headers = headers, .body = body};
    }
    void sign(std::string_view key = "secret")
    {
        authorization = signer{}.sign(view(), {"AKID", std::string{key}}, lambda, noon).authorization;
    }
    [[nodiscard]] signature_check check(std::string_view key = "secret", const amz_time& at = noon) const
    {
        const auto read = parse_authorization(authorization);
        REQUIRE_MESSAGE(read, read.problem);
        signer with;
        return verify(with, view(), read.value, key, at).result;
    }
};

}  // namespace

TEST_CASE("what verifies, and what does not")
{
    using enum signature_check;
    struct row {
        const char* why;
        std::function<void(arriving&)> signed_as;
        std::function<void(arriving&)> altered;
        signature_check result;
    };
    const auto nothing = [](arriving&) {};
    const row rows[] = {
        {"as it was signed", nothing, nothing, good},
        {"headers in another order and case", nothing,
            [](arriving& a) { std::swap(a.headers[0], a.headers[3]), a.headers[1].name = "x-amz-DATE"; }, good},
        {"headers that a hop added", nothing,
            [](arriving& a) {
                a.headers.push_back({"Via", "proxy"});
            },
            good},
        {"another body", nothing, [](arriving& a) { a.body = "{} "; }, wrong_signature},
        {"another path", nothing, [](arriving& a) { a.path += "x"; }, wrong_signature},
        {"another query", nothing, [](arriving& a) { a.query = "Qualifier=8"; }, wrong_signature},
        {"another value", nothing, [](arriving& a) { a.headers[2].value = "DryRun"; }, wrong_signature},
        {"another secret", nothing, [](arriving& a) { a.sign("another"); }, wrong_signature},
        {"half a signature", nothing, [](arriving& a) { a.authorization.resize(a.authorization.size() - 32); },
            wrong_signature},
        {"a header that was signed is gone", nothing, [](arriving& a) { a.headers.pop_back(); }, header_absent},
        {"an x-amz- header that was not signed", nothing,
            [](arriving& a) {
                a.headers.push_back({"X-Amz-Log-Type", "Tail"});
            },
            amz_header_unsigned},
        {"no host", [](arriving& a) { a.headers.erase(a.headers.begin()); }, nothing, host_unsigned},
        {"the host is gone", nothing, [](arriving& a) { a.headers.erase(a.headers.begin()); }, host_unsigned},
        {"a hash that is the body's",
            [](arriving& a) {
                a.headers.push_back(
                    {"X-Amz-Content-Sha256", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"});
            },
            nothing, good},
        {"a hash that is another's",
            [](arriving& a) {
                a.headers.push_back({"X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"});
            },
            nothing, wrong_payload_hash},
        {"names not sorted", nothing,
            [](arriving& a) {
                const auto at = a.authorization.find("content-type;host");
                a.authorization.replace(at, 17, "host;content-type");
            },
            list_not_sorted},
        {"names in capitals", nothing,
            [](arriving& a) { a.authorization.replace(a.authorization.find("host"), 4, "Host"); }, list_not_sorted},
    };
    for (const row& r : rows) {
        arriving a;
        r.signed_as(a);
        a.sign();
        r.altered(a);
        CHECK_MESSAGE(a.check() == r.result, r.why);
    }
    arriving a;
    a.sign();
    CHECK(a.check("secret", *amz_time::parse("20260305T000000Z")) == wrong_date);
}

TEST_CASE("the client is shown what the server computed")
{
    arriving a;
    a.sign();
    const std::string before = a.authorization;
    a.body = "other";
    const auto read = parse_authorization(before);
    signer with;
    const verification v = verify(with, a.view(), read.value, "secret", noon);
    CHECK(v.canonical_request == canonicaliser{}(a.view()).text);
    CHECK(v.string_to_sign.starts_with("AWS4-HMAC-SHA256\n20260304T120000Z\n20260304/eu-west-1/lambda/aws4_request\n"));
}

TEST_CASE("reading an Authorization header")
{
    const auto read = parse_authorization(
        "AWS4-HMAC-SHA256 Credential=AK/ID/20260304/us-east-1/sts/aws4_request,SignedHeaders=host;x-amz-date,  "
        "Signature=ab");
    REQUIRE(read);
    CHECK(read.value.access_key_id == "AK/ID");
    CHECK(read.value.date == "20260304");
    CHECK(read.value.region == "us-east-1");
    CHECK(read.value.service == "sts");
    CHECK(read.value.signed_headers == "host;x-amz-date");
    CHECK(read.value.signature == "ab");
    CHECK(read.value.signs("Host"));
    CHECK(!read.value.signs("hos"));
    CHECK(parse_authorization(
        "AWS4-HMAC-SHA256 Signature=ab, SignedHeaders=host, Credential=A/20260304/r/s/aws4_request"));

    struct row {
        const char* why;
        std::string_view text;
        std::string_view words;
    };
    const row rows[] = {
        {"nothing", "", "begin with AWS4-HMAC-SHA256"},
        {"another scheme", "Bearer abc", "begin with AWS4-HMAC-SHA256"},
        {"another algorithm", "AWS4-HMAC-SHA256-PAYLOAD Credential=", "begin with AWS4-HMAC-SHA256"},
        {"all three missing", "AWS4-HMAC-SHA256",
            "'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header "
            "requires "
            "'SignedHeaders'"},
        {"one missing", "AWS4-HMAC-SHA256 Credential=A/20260304/r/s/aws4_request, Signature=ab", "'SignedHeaders'"},
        {"twice", "AWS4-HMAC-SHA256 Signature=ab, Signature=ab", "twice"},
        {"an unknown part", "AWS4-HMAC-SHA256 Nonce=1", "unknown"},
        {"an empty part", "AWS4-HMAC-SHA256 Credential=A,,", "unknown"},
        {"a scope too short", "AWS4-HMAC-SHA256 Credential=A/20260304/r/aws4_request, SignedHeaders=h, Signature=ab",
            "five parts"},
        {"another end", "AWS4-HMAC-SHA256 Credential=A/20260304/r/s/aws5_request, SignedHeaders=h, Signature=ab",
            "five parts"},
        {"an empty region", "AWS4-HMAC-SHA256 Credential=A/20260304//s/aws4_request, SignedHeaders=h, Signature=ab",
            "five parts"},
    };
    for (const row& r : rows) {
        const auto bad = parse_authorization(r.text);
        CHECK_MESSAGE(!bad, r.why);
        CHECK_MESSAGE(bad.problem.find(r.words) != std::string::npos, r.why << ": " << bad.problem);
    }
}

TEST_CASE("the window of time")
{
    using namespace std::chrono_literals;
    struct row {
        const char* why;
        std::chrono::milliseconds ahead;  // of the server's clock
        std::string_view words;
    };
    const row rows[] = {
        {"now", 0ms, ""},
        {"five minutes ago", -5min, ""},
        {"five minutes ahead", 5min, ""},
        {"a second more", -5min - 1s,
            "Signature expired: 20260304T115459Z is now earlier than 20260304T115500Z (20260304T120000Z - 5 min.)"},
        {"a second more, the other way", 5min + 1s,
            "Signature not yet current: 20260304T120501Z is still later than 20260304T120500Z (20260304T120000Z + 5 "
            "min.)"},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(time_problem(amz_time{noon.time() + r.ahead}, noon.time()) == r.words, r.why);
}
