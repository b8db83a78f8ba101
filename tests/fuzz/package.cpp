// SPDX-License-Identifier: BSL-1.0
#include "../providers/aws/made_elf.hpp"
#include "bytes.hpp"

#include <mayfly/aws/elf.hpp>
#include <mayfly/aws/package.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// A program to be packed is bytes that somebody built, or bent.

using namespace mayfly::aws;

namespace {

std::optional<elf_file> read(std::string_view bytes)
{
    // Bytes that end where their memory does, so that a sanitizer sees the first one too many.
    auto* const own = static_cast<char*>(std::malloc(bytes.size() + 1));
    std::copy(bytes.begin(), bytes.end(), own);
    auto out = read_elf({own, bytes.size()});
    std::free(own);
    if (out && fuzz::planted() == 1 && !out->needed.empty())  // a name that is made up
        out->needed.front() += "made up";
    if (out && fuzz::planted() == 2)  // what follows the file is taken for a part of it
        out->machine = static_cast<std::uint16_t>(bytes.size());
    return out;
}

bool stands_in(std::string_view bytes, const std::string& name)
{
    return bytes.find(std::string_view(name.c_str(), name.size() + 1)) != bytes.npos;
}

/// A file as a linker would make it, and then a few bytes of it as none would.
std::string made_of(fuzz::bytes& in)
{
    constexpr std::array libraries{"libc.so.6", "libm.so.6", "libssl.so.3", "libstdc++.so.6"};
    constexpr std::array versions{"GLIBC_2.2.5", "GLIBC_2.34", "GLIBC_2.36", "GLIBC_PRIVATE", "OPENSSL_3.0.0"};
    constexpr std::array<std::uint16_t, 4> machines{62, 62, 183, 3};
    made_elf made{.machine = machines[in.below(4)], .type = static_cast<std::uint16_t>(in.below(5)), .pie = in.flag()};
    if (in.flag())
        made.interpreter = {};
    for (std::uint32_t n = in.below(4); n > 0; --n)
        made.needed.emplace_back(libraries[in.below(4)]);
    for (std::uint32_t n = in.below(4); n > 0; --n)
        made.versions.push_back(
            {libraries[in.below(4)], versions[in.below(5)], std::vector<std::string>(in.below(3), "symbol")});
    made.sections = in.flag();
    std::string out = made.bytes();
    while (!in.empty())
        out[static_cast<std::size_t>(in.count() % out.size())] = static_cast<char>(in.byte());
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz::bytes in{data, size};
    std::string bytes;
    if (in.flag())
        bytes = made_of(in);
    else
        while (!in.empty())
            bytes += static_cast<char>(in.byte());
    const auto file = read(bytes);
    if (file) {
        for (const std::string& library : file->needed)
            MUST("what is needed stands in the file", stands_in(bytes, library));
        for (const elf_version& version : file->versions) {
            MUST("what is needed stands in the file", stands_in(bytes, version.name));
            MUST("a few symbols are named", version.symbols.size() <= detail::elf_named_symbols);
        }
        const auto longer = read(bytes + std::string(100, '\0'));
        MUST("what follows a file is no part of it", longer && longer->machine == file->machine &&
                                                         longer->is == file->is && longer->needed == file->needed &&
                                                         longer->interpreter == file->interpreter);
    }

    for (const architecture wanted : {architecture::x86_64, architecture::arm64}) {
        const auto found = check_package({{"bootstrap", bytes, true}}, wanted);
        const bool script = bytes.starts_with("#!");
        bool refused = std::ranges::any_of(found, &package_finding::refused);
        if (fuzz::planted() == 3 && file)  // another architecture's program is let through
            refused = false;
        const bool fits = file && file->wide && file->is == elf_file::kind::program &&
                          file->machine == (wanted == architecture::arm64 ? 183 : 62);
        MUST("nothing but a program for the architecture is accepted", script || refused || fits);
        for (const package_finding& f : found)
            MUST("a finding says something", !f.text.empty());
    }
    return 0;
}
