// SPDX-License-Identifier: BSL-1.0
#include <mayfly/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/system/errc.hpp>
#include <doctest/doctest.h>

#include <set>
#include <string>

using boost::system::error_code;
using mayfly::condition;
using mayfly::condition_of;
using mayfly::errc;

namespace {

enum class service_error { too_many = 1, gone, hiccup };

// A stranger's category: its own failures, mapped to the conditions that core asks for.
class service_category_type final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "service"; }
    std::string message(int) const override { return "service"; }
    boost::system::error_condition default_error_condition(int v) const noexcept override
    {
        switch (static_cast<service_error>(v)) {
        case service_error::too_many: return condition::throttled;
        case service_error::gone: return condition::permanent;
        case service_error::hiccup: break;
        }
        return condition::transient;
    }
};

error_code make(service_error e)
{
    static const service_category_type category;
    return {static_cast<int>(e), category};
}

}  // namespace

TEST_CASE("a foreign code is one of four conditions")
{
    struct row {
        const char* why;
        error_code ec;
        condition is;
    };
    const row rows[] = {
        {"no error", {}, condition::ok},
        {"mapped to throttled", make(service_error::too_many), condition::throttled},
        {"mapped to permanent", make(service_error::gone), condition::permanent},
        {"mapped to transient", make(service_error::hiccup), condition::transient},
        {"mapped to nothing of ours", boost::asio::error::connection_reset, condition::transient},
        {"our own: somebody has to change the timeout", errc::deadline_too_near, condition::permanent},
        {"our own: somebody has to change the options", errc::bad_options, condition::permanent},
        {"our own: the network may come back", errc::connect_failed, condition::transient},
    };
    for (const row& r : rows) {
        CHECK_MESSAGE(condition_of(r.ec) == r.is, r.why);
        if (r.ec && r.ec.category().name() != std::string("asio.system") &&
            r.ec.category().name() != std::string("system"))
            CHECK_MESSAGE(r.ec == r.is, r.why);
    }
}

TEST_CASE("every failure of core has words of its own")
{
    std::set<std::string> seen;
    for (errc e : {errc::deadline_too_near, errc::bad_options, errc::connect_failed, errc::start_failed,
             errc::worker_failed, errc::stopped}) {
        const error_code ec = e;
        CHECK(ec.failed());
        CHECK(std::string(ec.category().name()) == "mayfly");
        CHECK(ec.message() != "unknown");
        seen.insert(ec.message());
    }
    CHECK(seen.size() == 6);
    CHECK(error_code(99, mayfly::core_category()).message() == "unknown");
}

TEST_CASE("conditions are named in their category")
{
    const boost::system::error_condition c = condition::throttled;
    CHECK(std::string(c.category().name()) == "mayfly.condition");
    CHECK(c.message() == "throttled");
    CHECK(c != boost::system::error_condition(condition::transient));
}
