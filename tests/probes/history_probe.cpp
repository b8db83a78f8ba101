// SPDX-License-Identifier: BSL-1.0

// Messages of histories between their bytes and their JSON, for a test that compares with protobuf's own.
//
// Reads lines, answers each with one: `wire TYPE JSON` with bytes in base64, `json TYPE BASE64` with JSON, and what is
// wrong with `! why`.

#include <mayfly/base64.hpp>
#include <mayfly/temporal/testing/history_json.hpp>

#include <boost/json/monotonic_resource.hpp>

#include <iostream>
#include <string>
#include <string_view>

namespace {

namespace testing = mayfly::temporal::testing;
using mayfly::temporal::detail::json_place;
using mayfly::temporal::detail::json_walk;

std::string to_wire(const testing::detail::message_entry& m, std::string_view text)
{
    boost::json::monotonic_resource memory;
    std::string error;
    const auto v = mayfly::temporal::detail::parse_json(text, &memory, error);
    if (!error.empty())
        return "! " + error;
    json_walk walk;
    const json_place top(walk);
    testing::detail::json_to_wire reader(testing::detail::messages(), true);
    std::string out;
    return reader.message(m, v, out, top) ? mayfly::to_base64(out) : "! " + walk.error;
}

std::string to_json(const testing::detail::message_entry& m, std::string_view text)
{
    const auto bytes = mayfly::from_base64(text);
    std::string out;
    if (!bytes || !testing::detail::wire_to_json(testing::detail::messages()).message(m, *bytes, out))
        return "! it cannot be said in JSON";
    return out;
}

}  // namespace

int main()
{
    std::string line;
    while (std::getline(std::cin, line)) {
        const std::string_view all = line;
        const std::size_t verb = all.find(' ');
        const std::size_t type = all.find(' ', verb + 1);
        const auto* const m = testing::detail::messages().find(all.substr(verb + 1, type - verb - 1));
        if (m == nullptr)
            std::cout << "! no such message\n";
        else if (all.starts_with("wire"))
            std::cout << to_wire(*m, all.substr(type + 1)) << '\n';
        else
            std::cout << to_json(*m, all.substr(type + 1)) << '\n';
    }
}
