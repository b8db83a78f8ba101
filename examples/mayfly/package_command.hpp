// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../support/flags.hpp"

#include <mayfly/aws/elf.hpp>
#include <mayfly/aws/package.hpp>
#include <mayfly/aws/zip.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace examples {

namespace fs = std::filesystem;

inline constexpr std::string_view package_help =
    R"(usage: mayfly package --bootstrap PATH [OPTION]... --output function.zip

Makes the archive that a Lambda function of the runtime provided.al2023 is created or updated with, and refuses a
program that would not start there. The same files make the same bytes, whenever and wherever.

  --bootstrap PATH           the program; it becomes bootstrap
  --config PATH              its configuration; it becomes temporal.toml
  --certificates PATH        a file, which keeps its name, or a folder, which keeps its name and what is in it; a path
                             in temporal.toml is looked up from the archive's top folder. May be given several times
  --file NAME=PATH           anything else, under this name. May be given several times
  --architecture NAME        x86_64 or arm64, as the function is configured; otherwise what the program is built for
  --output PATH              the archive; an older one is replaced
  --help                     this

Exit status: 0 the archive is written, 1 it was refused or could not be written, 2 the arguments are not usable.
)";

struct package_options {
    struct named_file {
        std::string name{};  ///< In the archive.
        fs::path path{};
    };
    fs::path bootstrap{};
    fs::path output{};
    std::vector<named_file> files{};
    std::vector<fs::path> certificates{};
    std::optional<mayfly::aws::architecture> architecture{};
    bool help = false;
    std::string problem{};  ///< Why these arguments cannot be used; empty if they can.
};

namespace detail {

inline std::string set(package_options& o, std::string_view flag, std::string_view value)
{
    using mayfly::aws::architecture;
    const std::string given = std::string(flag) + " is \"" + std::string(value) + "\": ";
    if (value.empty())
        return std::string(flag) + ": give a value";
    if (flag == "--bootstrap") {
        o.bootstrap = value;
    } else if (flag == "--config") {
        o.files.push_back({"temporal.toml", value});
    } else if (flag == "--certificates") {
        o.certificates.emplace_back(value);
    } else if (flag == "--file") {
        const auto equals = value.find('=');
        if (equals == value.npos || equals == 0 || equals + 1 == value.size())
            return given + "give NAME=PATH";
        o.files.push_back({std::string(value.substr(0, equals)), value.substr(equals + 1)});
    } else if (flag == "--architecture") {
        if (value != "x86_64" && value != "arm64")
            return given + "give x86_64 or arm64";
        o.architecture = value == "arm64" ? architecture::arm64 : architecture::x86_64;
    } else if (flag == "--output") {
        o.output = value;
    } else {
        return "there is no option " + std::string(flag);
    }
    return {};
}

}  // namespace detail

/// Takes `--name value` and `--name=value`.
inline package_options read_package_options(const std::vector<std::string_view>& arguments)
{
    package_options o;
    flag_reader flags(arguments);
    while (o.problem.empty()) {
        const auto next = flags.next();
        if (!next)
            break;
        if (next->name == "--help") {
            o.help = true;
            return o;
        }
        if (next->name.empty())
            o.problem = "\"" + std::string(next->value) + "\" is no option";
        else
            o.problem = detail::set(o, next->name, next->value);
    }
    if (o.problem.empty() && o.bootstrap.empty())
        o.problem = "give the program, with --bootstrap";
    if (o.problem.empty() && o.output.empty())
        o.problem = "give the archive to write, with --output";
    return o;
}

namespace detail {

/// The file's content, or in `problem` why there is none.
inline std::string read_whole(const fs::path& path, std::string& problem)
{
    std::error_code ec;
    const auto status = fs::status(path, ec);
    if (!fs::is_regular_file(status)) {
        problem = path.string() + (fs::exists(status) ? ": this is no file" : ": there is no such file");
        return {};
    }
    if (fs::file_size(path, ec) > mayfly::aws::largest_unpacked) {
        problem = path.string() + ": larger than all that a function may have, 250 MiB";
        return {};
    }
    std::ifstream in(path, std::ios::binary);
    std::string content{std::istreambuf_iterator<char>(in), {}};
    if (!in.is_open() || in.bad())
        problem = path.string() + ": cannot be read";
    return content;
}

inline bool may_run(const fs::path& path)
{
    std::error_code ec;
    return (fs::status(path, ec).permissions() & fs::perms::owner_exec) != fs::perms::none;
}

/// A folder's files under its own name, a file under its own.
inline std::vector<package_options::named_file> expand(const fs::path& given, std::string& problem)
{
    std::error_code ec;
    const fs::path path = given.has_filename() ? given : given.parent_path();
    if (!fs::is_directory(path, ec))
        return {{path.filename().string(), path}};
    const fs::path top = fs::weakly_canonical(path, ec).filename();
    std::vector<package_options::named_file> out;
    for (fs::recursive_directory_iterator at(path, ec), end; !ec && at != end; at.increment(ec))
        if (at->is_regular_file())
            out.push_back({(top / at->path().lexically_relative(path)).generic_string(), at->path()});
    if (ec)
        problem = given.string() + ": " + ec.message();
    return out;
}

inline std::vector<mayfly::aws::zip_entry> collect(const package_options& o, std::string& problem)
{
    auto files = o.files;
    for (const fs::path& given : o.certificates)
        for (auto& file : expand(given, problem))
            files.push_back(std::move(file));

    std::vector<mayfly::aws::zip_entry> out;
    if (problem.empty())
        out.push_back({"bootstrap", read_whole(o.bootstrap, problem), true});
    for (const auto& file : files)
        if (problem.empty())
            out.push_back({file.name, read_whole(file.path, problem), may_run(file.path)});
    return out;
}

/// 1234567 as "1 234 567".
inline std::string with_gaps(std::size_t n)
{
    std::string digits = std::to_string(n);
    for (auto at = digits.size(); at > 3; at -= 3)
        digits.insert(at - 3, 1, ' ');
    return digits;
}

/// The old archive stays until the new one is whole.
inline bool replace(const fs::path& path, std::string_view bytes)
{
    const fs::path draft = path.string() + ".new";
    std::ofstream out(draft, std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    out.close();
    std::error_code ec;
    if (out)
        fs::rename(draft, path, ec);
    if (!out || ec)
        fs::remove(draft, ec);
    return out && !ec;
}

inline void list(const mayfly::aws::zip_archive& archive)
{
    std::size_t longest = 0;
    for (const auto& line : archive.lines)
        longest = std::max(longest, line.name.size());
    for (const auto& line : archive.lines)
        std::printf("  %-*s %13s bytes %13s packed%s\n", static_cast<int>(longest), line.name.c_str(),
            with_gaps(line.size).c_str(), with_gaps(line.packed).c_str(), line.executable ? "  runs" : "");
    std::printf("  %-*s %13s bytes %13s packed  of %s and %s\n", static_cast<int>(longest), "in all",
        with_gaps(archive.unpacked()).c_str(), with_gaps(archive.bytes.size()).c_str(),
        with_gaps(mayfly::aws::largest_unpacked).c_str(), with_gaps(mayfly::aws::largest_zip_uploaded).c_str());
}

}  // namespace detail

inline int run_package(const std::vector<std::string_view>& arguments)
{
    namespace aws = mayfly::aws;
    const auto say = [](const std::string& words) { std::fprintf(stderr, "mayfly package: %s\n", words.c_str()); };

    const package_options o = read_package_options(arguments);
    if (o.help) {
        std::fwrite(package_help.data(), 1, package_help.size(), stdout);
        return 0;
    }
    if (!o.problem.empty()) {
        say(o.problem + "; --help says what there is");
        return 2;
    }

    std::string problem;
    std::vector<aws::zip_entry> entries = detail::collect(o, problem);
    if (!problem.empty()) {
        say(problem);
        return 1;
    }

    const aws::architecture wanted = o.architecture ? *o.architecture : aws::built_for(entries.front().content);
    if (!detail::may_run(o.bootstrap))
        say("warning: " + o.bootstrap.string() + " is not executable; in the archive it is");
    bool refused = false;
    const auto tell = [&](const std::vector<aws::package_finding>& findings) {
        for (const aws::package_finding& f : findings) {
            say((f.refused ? "refused: " : "warning: ") + f.text);
            refused = refused || f.refused;
        }
    };
    tell(aws::check_package(entries, wanted));
    if (refused)
        return 1;

    const auto archive = aws::make_zip(std::move(entries), [&](const aws::zip_entry& e) {
        constexpr std::size_t large = 8U << 20;
        if (e.content.size() >= large)
            say("compressing " + e.name + ", " + detail::with_gaps(e.content.size()) + " bytes");
    });
    if (!archive) {
        say("refused: " + to_string(archive.problems()));
        return 1;
    }
    tell(aws::check_size(*archive));
    if (!detail::replace(o.output, archive->bytes)) {
        say(o.output.string() + ": cannot be written");
        return 1;
    }
    std::printf("%s, for a function of architecture %s\n", o.output.string().c_str(), to_string(wanted).data());
    detail::list(*archive);
    return 0;
}

}  // namespace examples
