// SPDX-License-Identifier: BSL-1.0

// What a signature costs, as a fraction of what nobody can do without: hashing the body, the canonical request and the
// string to sign, with the same SHA-256 and a signing key that is kept. Beside it, as many blocks hashed at one go.
//
//     bench_aws [--quick]

#include "../support/bench.hpp"

#include <mayfly/aws/sigv4_http.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace mayfly;
using bench::keep;

const aws::amz_time at = *aws::amz_time::parse("20260731T120000Z");
constexpr aws::scope lambda{"eu-central-1", "lambda"};

struct kind {
    const char* name;
    http::verb method;
    const char* target;
    std::size_t token;  // octets of the session token
    std::size_t body;
};

constexpr kind kinds[] = {
    {"Invoke, role, 300 B", http::verb::post,
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-central-1%3A123456789012%3Afunction%3Aorders/"
        "invocations?Qualifier=7",
        800, 300},
    {"Invoke, user, 300 B", http::verb::post, "/2015-03-31/functions/orders/invocations?Qualifier=7", 0, 300},
    {"Invoke, role, 100 kB", http::verb::post, "/2015-03-31/functions/orders/invocations?Qualifier=7", 800, 100'000},
    {"GetFunction, role", http::verb::get, "/2015-03-31/functions/orders?Qualifier=7", 800, 0},
};

http::request make_request(const kind& k)
{
    http::request r{k.method, k.target, 11};
    r.set(http::field::host, "lambda.eu-central-1.amazonaws.com");
    r.set(http::field::content_type, "application/json");
    r.set("X-Amz-Invocation-Type", "Event");
    r.body() = std::string(k.body, 'x');
    r.prepare_payload();
    return r;
}

/// How many blocks SHA-256 takes for a text, its padding included.
std::uint64_t blocks(std::size_t octets)
{
    return (octets + 9 + 63) / 64;
}

void signatures(const kind& k)
{
    const std::size_t calls = k.body > 10'000 ? 100 : 4'000;
    const std::size_t rounds = bench::quick ? 5 : 41;
    const aws::credentials who{.access_key_id = "AKIATESTKEY000000001",
        .secret_access_key = std::string(40, 's'),
        .session_token = std::string(k.token, 't')};

    http::request message = make_request(k);
    aws::request_signer in_place;
    in_place.sign(message, who, lambda, at);

    // The same request as a view, which is what is measured against the limit.
    http::request bare = message;
    bare.erase(http::field::authorization);
    std::vector<aws::header_view> headers;
    aws::view_headers(bare, headers);
    const aws::split_target target{{bare.target().data(), bare.target().size()}};
    const aws::signing_request request{.method = {bare.method_string().data(), bare.method_string().size()},
        .path = target.path,
        .query = target.query,
        .headers = headers,
        .body = bare.body()};

    aws::signer signer;
    const aws::signature made = signer.sign(request, who, lambda, at);
    const std::string canonical{made.canonical_request};
    const std::string to_sign{made.string_to_sign};
    const aws::hmac_key key(aws::view(aws::make_signing_key(who.secret_access_key, at.date(), lambda)));
    const std::uint64_t least = blocks(request.body.size()) + blocks(canonical.size()) + blocks(to_sign.size()) + 1;
    const std::string as_much(least * 64 - 9, 'x');

    const auto sign = [&] {
        return bench::nanoseconds_once(calls, [&](std::size_t) { keep(signer.sign(request, who, lambda, at).value); });
    };
    const auto hash = [&] {
        return bench::nanoseconds_once(calls, [&](std::size_t) {
            keep(aws::sha256_of(request.body));
            keep(aws::sha256_of(canonical));
            keep(key.sign(to_sign));
        });
    };
    const auto hash_at_one_go = [&] {
        return bench::nanoseconds_once(calls, [&](std::size_t) { keep(aws::sha256_of(as_much)); });
    };
    const auto sign_message = [&] {
        return bench::nanoseconds_once(calls, [&](std::size_t) { in_place.sign(message, who, lambda, at); });
    };
    const auto tell = [&](const std::string& what, const bench::beside& b, const char* control) {
        bench::row(what.c_str(), 1e9 / b.value, "per s", control, 1e9 / b.control, 1 / b.ratio);
    };

    const std::string name = k.name;
    sign();
    std::uint64_t before = allocations::count;
    keep(signer.sign(request, who, lambda, at).value);
    const std::uint64_t allocated = allocations::count - before;
    tell(name, bench::side_by_side(rounds, sign, hash), "hashing the same texts");
    tell("", bench::side_by_side(rounds, sign, hash_at_one_go), "as many blocks at one go");
    bench::figure("  allocations per signature", static_cast<double>(allocated));

    sign_message();
    before = allocations::count;
    in_place.sign(message, who, lambda, at);
    const std::uint64_t allocated_in_place = allocations::count - before;
    tell("  a message of mayfly::http, in place", bench::side_by_side(rounds, sign_message, hash),
        "hashing the same texts");
    bench::figure("  allocations per signed message", static_cast<double>(allocated_in_place));
}

}  // namespace

int main(int argc, char** argv)
{
    if (!bench::read_options(argc, argv))
        return 2;
    bench::heading();
    for (const kind& k : kinds)
        signatures(k);
}
