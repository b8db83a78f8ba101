// SPDX-License-Identifier: BSL-1.0

// Runs workloads against a scaler in simulated time. `simulate --help` says how.

#include "options.hpp"
#include "report.hpp"

#include <mayfly/testing/workload_file.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#if __has_include(<unistd.h>)
#include <unistd.h>
static bool is_terminal()
{
    return isatty(STDERR_FILENO) != 0;
}
#else
static bool is_terminal()
{
    return false;
}
#endif

namespace {

using namespace examples;
using mayfly::testing::workload;
namespace fs = std::filesystem;

constexpr int unusable = 2;

int refuse(const std::string& why)
{
    std::fprintf(stderr, "simulate: %s\n", printable(why).c_str());
    return unusable;
}

std::optional<std::string> read_text(const fs::path& file)
{
    std::error_code ec;
    if (!fs::exists(file, ec) || fs::is_directory(file, ec))
        return std::nullopt;
    std::ifstream in(file, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    return in ? std::optional(std::move(text)) : std::nullopt;
}

/// The ids that are asked for by name; failing that, those that contain it.
std::vector<workload> chosen(const std::vector<workload>& all, const std::vector<std::string>& only)
{
    std::vector<workload> out;
    for (const workload& w : all) {
        const bool wanted = only.empty() || std::any_of(only.begin(), only.end(), [&](const std::string& name) {
            const bool exact = std::any_of(all.begin(), all.end(), [&](const workload& o) { return o.id == name; });
            return exact ? w.id == name : w.id.find(name) != std::string::npos;
        });
        if (wanted)
            out.push_back(w);
    }
    return out;
}

int simulate_all(const options& o, const std::vector<workload>& workloads)
{
    // Opened first: a long run whose results cannot be written would be for nothing.
    std::ofstream json;
    if (!o.json.empty()) {
        json.open(o.json, std::ios::binary);
        if (!json)
            return refuse("--json is \"" + o.json.string() + "\": cannot be written");
    }
    if (!o.svg.empty()) {
        std::error_code ec;
        fs::create_directories(o.svg, ec);
        if (!fs::is_directory(o.svg))
            return refuse("--svg is \"" + o.svg.string() + "\": give a directory that exists or can be made");
    }

    std::size_t widest = 0;
    for (const workload& w : workloads)
        widest = std::max(widest, w.id.size());
    const table print(widest);
    print.head();
    std::fflush(stdout);

    std::vector<verdict> all;
    bool drawn = true;
    for (const workload& stated : workloads) {
        if (is_terminal())
            std::fprintf(
                stderr, "\r[%zu/%zu] %s\033[K", all.size() + 1, workloads.size(), printable(stated.id).c_str());
        const workload w = reseeded(stated, o.seed_offset);
        verdict v = judge(w, o.scaler, o.events, yardstick_of(w));
        if (is_terminal())
            std::fprintf(stderr, "\r\033[K");
        print.line(v);
        if (!o.svg.empty()) {
            const fs::path file = o.svg / (w.id + ".svg");
            std::ofstream out(file, std::ios::binary);
            out << to_svg(chart_of(v, w.note, o.scaler, o.events)) << std::flush;
            if (!out) {
                std::fprintf(stderr, "simulate: %s cannot be written\n", printable(file.string()).c_str());
                drawn = false;
            }
        }
        v.run.series = {};
        all.push_back(std::move(v));
    }

    const summary s = summarise(all);
    table::foot(s);
    if (json.is_open() && !(json << to_json(all, s, o.scaler, o.events, o.seed_offset) << std::flush)) {
        std::fprintf(stderr, "simulate: %s cannot be written\n", printable(o.json.string()).c_str());
        return 1;
    }
    return drawn ? 0 : 1;
}

int run_program(const std::vector<std::string_view>& arguments)
{
    options o = read_options(arguments);
    if (o.help) {
        std::fwrite(simulate_help.data(), 1, simulate_help.size(), stdout);
        return 0;
    }
    if (!o.problem.empty())
        return refuse(o.problem + "; --help says what there is");
    if (o.workloads.empty())
        o.workloads = fs::absolute(__FILE__).parent_path().parent_path() / "data" / "scaling-workloads.json";

    const auto text = read_text(o.workloads);
    if (!text)
        return refuse("--workloads is \"" + o.workloads.string() + "\": no such file, or not readable");
    const mayfly::testing::workload_file file = mayfly::testing::read_workloads(*text);
    if (!file) {
        constexpr std::size_t most = 20;
        for (std::size_t i = 0; i < std::min(most, file.problems.size()); ++i)
            refuse(file.problems[i].what());
        if (file.problems.size() > most)
            refuse("and " + std::to_string(file.problems.size() - most) + " more problems");
        return unusable;
    }
    const std::vector<workload> workloads = chosen(file.workloads, o.only);
    if (workloads.empty()) {
        std::string ids;
        for (const workload& w : file.workloads)
            ids += (ids.empty() ? "" : ", ") + w.id;
        return refuse(ids.empty() ? "the file holds no workload" : "--only matches no workload; there are: " + ids);
    }
    return simulate_all(o, workloads);
}

}  // namespace

int main(int argc, char** argv)
{
    try {
        return run_program({argv + 1, argv + argc});
    } catch (const std::exception& e) {
        std::fprintf(stderr, "simulate: %s\n", e.what());
        return 1;
    }
}
