// SPDX-License-Identifier: BSL-1.0
#include <mayfly/aws/elf.hpp>

#include "made_elf.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

using namespace mayfly::aws;

TEST_CASE("what an ELF file needs is read")
{
    const made_elf made{.needed = {"libc.so.6", "libssl.so.3"},
        .versions = {{"libc.so.6", "GLIBC_2.36", {"arc4random", "arc4random_buf"}}, {"libc.so.6", "GLIBC_2.17", {}}}};
    const auto file = read_elf(made.bytes());
    REQUIRE(file);
    CHECK(file->wide);
    CHECK(file->machine == 62);
    CHECK(file->is == elf_file::kind::program);
    CHECK(!file->is_static());
    CHECK(file->interpreter == "/lib64/ld-linux-x86-64.so.2");
    CHECK(file->needed == std::vector<std::string>{"libc.so.6", "libssl.so.3"});
    REQUIRE(file->versions.size() == 2);
    CHECK(file->versions[0].library == "libc.so.6");
    CHECK(file->versions[0].name == "GLIBC_2.36");
    CHECK(file->versions[0].symbols == std::vector<std::string>{"arc4random", "arc4random_buf"});
    CHECK(file->versions[1].name == "GLIBC_2.17");
    CHECK(file->versions[1].symbols.empty());
}

TEST_CASE("without section headers only the symbols' names are missing")
{
    const made_elf made{
        .needed = {"libc.so.6"}, .versions = {{"libc.so.6", "GLIBC_2.36", {"arc4random"}}}, .sections = false};
    const auto file = read_elf(made.bytes());
    REQUIRE(file);
    REQUIRE(file->versions.size() == 1);
    CHECK(file->versions[0].name == "GLIBC_2.36");
    CHECK(file->versions[0].symbols.empty());
}

TEST_CASE("what kind of file it is")
{
    using file_kind = elf_file::kind;
    struct row {
        const char* why;
        made_elf made;
        file_kind is;
        bool is_static;
    };
    const row rows[] = {
        {"a program with a loader", {}, file_kind::program, false},
        {"a static one", {.type = 2, .pie = false, .interpreter = ""}, file_kind::program, true},
        {"a static one that may lie anywhere", {.interpreter = ""}, file_kind::program, true},
        {"a library", {.pie = false, .interpreter = ""}, file_kind::library, true},
        {"an object file", {.type = 1, .pie = false, .interpreter = ""}, file_kind::object, true},
        {"a core dump", {.type = 4, .pie = false, .interpreter = ""}, file_kind::other, true},
    };
    for (const row& r : rows) {
        const auto file = read_elf(r.made.bytes());
        REQUIRE_MESSAGE(file, r.why);
        CHECK_MESSAGE(file->is == r.is, r.why);
        CHECK_MESSAGE(file->is_static() == r.is_static, r.why);
    }
}

TEST_CASE("a real program is read: this one")
{
    std::ifstream self("/proc/self/exe", std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(self), {}};
    const auto file = read_elf(bytes);
    REQUIRE(file);
    CHECK(file->is == elf_file::kind::program);
    CHECK(std::ranges::count(file->needed, "libc.so.6") == 1);
    // Which symbols come first is the linker's choice.
    const auto of_libc = std::ranges::find(file->versions, "libc.so.6", &elf_version::library);
    REQUIRE(of_libc != file->versions.end());
    CHECK(of_libc->name.starts_with("GLIBC_2."));
    REQUIRE(!of_libc->symbols.empty());
    CHECK(!of_libc->symbols.front().empty());
}

TEST_CASE("what is no ELF file, or only the beginning of one")
{
    CHECK(!read_elf(""));
    CHECK(!read_elf("#!/bin/sh\n"));
    CHECK(!read_elf("\x7f"
                    "ELF"));

    const std::string whole =
        made_elf{.needed = {"libc.so.6"}, .versions = {{"libc.so.6", "GLIBC_2.36", {"arc4random"}}}}.bytes();
    const std::string without_sections = whole.substr(0, whole.size() - 64);
    CHECK(read_elf(without_sections));
    for (std::size_t n = 0; n < without_sections.size() - 32; ++n)
        CHECK_MESSAGE(!read_elf(whole.substr(0, n)), n);
}

TEST_CASE("numbers that lie lead nowhere")
{
    // Each of the 64-bit words of a file, and pairs of bytes at random, replaced by extremes: nothing is read outside
    // (the address sanitizer would tell), and nothing takes long.
    const std::string whole = made_elf{.needed = {"libc.so.6"},
        .versions = {{"libc.so.6", "GLIBC_2.36", {"arc4random"}},
            {"libm.so.6", "GLIBC_2.29",
                {"pow"}}}}.bytes();
    for (std::size_t at = 16; at + 8 <= whole.size(); at += 2)
        for (const std::size_t width : {std::size_t{1}, std::size_t{2}, std::size_t{4}, std::size_t{8}})
            for (const char fill : {'\0', '\1', '\x7f', '\x80', '\xff'}) {
                std::string bent = whole;
                bent.replace(at, width, width, fill);
                const auto file = read_elf(std::string(bent));
                CHECK((!file || file->versions.size() <= 8192));
            }

    std::minstd_rand random(7);
    for (int i = 0; i < 20'000; ++i) {
        std::string bent = whole;
        for (int k = 0; k < 3; ++k)
            bent[random() % bent.size()] = static_cast<char>(random() & 0xff);
        const auto file = read_elf(std::string(bent));
        CHECK((!file || file->needed.size() <= 8192));
    }
}
