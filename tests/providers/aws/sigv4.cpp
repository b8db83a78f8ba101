// SPDX-License-Identifier: BSL-1.0
#include <mayfly/aws/sigv4.hpp>
#include <mayfly/aws/sigv4_http.hpp>

#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

using namespace mayfly::aws;

namespace {

constexpr std::string_view secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr std::string_view empty_hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A request whose signature was computed elsewhere, with what leads to it.
struct example {
    const char* why;
    std::string_view method;
    std::string_view target;
    std::vector<header_view> headers;
    std::string_view body;
    std::string_view access_key;
    scope where;
    std::string_view canonical_hash;
    std::string_view k_date, k_region, k_service, k_signing;
    std::string_view signed_headers;
    std::string_view signature;
};

const example examples[] = {
    {"an event for a function named by its ARN, with a session token", "POST",
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-west-2%3A123456789012%3Afunction%3Aorder-worker%3A7/invocations",
        {{"Host", "lambda.us-west-2.amazonaws.com"}, {"X-Amz-Date", "20260304T050607Z"},
            {"X-Amz-Invocation-Type", "Event"}, {"Content-Type", "application/json"},
            {"X-Amz-Security-Token", "IQoJb3JpZ2luX2VjEXAMPLE//+tok/en=="}},
        R"({"reason":"scale-up"})", "ASIAWORKEDEXAMPLE001", {"us-west-2", "lambda"},
        "3281ebcd2f35205a88fdcdc8cfa7bb808c87df44bfa442a647f1a6887ead6237",
        "9d61fe39f0f3e3dbb2d5f2df168356ceb388004a7c3474e99a83114d5bedbbfa",
        "573d9160c0f6267f4070f79e6b9b15d52e7bd28adfef079f5572455c5f4ae18d",
        "c2a0c87a017236823522b6ca51f0b7bb2881c37d5dd9d2d78156c8510e7221fb",
        "35e0cb27d9935f9cc724f5852ead9d27206844b6414a55993a505962c16c3d2f",
        "content-type;host;x-amz-date;x-amz-invocation-type;x-amz-security-token",
        "9c65c4bfa3dab64391cad7619df1167317b4942e87f17262c2bdbd637096240e"},
    {"a form for STS", "POST", "/",
        {{"Host", "sts.eu-central-1.amazonaws.com"}, {"X-Amz-Date", "20260304T050607Z"},
            {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}},
        "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fserverless-worker"
        "&RoleSessionName=worker-controller&ExternalId=ext%2Bid%3D%2C.%40-1&DurationSeconds=900",
        "AKIAWORKEDEXAMPLE002", {"eu-central-1", "sts"},
        "133699fe1ae0ef8cf5a8ae6cb78e4b588d7eff594e38509a391376c7746c7530",
        "9d61fe39f0f3e3dbb2d5f2df168356ceb388004a7c3474e99a83114d5bedbbfa",
        "f4c528274a2a0d951499f050428921a61f8b210f77901e3bd3e5f84ca011d66a",
        "7d359bb268dd853b70950b4a7ba974cca2d9437d2e85e1e06dd344f72f2480e2",
        "66f41c4252d94945faf9d3bc42562846e7da38ec6a01c30e06bc9ed019308050", "content-type;host;x-amz-date",
        "64888323b52bfaba39c652e7c1ed8d54b45e9b4717af34351ab3dccc09696302"},
    {"dot segments, a double slash, a blank, an unsorted query, a port", "GET",
        "/2015-03-31/functions/order%20worker//./x/../configuration?Qualifier=%24LATEST&a-b=2&a=%2F&a=&A=1",
        {{"Host", "127.0.0.1:9001"}, {"X-Amz-Date", "20260304T235959Z"}, {"X-Amz-Meta-Note", "  two   inner  spaces "},
            {"Accept", "application/json"}},
        "", "AKIDEXAMPLE", {"us-east-1", "lambda"}, "4b235381369653f26c10a44632a31ad9c85531b4c73e462bc4a58932b8ffb9d4",
        "9d61fe39f0f3e3dbb2d5f2df168356ceb388004a7c3474e99a83114d5bedbbfa",
        "182582787692adcbba7744a31ef0d21f8350043c4672f993dbeaee46be054127",
        "7eaf4f9c4c2774450390bdb4688b19c60a3ab9327589b3f3bdb24e11e93beca9",
        "18e291b7c34c7def4a0cd3bed68c0003ecea791c0d0b8a8991a97cb2945c226a", "accept;host;x-amz-date;x-amz-meta-note",
        "d0637ee120fc71ef1e5ccc48af7077ee6447c134b8e5a93b748ca9a99cd50f41"},
    {"JSON for ECS", "POST", "/",
        {{"Host", "ecs.us-east-1.amazonaws.com"}, {"X-Amz-Date", "20260304T050607Z"},
            {"X-Amz-Target", "AmazonEC2ContainerServiceV20141113.UpdateService"},
            {"Content-Type", "application/x-amz-json-1.1"}},
        R"({"cluster":"workers","service":"orders","desiredCount":3})", "AKIDEXAMPLE", {"us-east-1", "ecs"},
        "7d5a56d39a21561daa3b91bbb8461811f63fee502f9270d533619370ad2df24b",
        "9d61fe39f0f3e3dbb2d5f2df168356ceb388004a7c3474e99a83114d5bedbbfa",
        "182582787692adcbba7744a31ef0d21f8350043c4672f993dbeaee46be054127",
        "6b985feb76d6796b733f8101f6b9c3c213b1aa8eef4cd14647eca6497d289a9f",
        "26b390d21953c0900e94af11713456e25776727846616881fe6b07bc3a71f472", "content-type;host;x-amz-date;x-amz-target",
        "3c2566dff495056edbf34ac686e6f8f874a028289b3b46de7d50cd9185db8cbb"},
};

signing_request view_of(const example& e)
{
    const split_target target{e.target};
    return {.method = e.method, .path = target.path, .query = target.query, .headers = e.headers, .body = e.body};
}

amz_time time_of(const example& e)
{
    for (const header_view& h : e.headers) {
        if (h.name == "X-Amz-Date")
            return *amz_time::parse(h.value);
    }
    return amz_time{mayfly::wall_time{}};
}

std::string text(const digest& d)
{
    return std::string{view(hex(d))};
}

/// The canonical form of a request that has only a path, or only a query.
std::string canonical_path(std::string_view path)
{
    canonicaliser canonicalise;
    const std::string_view all = canonicalise({.path = path}).text;
    return std::string{all.substr(4, all.find('\n', 4) - 4)};
}

std::string canonical_query(std::string_view query)
{
    canonicaliser canonicalise;
    const std::string_view all = canonicalise({.query = query}).text;
    return std::string{all.substr(6, all.find('\n', 6) - 6)};
}

}  // namespace

TEST_CASE("worked examples, every value on the way")
{
    signer one_for_all;
    for (const example& e : examples) {
        CAPTURE(e.why);
        const amz_time at = time_of(e);
        CHECK(text(sha256_of(canonicaliser{}(view_of(e)).text)) == e.canonical_hash);
        const digest date = hmac_sha256("AWS4" + std::string{secret}, at.date());
        const digest region = hmac_sha256(view(date), e.where.region);
        const digest service = hmac_sha256(view(region), e.where.service);
        CHECK(text(date) == e.k_date);
        CHECK(text(region) == e.k_region);
        CHECK(text(service) == e.k_service);
        CHECK(text(make_signing_key(secret, at.date(), e.where)) == e.k_signing);

        const credentials keys{std::string{e.access_key}, std::string{secret}};
        const signature made = one_for_all.sign(view_of(e), keys, e.where, at);
        const std::string scope_text = std::string{at.date()} + '/' + std::string{e.where.region} + '/' +
                                       std::string{e.where.service} + "/aws4_request";
        CHECK(made.signed_headers == e.signed_headers);
        CHECK(made.string_to_sign ==
              "AWS4-HMAC-SHA256\n" + std::string{at.text()} + '\n' + scope_text + '\n' + std::string{e.canonical_hash});
        CHECK(made.value == e.signature);
        CHECK(made.authorization == "AWS4-HMAC-SHA256 Credential=" + std::string{e.access_key} + '/' + scope_text +
                                        ", SignedHeaders=" + std::string{e.signed_headers} +
                                        ", Signature=" + std::string{e.signature});
    }
}

TEST_CASE("the parts of a canonical request stand each on its line")
{
    const header_view headers[] = {{"Host", "h"}};
    canonicaliser canonicalise;
    CHECK(canonicalise({.method = "put", .path = "/p", .query = "q", .headers = headers}).text ==
          "PUT\n/p\nq=\nhost:h\n\nhost\n" + std::string{empty_hash});
    CHECK(canonicalise({}).text == "GET\n/\n\n\n\n" + std::string{empty_hash});
}

TEST_CASE("paths")
{
    struct row {
        const char* why;
        std::string_view path;
        std::string_view canonical;
    };
    const row rows[] = {
        {"nothing is the root", "", "/"},
        {"the root", "/", "/"},
        {"slashes are one", "//a///b//", "/a/b/"},
        {"a dot is nothing", "/./a/.", "/a"},
        {"two dots take one away", "/a/b/../c", "/a/c"},
        {"the last slash stays if something is left", "/a/b/../", "/a/"},
        {"and is the root if nothing is", "/a/../", "/"},
        {"never above the root", "/../../a", "/a"},
        {"three dots are a name", "/.../a", "/.../a"},
        {"encoded dots are a name", "/%2e%2E/a", "/%252e%252E/a"},
        {"what the wire encoded is encoded again", "/a%3Ab", "/a%253Ab"},
        {"what it did not is encoded", "/a:b c", "/a%3Ab%20c"},
        {"unreserved octets stay", "/-._~09AZaz", "/-._~09AZaz"},
        {"octets, not characters", "/\xE1\x88\xB4", "/%E1%88%B4"},
        {"no slash at the beginning", "a", "/a"},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(canonical_path(r.path) == r.canonical, r.why);
}

TEST_CASE("queries")
{
    struct row {
        const char* why;
        std::string_view query;
        std::string_view canonical;
    };
    const row rows[] = {
        {"none", "", ""},
        {"a name alone gets a value", "acl", "acl="},
        {"sorted by name", "b=1&a=2", "a=2&b=1"},
        {"capitals first", "a=1&B=2", "B=2&a=1"},
        {"then by value", "a=2&a=10&a=1", "a=1&a=10&a=2"},
        {"a name before a longer one, though - comes before =", "a-b=2&a=1", "a=1&a-b=2"},
        {"by what is encoded", "%E1%88%B4=1&Z=2", "%E1%88%B4=1&Z=2"},
        {"a needless escape goes", "%61=%7e", "a=~"},
        {"a missing one comes", "a=/:b", "a=%2F%3Ab"},
        {"hexadecimal digits are capitals", "a=%2f%c3%bf", "a=%2F%C3%BF"},
        {"the first = divides", "a=b=c", "a=b%3Dc"},
        {"a plus is a plus", "a=b+c", "a=b%2Bc"},
        {"a blank is never a plus", "a=b%20c", "a=b%20c"},
        {"half an escape is a percent sign", "a=%4&b=%zz&c=%", "a=%254&b=%25zz&c=%25"},
        {"empty pieces are nothing", "&&a=1&", "a=1"},
        {"a name may be missing", "=1", "=1"},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(canonical_query(r.query) == r.canonical, r.why);
}

TEST_CASE("headers")
{
    struct row {
        const char* why;
        std::vector<header_view> headers;
        std::string_view block;
        std::string_view names;
    };
    const std::string long_value(100, 'v');
    const row rows[] = {
        {"small letters, sorted", {{"Zoo", "1"}, {"HOST", "H"}, {"a", "2"}}, "a:2\nhost:H\nzoo:1\n", "a;host;zoo"},
        {"a name before a longer one", {{"x-amz-meta-ab", "1"}, {"x-amz-meta-a", "2"}, {"x-amz-meta-a-b", "3"}},
            "x-amz-meta-a:2\nx-amz-meta-a-b:3\nx-amz-meta-ab:1\n", "x-amz-meta-a;x-amz-meta-a-b;x-amz-meta-ab"},
        {"one name, several values, in their order", {{"m", "2"}, {"h", "x"}, {"M", "1"}, {"m", "3"}}, "h:x\nm:2,1,3\n",
            "h;m"},
        {"blanks at the ends go, runs become one", {{"a", " \t b  c\t\td  "}}, "a:b c d\n", "a"},
        {"in quotes too", {{"a", "\"b   c\""}}, "a:\"b c\"\n", "a"},
        {"a value folded over lines", {{"a", "b\n  c\r\n\td"}}, "a:b c d\n", "a"},
        {"nothing at all, and nothing but blanks", {{"a", ""}, {"b", "  "}}, "a:\nb:\n", "a;b"},
        {"values joined after trimming", {{"a", " 1 "}, {"a", " 2 "}}, "a:1,2\n", "a"},
        {"blanks far into a long value", {{"a", "12345678 9  0123456789abcdef  "}}, "a:12345678 9 0123456789abcdef\n",
            "a"},
        {"octets that are not ASCII stay", {{"a", "\xC3\xBC \x80"}}, "a:\xC3\xBC \x80\n", "a"},
        {"what hops change is not signed",
            {{"Authorization", "x"}, {"Connection", "x"}, {"Expect", "x"}, {"Keep-Alive", "x"}, {"TE", "x"},
                {"Proxy-Authenticate", "x"}, {"Proxy-Authorization", "x"}, {"Trailer", "x"}, {"Upgrade", "x"},
                {"Transfer-Encoding", "x"}, {"User-Agent", "x"}, {"X-Amzn-Trace-Id", "x"}, {"Traceparent", "x"},
                {"Tracestate", "x"}, {"Baggage", "x"}, {"host", "h"}},
            "host:h\n", "host"},
        {"what looks like it is", {{"tee", "1"}, {"expects", "2"}, {"x-amzn-trace-i", "3"}},
            "expects:2\ntee:1\nx-amzn-trace-i:3\n", "expects;tee;x-amzn-trace-i"},
        {"the length, if it is there already", {{"Content-Length", "13"}}, "content-length:13\n", "content-length"},
    };
    canonicaliser canonicalise;
    for (const row& r : rows) {
        CAPTURE(r.why);
        const auto made = canonicalise({.headers = r.headers});
        CHECK(made.signed_headers == r.names);
        CHECK(made.text ==
              "GET\n/\n\n" + std::string{r.block} + '\n' + std::string{r.names} + '\n' + std::string{empty_hash});
    }
}

TEST_CASE("many headers are sorted like few")
{
    std::vector<std::string> names;
    for (int i = 0; i < 200; ++i)
        names.push_back("h" + std::to_string(i * 7919 % 200 + 1000));
    std::vector<header_view> headers;
    for (const std::string& n : names)
        headers.push_back({n, "v"});
    std::string expected;
    for (int i = 0; i < 200; ++i)
        expected += (i == 0 ? "h" : ";h") + std::to_string(i + 1000);
    CHECK(canonicaliser{}({.headers = headers}).signed_headers == expected);
}

TEST_CASE("the payload's hash")
{
    const header_view said[] = {{"x-amz-content-sha256", " UNSIGNED-PAYLOAD "}};
    canonicaliser canonicalise;
    CHECK(canonicalise({}).payload_hash == empty_hash);
    CHECK(canonicalise({.body = "abc"}).payload_hash ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(canonicalise({.body = "abc", .payload_hash = "known"}).payload_hash == "known");
    const auto sent = canonicalise({.headers = said, .body = "abc"});
    CHECK(sent.payload_hash == "UNSIGNED-PAYLOAD");
    CHECK(sent.signed_headers == "x-amz-content-sha256");
    // What is not signed does not count.
    CHECK(canonicalise({.headers = said}, "host").payload_hash == empty_hash);

    const std::string huge(1000, 'h');
    const header_view long_one[] = {{"x-amz-content-sha256", huge}};
    CHECK(canonicalise({.headers = long_one}).payload_hash == huge);
}

TEST_CASE("HMAC with keys of every length")
{
    struct row {
        const char* why;
        std::string key;
        std::string_view text;
        std::string_view mac;
    };
    // RFC 4231, cases 1, 2 and 6.
    const row rows[] = {
        {"shorter than a digest", std::string(20, '\x0b'), "Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"a word", "Jefe", "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {"longer than a block", std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(text(hmac_sha256(r.key, r.text)) == r.mac, r.why);
}

TEST_CASE("a signer knows its keys apart")
{
    const credentials a{"A", "secret a"};
    const credentials b{"B", "secret b"};
    const amz_time day1 = *amz_time::parse("20260304T235959Z");
    const amz_time day2 = *amz_time::parse("20260305T000000Z");
    signer kept;
    // More different keys than it keeps, each twice.
    for (int round = 0; round < 2; ++round) {
        for (const credentials* with : {&a, &b}) {
            for (const scope s :
                {scope{"eu-west-1", "lambda"}, scope{"eu-west-1", "sts"}, scope{"us-east-1", "lambda"}}) {
                for (const amz_time& at : {day1, day2}) {
                    const std::string reused{kept.sign({}, *with, s, at).value};
                    CHECK(reused == signer{}.sign({}, *with, s, at).value);
                    CHECK(
                        reused == view(hex(hmac_key{view(make_signing_key(with->secret_access_key, at.date(), s))}.sign(
                                      kept.sign({}, *with, s, at).string_to_sign))));
                }
            }
        }
    }
}

TEST_CASE("X-Amz-Date")
{
    CHECK(amz_time{mayfly::wall_time{std::chrono::milliseconds{1'772'600'767'999}}}.text() == "20260304T050607Z");
    CHECK(amz_time{mayfly::wall_time{std::chrono::milliseconds{-1}}}.text() == "19691231T235959Z");
    CHECK(amz_time::parse("20260304T050607Z")->time() == mayfly::wall_time{std::chrono::seconds{1'772'600'767}});
    CHECK(amz_time::parse("20240229T000000Z")->date() == "20240229");
    for (const char* bad :
        {"", "20260304", "20260304T050607", "20260304t050607Z", "20260304T050607z", "20260229T000000Z",
            "20261301T000000Z", "20260304T240000Z", "20260304T006000Z", "20260304T000060Z", "2026 304T050607Z"})
        CHECK_MESSAGE(!amz_time::parse(bad), bad);
}

TEST_CASE("a message is signed in place, again and again")
{
    http::request r{http::verb::post, examples[0].target, 11};
    r.set(http::field::host, "lambda.us-west-2.amazonaws.com");
    r.set("X-Amz-Invocation-Type", "Event");
    r.set(http::field::content_type, "application/json");
    r.set(http::field::user_agent, "any");
    r.body() = examples[0].body;

    const amz_time at = *amz_time::parse("20260304T050607Z");
    credentials keys{"ASIAWORKEDEXAMPLE001", std::string{secret}, "IQoJb3JpZ2luX2VjEXAMPLE//+tok/en=="};
    request_signer sign;
    sign.sign(r, keys, examples[0].where, at);
    const std::string first{r[http::field::authorization]};
    CHECK(first.ends_with(examples[0].signature));
    CHECK(r["X-Amz-Date"] == "20260304T050607Z");

    // The next attempt, with long-lived keys and at another time: nothing of the first is left.
    const credentials long_lived{"AKIDEXAMPLE", std::string{secret}};
    sign.sign(r, long_lived, examples[0].where, amz_time{at.time() + std::chrono::seconds{1}});
    CHECK(r.count("X-Amz-Security-Token") == 0);
    CHECK(r.count("X-Amz-Date") == 1);
    CHECK(r.count(http::field::authorization) == 1);
    CHECK(r[http::field::authorization] != first);
    sign.sign(r, keys, examples[0].where, at, view(hex(sha256_of(examples[0].body))));
    CHECK(r[http::field::authorization] == first);
}

TEST_CASE("credentials never show their secrets")
{
    const credentials c{"AKIDEXAMPLE", "the-secret-key", "the-session-token", {}, "the environment"};
    std::ostringstream out;
    out << c;
    CHECK(out.str() == "AKIDEXAMPLE (temporary) from the environment");
    CHECK(to_string(credentials{}) == "no access key");
}
