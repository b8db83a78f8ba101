// SPDX-License-Identifier: BSL-1.0

#include "commands.hpp"
#include "version_command.hpp"
#include "worker_command.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <pwd.h>
#include <unistd.h>

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace {

int unusable(const std::string& why)
{
    std::fprintf(stderr, "mayfly worker: %s\n", why.c_str());
    return 2;
}

int show(const std::string& text)
{
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
}

/// The same for each of somebody's calls. A process is another each time, and as the manager of a deployment it would
/// lock out everybody.
std::string person_at_host()
{
    const std::string process = mayfly::temporal::default_identity();
    const ::passwd* const person = ::getpwuid(::geteuid());
    return (person == nullptr ? std::to_string(::geteuid()) : person->pw_name) + process.substr(process.find('@'));
}

/// No command: the words so far may be the beginning of some, and then there is
/// help for these.
int show_group(const examples::argument_list& given)
{
    std::string prefix;
    for (const std::string_view word : given) {
        if (word == "help" || word == "--help" || word == "-h")
            return show(examples::worker_help(prefix));
        const std::string longer = (prefix.empty() ? "" : prefix + ' ') + std::string(word);
        const bool known = std::any_of(examples::worker_verbs.begin(), examples::worker_verbs.end(),
            [&](const auto& v) { return v.path.starts_with(longer + ' '); });
        if (!known)
            return unusable("there is no verb \"" + longer + "\"; --help says what there is");
        prefix = longer;
    }
    if (given.empty())
        return show(examples::worker_help(prefix));
    return unusable("\"" + prefix + "\" wants one more word; --help says which there are");
}

}  // namespace

int examples::worker_command(const argument_list& given)
{
    std::size_t words = 0;
    const auto* const verb = find_worker_verb(given, words);
    if (verb == nullptr)
        return show_group(given);
    worker_arguments arguments =
        read_worker_arguments(*verb, {given.begin() + static_cast<std::ptrdiff_t>(words), given.end()});
    if (arguments.help)
        return show(worker_help(*verb));
    if (!arguments.problem.empty())
        return unusable(arguments.problem + "; --help says what there is");

    const auto settings = arguments.connection.settings();
    if (!settings)
        return unusable(to_string(settings.problems()));
    for (const auto& w : settings->warnings)
        std::fprintf(stderr, "mayfly worker: warning: %s\n", to_string(w).c_str());
    const auto options = arguments.connection.options(*settings);
    if (!options)
        return unusable(to_string(options.problems()));
    auto patient = *options;
    patient.retry.total = std::chrono::seconds{3};  // Somebody sits in front of it.
    if (arguments.connection.identity().empty())
        patient.identity = person_at_host();

    int status = 1;
    asio::io_context io(1);
    const auto on = std::make_shared<temporal::connection>(io.get_executor(), std::move(patient));
    const auto ended = [&](const std::exception_ptr& thrown, int how) {
        if (thrown)
            std::rethrow_exception(thrown);
        status = how;
        on->close();
    };
    const bool of_version = (verb->takes & (detail::of_version | detail::of_unversioned)) == detail::of_version;
    version_run about_version(arguments, on);
    worker_run about_others(std::move(arguments), on);
    asio::co_spawn(io, of_version ? about_version.run() : about_others.run(), ended);
    io.run();
    return status;
}
