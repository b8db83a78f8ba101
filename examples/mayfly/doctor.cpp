// SPDX-License-Identifier: BSL-1.0

#include "commands.hpp"
#include "doctor_gather.hpp"
#include "doctor_options.hpp"
#include "flight_file.hpp"
#include "health_report.hpp"
#include "target_check.hpp"

#include <mayfly/http/url.hpp>
#include <mayfly/temporal/connection.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace examples {

namespace {

void say(const std::string& words)
{
    std::fprintf(stderr, "mayfly doctor: %s\n", words.c_str());
}

void put(const std::string& text)
{
    std::fwrite(text.data(), 1, text.size(), stdout);
}

/// False if one of them cannot be read.
bool read_files(const doctor_options& o, doctor_files& into)
{
    const auto take = [&](const std::filesystem::path&, std::uint64_t, std::string_view line) {
        if (flight_line read = read_flight_line(line))
            into.record[subject_of(read.entry)].push_back(std::move(read.entry));
    };
    if (!o.record.empty() && !read_flight_files(o.record, take)) {
        say("--record is \"" + o.record.string() + "\": it cannot be read; give the file that the controller writes");
        return false;
    }
    if (o.log.empty())
        return true;
    std::ifstream in(o.log, std::ios::binary);
    for (std::string line; std::getline(in, line);)
        if (meaning_of_words(line))
            into.log.push_back(std::move(line));
    if (!in.eof()) {
        say("--log is \"" + o.log.string() + "\": it cannot be read; give a file with the function's log");
        return false;
    }
    return true;
}

health_report judged(health_facts facts)
{
    auto found = diagnose_health(facts, known_compute());
    const auto is = standing_of(facts, found);
    return {std::move(facts), std::move(found), is};
}

void print(const std::vector<health_report>& all, bool as_json)
{
    std::string out;
    if (!as_json) {
        for (const health_report& r : all)
            out += (out.empty() ? "" : "\n") + to_text(r);
        return put(out);
    }
    mayfly::detail::json_writer to(out);
    to.begin_array();
    for (const health_report& r : all)
        write_json(to, r);
    to.end_array();
    put(out + '\n');
}

/// The exit status.
asio::awaitable<int> look(doctor_options o, doctor_files files, std::shared_ptr<temporal::connection> on)
{
    health_gatherer ask(o, std::move(files), on);
    auto begun = ask.begin();
    const std::string closed = co_await std::move(begun);
    if (!closed.empty()) {
        health_facts nothing{.address = mayfly::http::authority(on->options().target),
            .name_space = on->options().name_space,
            .version = o.version,
            .unreachable = closed};
        if (o.version.deployment.empty())
            say("the server cannot be asked: " + closed);
        else
            print({judged(std::move(nothing))}, o.as_json);
        co_return 1;
    }
    std::vector<mayfly::deployment_version> versions{o.version};
    std::string unlisted;
    if (o.version.deployment.empty()) {
        versions.clear();
        auto listed = ask.all_versions(versions);
        unlisted = co_await std::move(listed);
        if (!unlisted.empty())
            say("not all versions can be found: " + unlisted);
        else if (versions.empty())
            say("no version in namespace " + on->options().name_space +
                " has a compute configuration: mayfly worker deployment create-version makes one");
    }
    std::vector<health_report> all;
    for (const mayfly::deployment_version& v : versions) {
        auto looked = ask.look_at(v);
        health_facts facts = co_await std::move(looked);
        all.push_back(judged(std::move(facts)));
    }
    print(all, o.as_json);
    const bool wrong = std::any_of(all.begin(), all.end(), [](const health_report& r) { return is_wrong(r.is); });
    co_return wrong || !unlisted.empty() ? 1 : 0;
}

}  // namespace

int doctor_command(const argument_list& arguments)
{
    const doctor_options o = read_doctor_options(arguments);
    if (o.help) {
        put(std::string(doctor_help) + std::string(connection_help));
        return 0;
    }
    if (!o.problem.empty()) {
        say(o.problem + "; --help says what there is");
        return 2;
    }
    if (o.causes) {
        put(causes_text());
        return 0;
    }
    doctor_files files;
    if (!read_files(o, files))
        return 2;
    const auto settings = o.connection.settings();
    if (!settings) {
        say(to_string(settings.problems()));
        return 2;
    }
    const auto options = o.connection.options(*settings);
    if (!options) {
        say(to_string(options.problems()));
        return 2;
    }
    auto patient = *options;
    patient.retry.total = std::chrono::seconds{3};  // Somebody sits in front of it.

    int status = 1;
    asio::io_context io(1);
    const auto on = std::make_shared<temporal::connection>(io.get_executor(), std::move(patient));
    asio::co_spawn(io, look(o, std::move(files), on), [&](const std::exception_ptr& thrown, int ended) {
        if (thrown)
            std::rethrow_exception(thrown);
        status = ended;
        on->close();
    });
    io.run();
    return status;
}

}  // namespace examples
