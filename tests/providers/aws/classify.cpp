// SPDX-License-Identifier: BSL-1.0
#include <mayfly/aws/classify.hpp>
#include <mayfly/aws/error.hpp>
#include <mayfly/aws/xml.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace mayfly::aws;
using mayfly::condition;

TEST_CASE("what an answer means, what core makes of it, and whether it is asked again")
{
    struct row {
        const char* why;
        unsigned status;
        const char* code;
        errc what;
        condition means;
        retry_class again;
    };
    using enum errc;
    using enum retry_class;
    const row rows[] = {
        {"throttled by name", 429, "TooManyRequestsException", throttled, condition::throttled, throttling},
        {"STS says it with 400", 400, "Throttling", throttled, condition::throttled, throttling},
        {"ECS too", 400, "ThrottlingException", throttled, condition::throttled, throttling},
        {"Lambda with 502", 502, "EC2ThrottledException", throttled, condition::throttled, throttling},
        {"429 of something in between", 429, "", throttled, condition::throttled, none},
        {"429 with a name nobody knows", 429, "BusyException", throttled, condition::throttled, none},
        {"the service's own trouble", 500, "ServiceException", service_failed, condition::transient, transient},
        {"without a name", 500, "", service_failed, condition::transient, transient},
        {"a gateway's", 502, "", service_failed, condition::transient, transient},
        {"no service", 503, "", service_failed, condition::transient, transient},
        {"a gateway's patience", 504, "", service_failed, condition::transient, transient},
        {"501 will not change", 501, "", service_failed, condition::transient, none},
        {"a request that took too long", 400, "RequestTimeout", service_failed, condition::transient, transient},
        {"the identity provider is away", 400, "IDPCommunicationError", service_failed, condition::transient,
            transient},
        {"the function is being made", 409, "ResourceConflictException", not_ready, condition::transient, none},
        {"file systems are slow", 408, "EFSMountTimeoutException", not_ready, condition::transient, none},
        {"the network is being made", 502, "ResourceNotReadyException", not_ready, condition::transient, transient},
        {"addresses are used up", 502, "SubnetIPAddressLimitReachedException", service_failed, condition::transient,
            transient},
        {"a subnet that is gone", 502, "InvalidSubnetIDException", misconfigured, condition::permanent, none},
        {"a key that is off", 502, "KMSDisabledException", misconfigured, condition::permanent, none},
        {"any trouble with keys", 502, "KMSSomethingNewException", misconfigured, condition::permanent, none},
        {"a broken file system", 410, "EFSIOException", misconfigured, condition::permanent, none},
        {"the session is over", 403, "ExpiredTokenException", expired_credentials, condition::permanent, none},
        {"as STS says it", 403, "ExpiredToken", expired_credentials, condition::permanent, none},
        {"a key nobody knows", 403, "UnrecognizedClientException", unknown_credentials, condition::permanent, none},
        {"as STS says it", 403, "InvalidClientTokenId", unknown_credentials, condition::permanent, none},
        {"a wrong signature", 403, "InvalidSignatureException", signature_rejected, condition::permanent, none},
        {"as STS says it", 403, "SignatureDoesNotMatch", signature_rejected, condition::permanent, none},
        {"a policy", 403, "AccessDeniedException", access_denied, condition::permanent, none},
        {"as STS says it", 403, "AccessDenied", access_denied, condition::permanent, none},
        {"403 without a name", 403, "", access_denied, condition::permanent, none},
        {"no such function", 404, "ResourceNotFoundException", not_found, condition::permanent, none},
        {"no such service, says ECS", 400, "ServiceNotFoundException", not_found, condition::permanent, none},
        {"too long", 413, "RequestTooLargeException", too_large, condition::permanent, none},
        {"a bad field", 400, "InvalidParameterValueException", refused, condition::permanent, none},
        {"415", 415, "UnsupportedMediaTypeException", refused, condition::permanent, none},
        {"not what an API answers with", 302, "", refused, condition::permanent, none},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        CAPTURE(r.code);
        CHECK(meaning_of(r.status, r.code) == r.what);
        CHECK(mayfly::condition_of(make_error_code(r.what)) == r.means);
        CHECK(retry_class_of(r.status, r.code) == r.again);
    }
}

TEST_CASE("every error has words of its own")
{
    for (int v = 1; v <= static_cast<int>(errc::bad_settings); ++v) {
        CHECK(aws_category().message(v) != "unknown");
        for (int w = 1; w < v; ++w)
            CHECK(aws_category().message(v) != aws_category().message(w));
    }
    CHECK(aws_category().message(static_cast<int>(errc::bad_settings) + 1) == "unknown");
}

TEST_CASE("the service's words are found wherever it puts them")
{
    struct row {
        const char* why;
        error_answer answer;
        const char* code;
        const char* message;
        const char* reason;
        const char* request_id;
    };
    const row rows[] = {
        {"Lambda: the code in a header",
            {429, "TooManyRequestsException", "r1",
                R"({"Reason":"ConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."})"},
            "TooManyRequestsException", "Rate Exceeded.", "ConcurrentInvocationLimitExceeded", "r1"},
        {"with an address behind it",
            {404, "ResourceNotFoundException:http://internal.amazon.com/coral/", "r1",
                R"({"Type":"User","Message":"Function not found"})"},
            "ResourceNotFoundException", "Function not found", "", "r1"},
        {"in a name space", {400, "com.amazonaws.lambda#ServiceException", "", "{}"}, "ServiceException", "", "", ""},
        {"ECS: the code in the body",
            {400, "", "r2",
                R"({"__type":"com.amazonaws.ecs#ServiceNotFoundException","message":"Service not found."})"},
            "ServiceNotFoundException", "Service not found.", "", "r2"},
        {"under another name", {400, "", "", R"({"code":"Nope","message":"m"})"}, "Nope", "m", "", ""},
        {"the header goes first", {400, "Header", "", R"({"__type":"Body"})"}, "Header", "", "", ""},
        {"STS",
            {403, "", "",
                "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <Error>\n"
                "    <Type>Sender</Type>\n    <Code>AccessDenied</Code>\n"
                "    <Message>User: a is not &lt;allowed&gt; &amp; so on</Message>\n  </Error>\n"
                "  <RequestId>r3</RequestId>\n</ErrorResponse>"},
            "AccessDenied", "User: a is not <allowed> & so on", "", "r3"},
        {"a page of something in between", {502, "", "", "<html><body>Bad Gateway</body></html>"}, "", "", "", ""},
        {"neither JSON nor XML", {503, "", "r4", "down for maintenance"}, "", "", "", "r4"},
        {"nothing", {500, "", "", ""}, "", "", "", ""},
        {"cut off", {500, "", "", R"({"message":"half)"}, "", "", "", ""},
        {"of other kinds", {500, "", "", R"({"message":7,"__type":null})"}, "", "", "", ""},
        {"not an object", {500, "", "", R"(["message"])"}, "", "", "", ""},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        const failure f = read_failure(r.answer);
        CHECK(f);
        CHECK(f.code == r.code);
        CHECK(f.message == r.message);
        CHECK(f.reason == r.reason);
        CHECK(f.request_id == r.request_id);
        CHECK(f.http_status == r.answer.status);
    }
}

TEST_CASE("a failure in one line")
{
    failure f = read_failure({429, "TooManyRequestsException", "8476a536",
        R"({"Reason":"CallerRateLimitExceeded","message":"Rate\nexceeded"})"});
    f.attempts = 3;
    CHECK(to_string(f) ==
          "TooManyRequestsException (CallerRateLimitExceeded): Rate exceeded (HTTP 429, request id 8476a536, "
          "3 attempts)");
    CHECK(to_string(read_failure({503, "", "", ""})) == "the service failed (HTTP 503)");
    CHECK(to_string(
              read_failure({403, "", "", R"({"__type":"x\ny","Message":"\u001b[31mred\u0000\u007f caf\u00e9"})"})) ==
          "x y:  [31mred   caf\xc3\xa9 (HTTP 403)");
    failure own;
    own.ec = errc::bad_settings;
    CHECK(to_string(own) == "the settings are not valid");
}

TEST_CASE("a secret that the service quotes is not passed on")
{
    struct row {
        const char* why;
        const char* text;
        const char* secret;
        const char* shown;
    };
    const row rows[] = {
        {"once", "x-amz-security-token:TOKEN1234\n", "TOKEN1234", "x-amz-security-token:***\n"},
        {"as often as it comes", "TOKEN1234TOKEN1234 TOKEN1234", "TOKEN1234", "****** ***"},
        {"no secret at all", "the whole text", "", "the whole text"},
        {"too short to be one", "abc", "b", "abc"},
        {"not there", "abc", "TOKEN1234", "abc"},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(redacted(r.text, r.secret) == r.shown, r.why);
}

TEST_CASE("nor is a signature")
{
    CHECK(without_signatures("Credential=AKID/20150830, Signature=00ff12ab. And Signature=, Signature=ab") ==
          "Credential=AKID/20150830, Signature=***. And Signature=***, Signature=***");
    CHECK(without_signatures("nothing of the kind") == "nothing of the kind");
}

TEST_CASE("as much of XML as is needed")
{
    struct row {
        const char* why;
        const char* document;
        const char* text;
    };
    const row rows[] = {
        {"plain", "<a><Code>x</Code></a>", "x"},
        {"with attributes", "<Code kind=\"y\">x</Code>", "x"},
        {"a longer name is another", "<Codes>x</Codes><Code>y</Code>", "y"},
        {"empty", "<Code></Code>", ""},
        {"in short", "<Code/><Code>x</Code>", ""},
        {"no end", "<Code>x", ""},
        {"an end of another name", "<Code>x</Codes>y</Code>", "x</Codes>y"},
        {"references", "<Code>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;</Code>", "<>&\"'AB"},
        {"what is no reference", "<Code>a & b &nope; &#xZZ; &#1114112;</Code>", "a & b &nope; &#xZZ; &#1114112;"},
        {"nothing", "", ""},
        {"half a tag", "<Code", ""},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(xml_text(r.document, "Code") == r.text, r.why);
}

TEST_CASE("an answer that is nothing but trouble takes no longer than any other of its size")
{
    // What takes the square of that time does not end today.
    const std::size_t size = std::size_t{8} << 20U;
    const std::string ampersands(size, '&');
    CHECK(xml_decoded(ampersands) == ampersands);
    std::string signatures;
    while (signatures.size() < size)
        signatures += "Signature=0123";
    CHECK(without_signatures(signatures).starts_with("Signature=***Signature=***"));
    CHECK(redacted(signatures, "Signature").starts_with("***=0123***=0123"));
}
