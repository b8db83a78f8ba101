// SPDX-License-Identifier: BSL-1.0
#include <mayfly/error.hpp>
#include <mayfly/http/error.hpp>
#include <mayfly/http/failure.hpp>

#include <doctest/doctest.h>

#include <boost/system/error_code.hpp>

#include <cstddef>
#include <set>
#include <string>

using boost::system::error_code;
using mayfly::condition;
using mayfly::http::errc;

TEST_CASE("every error has words of its own, and is one that may pass or one that does not")
{
    std::set<std::string> words;
    int permanent = 0;
    const int last = static_cast<int>(errc::body_too_large);
    for (int v = 1; v <= last; ++v) {
        const error_code ec = static_cast<errc>(v);
        words.insert(ec.message());
        CHECK(ec.message() != "unknown");
        const bool lasts = mayfly::condition_of(ec) == condition::permanent;
        CHECK(lasts != (ec == condition::transient));
        permanent += lasts ? 1 : 0;
    }
    CHECK(words.size() == static_cast<std::size_t>(last));
    CHECK(permanent == 14);
    CHECK(error_code(errc::certificate_expired) == condition::permanent);
    CHECK(error_code(errc::body_too_large) == condition::permanent);
    CHECK(error_code(errc::connection_lost) == condition::transient);
    CHECK(error_code(last + 1, mayfly::http::http_category()).message() == "unknown");
}

TEST_CASE("what failed, in words")
{
    using mayfly::http::failure;
    using mayfly::http::failure_text;
    CHECK(failure_text(errc::closed, failure("h:1: closed")) == "h:1: closed");
    CHECK(failure_text(errc::closed, failure("")) == error_code(errc::closed).message());
    mayfly::http::response answered;
    answered.body() = "a body";
    CHECK(failure_text(errc::closed, answered) == error_code(errc::closed).message());
}
