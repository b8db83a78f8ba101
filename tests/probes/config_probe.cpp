// SPDX-License-Identifier: BSL-1.0

// Reads settings as others read them, for comparison.
//
// Reads one JSON object a line:
//     {"env": {NAME: VALUE}, "profile", "strict", "user"}
// `profile` may be absent; `user` looks for a file as command-line tools do, not as workers do. Only these variables
// count, and files are read from disk.
//
// Writes one JSON object a line: the settings, secrets included, each a [value, source], with the text for people in
// "text"; or {"problems": [...]}, a text each.

#include <mayfly/config/read.hpp>
#include <mayfly/detail/json_read.hpp>
#include <mayfly/detail/json_write.hpp>

#include <cstddef>
#include <iostream>
#include <string>
#include <string_view>

namespace {

using mayfly::detail::json_value;
using mayfly::detail::json_writer;
using namespace mayfly;

bool is_true(const json_value& line, std::string_view name)
{
    const json_value* const found = line.find(name);
    return found != nullptr && found->is_boolean() && found->boolean;
}

template <class T>
void member(json_writer& json, std::string_view name, const config::sourced<T>& v)
{
    json.key(name).begin_array().value(v.value).value(v.from).end_array();
}

void write(json_writer& json, const config::connection_settings& s)
{
    json.begin_object().member("file", s.file);
    member(json, "profile", s.profile);
    member(json, "address", s.address);
    json.member("host", s.endpoint.host).member("port", s.endpoint.port);
    member(json, "namespace", s.name_space);
    member(json, "api_key", s.api_key);
    member(json, "authority", s.authority);
    json.key("tls").begin_object();
    member(json, "on", s.tls.on);
    member(json, "client_cert", s.tls.client_cert);
    member(json, "client_key", s.tls.client_key);
    member(json, "server_ca", s.tls.server_ca);
    member(json, "server_name", s.tls.server_name);
    member(json, "verify_host", s.tls.verify_host);
    json.end_object().key("codec").begin_object();
    member(json, "endpoint", s.codec.endpoint);
    member(json, "auth", s.codec.auth);
    json.end_object().key("grpc_meta").begin_object();
    for (const auto& [name, value] : s.grpc_meta)
        member(json, name, value);
    json.end_object();
    member(json, "task_queue", s.task_queue);
    json.key("warnings").begin_array();
    for (const problem& p : s.warnings)
        json.value(to_string(p));
    json.end_array().member("text", to_string(s)).end_object();
}

std::string answer(std::string_view text)
{
    std::string out;
    json_writer json{out};
    const auto refuse = [&](const problems& wrong) {
        json.begin_object().key("problems").begin_array();
        for (const problem& p : wrong)
            json.value(to_string(p));
        json.end_array().end_object();
        return out;
    };
    const mayfly::detail::json_document document = mayfly::detail::read_json(text);
    if (!document || !document.root.is_object())
        return refuse({{"the line", "", document ? "give an object" : document.error}});
    const json_value& line = document.root;

    environment variables;
    if (const json_value* const env = line.find("env")) {
        for (std::size_t i = 0; i < env->keys.size(); ++i)
            variables.variables[env->keys[i]] = env->items[i].text;
    }
    config::read_options options;
    options.strict = is_true(line, "strict");
    options.where = is_true(line, "user") ? config::places::user : config::places::worker;
    if (const json_value* const profile = line.find("profile"))
        options.profile = profile->text;

    const auto settings = config::read_settings(options, variables, config::read_file);
    if (!settings)
        return refuse(settings.problems());
    write(json, *settings);
    return out;
}

}  // namespace

int main()
{
    for (std::string line; std::getline(std::cin, line);) {
        if (!line.empty())
            std::cout << answer(line) << '\n' << std::flush;
    }
}
