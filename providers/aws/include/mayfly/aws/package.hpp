// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/elf.hpp>
#include <mayfly/aws/zip.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

// What a function's archive has to be so that it starts on Lambda's runtime `provided.al2023`.

namespace mayfly::aws {

enum class architecture { x86_64, arm64 };

[[nodiscard]] constexpr std::string_view to_string(architecture a) noexcept
{
    return a == architecture::arm64 ? "arm64" : "x86_64";
}

inline constexpr std::size_t largest_zip_uploaded = 50U << 20;  ///< Sent with the request itself.
inline constexpr std::size_t largest_unpacked = 250U << 20;     ///< With all layers.

/// One thing about a package that its maker should know.
struct package_finding {
    bool refused = false;  ///< It would not start, or not be taken; otherwise a warning.
    std::string text{};

    friend bool operator==(const package_finding&, const package_finding&) = default;
};

namespace detail {

inline constexpr std::string_view glibc_there = "2.34";

/// Whether a version like GLIBC_2.17 is one that glibc 2.34 has. GLIBC_PRIVATE and GLIBC_ABI_... are nobody's promise.
[[nodiscard]] inline bool glibc_has(std::string_view version) noexcept
{
    constexpr std::string_view prefix = "GLIBC_2.";
    if (!version.starts_with(prefix))
        return false;
    version.remove_prefix(prefix.size());
    unsigned minor = 0;
    const auto [end, ec] = std::from_chars(version.data(), version.data() + version.size(), minor);
    return ec == std::errc{} && minor <= 34 && (end == version.data() + version.size() || *end == '.');
}

/// Libraries that the runtime has: glibc's own, and no others that one should stand on.
[[nodiscard]] inline bool is_of_glibc(std::string_view library) noexcept
{
    constexpr std::array there{std::string_view("libc.so.6"), std::string_view("libm.so.6"),
        std::string_view("libpthread.so.0"), std::string_view("libdl.so.2"), std::string_view("librt.so.1"),
        std::string_view("ld-linux-x86-64.so.2"), std::string_view("ld-linux-aarch64.so.1")};
    return std::ranges::find(there, library) != there.end();
}

[[nodiscard]] inline std::string_view loader_of(architecture a) noexcept
{
    return a == architecture::arm64 ? "/lib/ld-linux-aarch64.so.1" : "/lib64/ld-linux-x86-64.so.2";
}

[[nodiscard]] inline std::string machine_name(const elf_file& file)
{
    switch (file.machine) {
    case 3: return "x86 (32 bits)";
    case 40: return "arm (32 bits)";
    case 62: return file.wide ? "x86_64" : "x86_64 with 32-bit addresses";
    case 183: return file.wide ? "arm64" : "arm64 with 32-bit addresses";
    default: return "machine " + std::to_string(file.machine);
    }
}

inline constexpr std::string_view link_static =
    "link the program with -static; mayfly_add_bootstrap() of mayfly's CMake package does";

/// The libraries of the package itself are found in its top folder and in lib/.
[[nodiscard]] inline const zip_entry* packaged_library(const std::vector<zip_entry>& entries, std::string_view name)
{
    const auto found = std::ranges::find_if(
        entries, [name](const zip_entry& e) { return e.name == name || e.name == "lib/" + std::string(name); });
    return found == entries.end() ? nullptr : &*found;
}

/// Whether the loader would find all that a program or library of the package asks for.
inline void check_needs(const std::string& name, const elf_file& file, const std::vector<zip_entry>& entries,
    std::vector<package_finding>& out)
{
    std::string absent;
    for (const std::string& library : file.needed)
        if (!is_of_glibc(library) && packaged_library(entries, library) == nullptr)
            absent += (absent.empty() ? "" : ", ") + library;
    if (!absent.empty())
        out.push_back(
            {true, name + " needs " + absent + ", which provided.al2023 does not have: " + std::string(link_static)});

    std::string newer;
    for (const elf_version& version : file.versions) {
        if (!is_of_glibc(version.library) || glibc_has(version.name))
            continue;
        for (const std::string& symbol : version.symbols)
            newer += (newer.empty() ? "" : ", ") + symbol + '@' + version.name;
        if (version.symbols.empty())
            newer += (newer.empty() ? "" : ", ") + version.name;
        newer += " (" + version.library + ')';
    }
    if (!newer.empty())
        out.push_back({true, name + " needs " + newer + ", and provided.al2023 has glibc " + std::string(glibc_there) +
                                 ": " + std::string(link_static) + "; or build where glibc is " +
                                 std::string(glibc_there) + " or older"});
}

[[nodiscard]] inline std::string_view first_line(std::string_view text) noexcept
{
    return text.substr(0, std::min(text.find('\n'), std::min<std::size_t>(text.size(), 200)));
}

inline void check_script(std::string_view content, std::vector<package_finding>& out)
{
    auto interpreter = first_line(content).substr(2);
    interpreter.remove_prefix(std::min(interpreter.find_first_not_of(" \t"), interpreter.size()));
    interpreter = interpreter.substr(0, interpreter.find_first_of(" \t\r"));
    constexpr std::array shells{std::string_view("/bin/sh"), std::string_view("/bin/bash"),
        std::string_view("/usr/bin/sh"), std::string_view("/usr/bin/bash")};
    if (std::ranges::find(shells, interpreter) != shells.end())
        out.push_back({false, "bootstrap is a script, which starts a shell first, at every cold start, and what it "
                              "runs is not checked: name the program itself bootstrap"});
    else
        out.push_back({true, "bootstrap is a script for " + std::string(interpreter) +
                                 ", which provided.al2023 does not have: give it a program"});
}

inline void check_bootstrap(
    const std::vector<zip_entry>& entries, architecture wanted, std::vector<package_finding>& out)
{
    const auto found = std::ranges::find(entries, "bootstrap", &zip_entry::name);
    if (found == entries.end()) {
        out.push_back({true, "there is no bootstrap: the runtime starts a program of this name in the top folder"});
        return;
    }
    if (!found->executable)
        out.push_back({true, "bootstrap is not executable: set its run bits (mode 0755)"});
    if (found->content.starts_with("#!"))
        return check_script(found->content, out);

    const auto file = read_elf(found->content);
    if (!file) {
        out.push_back({true, "bootstrap is no program: neither a whole ELF file nor a script"});
        return;
    }
    if (!file->wide || file->machine != (wanted == architecture::arm64 ? 183 : 62)) {
        out.push_back({true, "bootstrap is for " + machine_name(*file) + " and the function for " +
                                 std::string(to_string(wanted)) +
                                 ": build it there, or give the function its architecture (--architecture)"});
        return;
    }
    if (file->is != elf_file::kind::program) {
        const char* what = file->is == elf_file::kind::object    ? "an object file"
                           : file->is == elf_file::kind::library ? "a shared library"
                                                                 : "neither program nor library";
        out.push_back({true, std::string("bootstrap is ") + what + ": give it a linked program"});
        return;
    }
    if (file->is_static())
        return;
    if (file->interpreter != loader_of(wanted))
        out.push_back(
            {true, "bootstrap is started by " + (file->interpreter.empty() ? "no loader" : file->interpreter) +
                       ", which provided.al2023 does not have: " + std::string(link_static)});
    check_needs("bootstrap", *file, entries, out);
}

}  // namespace detail

/// The architecture that a program is for; x86_64 if it is for neither, or no program.
[[nodiscard]] inline architecture built_for(std::string_view bootstrap)
{
    const auto file = read_elf(bootstrap);
    return file && file->machine == 183 ? architecture::arm64 : architecture::x86_64;
}

/// Whether a file holds a private key in PEM.
[[nodiscard]] inline bool holds_private_key(std::string_view content) noexcept
{
    for (auto at = content.find("-----BEGIN "); at != content.npos; at = content.find("-----BEGIN ", at + 1)) {
        const auto line = detail::first_line(content.substr(at));
        if (line.find("PRIVATE KEY-----") != line.npos)
            return true;
    }
    return false;
}

/** What would keep these entries from starting as a function of this architecture, and what else to know.

    The runtime `provided.al2023` has glibc 2.34 and is taken to have no other library. So a program that starts there
    is fully static, or asks for nothing but glibc, in versions up to 2.34, and for libraries that lie in the package's
    top folder or in `lib/`.
*/
[[nodiscard]] inline std::vector<package_finding> check_package(
    const std::vector<zip_entry>& entries, architecture wanted)
{
    std::vector<package_finding> out;
    detail::check_bootstrap(entries, wanted, out);

    std::size_t unpacked = 0;
    for (const zip_entry& e : entries) {
        unpacked += e.content.size();
        if (e.name == "bootstrap")
            continue;
        const auto file = read_elf(e.content);
        if (!file && holds_private_key(e.content))
            out.push_back({false, e.name + " holds a private key, which everybody who may read the function's code "
                                           "can read: better keep it in a secret store"});
        if (file && file->is == elf_file::kind::library)
            detail::check_needs(e.name, *file, entries, out);
    }
    if (unpacked > largest_unpacked)
        out.push_back({true, "the package unpacks to " + std::to_string(unpacked) + " bytes and Lambda takes " +
                                 std::to_string(largest_unpacked) + ": leave something out, or use a container image"});
    return out;
}

/// The same for the size of the finished archive.
[[nodiscard]] inline std::vector<package_finding> check_size(const zip_archive& archive)
{
    if (archive.bytes.size() <= largest_zip_uploaded)
        return {};
    return {{false, "the archive has " + std::to_string(archive.bytes.size()) + " bytes and an upload takes " +
                        std::to_string(largest_zip_uploaded) + ": hand it over through S3"}};
}

}  // namespace mayfly::aws
