// SPDX-License-Identifier: BSL-1.0

// What is wrong, said so that it can be put right. Checks return all problems, not the first: each names the field, the
// value and the remedy. Operations end with an error code, of which a program needs three differences.

#include <mayfly/compute_config.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/error.hpp>
#include <mayfly/scalers/fleet_settings.hpp>
#include <mayfly/scalers/reference_kinds.hpp>

#include <boost/asio/error.hpp>

#include <array>
#include <cstdio>
#include <string>

namespace {

void print(const char* what, const mayfly::problems& all)
{
    std::printf("%s: %zu problems\n", what, all.size());
    for (const mayfly::problem& p : all)
        std::printf("  %s\n", to_string(p).c_str());
}

// What a host program has to offer. A kind of its own is one line.
constexpr std::array<mayfly::provider_kind, 2> providers{{
    {.type = "farm"},
    {.type = "pool", .strategy = mayfly::launch_strategy::worker_set},
}};
constexpr std::array<mayfly::scaler_kind, 3> scalers{
    mayfly::reference_scaler_kinds[0], mayfly::reference_scaler_kinds[1], mayfly::fleet_kind};
constexpr mayfly::compute_registry known{.providers = providers, .scalers = scalers};

const char* advice(const boost::system::error_code& ec)
{
    switch (mayfly::condition_of(ec)) {
    case mayfly::condition::ok: return "go on";
    case mayfly::condition::throttled: return "come back later, and slower";
    case mayfly::condition::transient: return "try again";
    case mayfly::condition::permanent: return "do not try before somebody has changed something";
    }
    return "";
}

}  // namespace

int main()
{
    print("names", mayfly::check_names({"my.shop", "__build:7"}));

    mayfly::compute_config config;
    config.groups["default"] = {.provider = mayfly::provider_spec{.type = "farn"}, .limits = {.min = 5, .max = 2}};
    config.groups["heavy"] = {.types = {mayfly::task_type::activity},
        .provider = mayfly::provider_spec{.type = "farm"},
        // Sizes a set, while a farm starts single workers.
        .scaler = mayfly::scaler_spec{.type = "rate-based", .details = {{"max_count", 0}, {"min_cont", 1}}}};
    print("compute configuration", check(config, known).errors);

    // Settings from a file or a registry become a scaler, or all the reasons why not.
    const auto wrong = mayfly::from_settings<mayfly::fleet>({{"idle_exit_ms", "soon"}, {"hedge", 7.5}}, "scaler");
    print("settings", wrong.problems());
    if (const auto scaler = mayfly::from_settings<mayfly::fleet>({{"hedge", 0.1}, {"idle_exit_ms", "500"}}))
        std::printf("settings that will do: hedge %.1f, idle exit %lld us\n", scaler->hedge,
            static_cast<long long>(scaler->idle_exit.count()));

    // Whoever made the code: ours, Asio's or a provider's. What maps to nothing may succeed unchanged, so try again.
    const boost::system::error_code codes[] = {
        {}, mayfly::errc::connect_failed, mayfly::errc::bad_options, boost::asio::error::timed_out};
    for (const auto& ec : codes)
        std::printf("\"%s\": %s\n", ec.message().c_str(), advice(ec));

    // Or ask for one difference by name.
    const boost::system::error_code near = mayfly::errc::deadline_too_near;
    return near == mayfly::condition::permanent ? 0 : 1;
}
