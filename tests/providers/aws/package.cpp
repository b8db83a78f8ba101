// SPDX-License-Identifier: BSL-1.0
#include <mayfly/aws/package.hpp>

#include "made_elf.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace mayfly::aws;

namespace {

const made_elf static_program{.type = 2, .pie = false, .interpreter = ""};
const made_elf static_arm{.machine = 183, .type = 2, .pie = false, .interpreter = ""};

std::vector<zip_entry> with(const made_elf& program, std::vector<zip_entry> others = {})
{
    others.push_back({"bootstrap", program.bytes(), true});
    return others;
}

/// One finding, whose words contain these.
void check_one(
    const std::vector<package_finding>& found, bool refused, std::initializer_list<const char*> words, const char* why)
{
    REQUIRE_MESSAGE(found.size() == 1, why);
    CHECK_MESSAGE(found[0].refused == refused, why);
    for (const char* word : words)
        CHECK_MESSAGE(
            found[0].text.find(word) != std::string::npos, why << ": \"" << found[0].text << "\" lacks " << word);
}

}  // namespace

TEST_CASE("what starts on provided.al2023")
{
    struct row {
        const char* why;
        std::vector<zip_entry> entries;
        architecture wanted = architecture::x86_64;
    };
    const row rows[] = {
        {"a static program", with(static_program)},
        {"one that may lie anywhere", with({.interpreter = ""})},
        {"one for the other architecture", with(static_arm), architecture::arm64},
        {"one that asks for an old enough glibc",
            with({.needed = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "ld-linux-x86-64.so.2"},
                .versions = {{"libc.so.6", "GLIBC_2.34", {"dlopen"}}, {"libc.so.6", "GLIBC_2.2.5", {"free"}}}})},
        {"one that brings its library along, with that one's needs",
            with({.needed = {"libmine.so.1", "libc.so.6"}},
                {{"lib/libmine.so.1", made_elf{.pie = false, .interpreter = "", .needed = {"libc.so.6"}}.bytes()}})},
    };
    for (const row& r : rows) {
        const auto found = check_package(r.entries, r.wanted);
        CHECK_MESSAGE(found.empty(), r.why << ": " << (found.empty() ? "" : found[0].text));
    }
}

TEST_CASE("what does not, and what to do about it")
{
    struct row {
        const char* why;
        std::vector<zip_entry> entries;
        std::initializer_list<const char*> words;
        architecture wanted = architecture::x86_64;
    };
    const row rows[] = {
        {"nothing to start", {{"main", "x", true}}, {"there is no bootstrap"}},
        {"no run bits", {{"bootstrap", static_program.bytes(), false}}, {"is not executable", "0755"}},
        {"text", {{"bootstrap", "hello", true}}, {"is no program"}},
        {"half a file", {{"bootstrap", made_elf{}.bytes().substr(0, 100), true}}, {"is no program"}},
        {"the other architecture", with(static_arm), {"is for arm64", "the function for x86_64", "--architecture"}},
        {"the other architecture, the other way", with(static_program), {"is for x86_64", "the function for arm64"},
            architecture::arm64},
        {"an older machine", with({.machine = 3}), {"is for x86 (32 bits)"}},
        {"a machine without a name here", with({.machine = 243}), {"is for machine 243"}},
        {"an object file", with({.type = 1, .pie = false, .interpreter = ""}), {"is an object file"}},
        {"a library", with({.pie = false, .interpreter = ""}), {"is a shared library"}},
        {"libraries that are not there",
            with({.needed = {"libstdc++.so.6", "libssl.so.3", "libgcc_s.so.1", "libc.so.6"}}),
            {"needs libstdc++.so.6, libssl.so.3, libgcc_s.so.1, which", "-static", "mayfly_add_bootstrap"}},
        {"a symbol of a newer glibc",
            with({.needed = {"libc.so.6"},
                .versions = {{"libc.so.6", "GLIBC_2.36", {"arc4random"}}, {"libc.so.6", "GLIBC_2.34", {"dlopen"}},
                    {"libc.so.6", "GLIBC_2.35", {"_dl_find_object"}}}}),
            {"arc4random@GLIBC_2.36 (libc.so.6), _dl_find_object@GLIBC_2.35 (libc.so.6)", "has glibc 2.34", "-static"}},
        {"a newer glibc, symbols unknown",
            with({.needed = {"libm.so.6"}, .versions = {{"libm.so.6", "GLIBC_2.38", {}}}, .sections = false}),
            {"needs GLIBC_2.38 (libm.so.6)"}},
        {"a version that is nobody's promise",
            with({.needed = {"libc.so.6"}, .versions = {{"libc.so.6", "GLIBC_ABI_DT_RELR", {}}}}),
            {"needs GLIBC_ABI_DT_RELR"}},
        {"glibc's insides", with({.needed = {"libc.so.6"}, .versions = {{"libc.so.6", "GLIBC_PRIVATE", {"x"}}}}),
            {"x@GLIBC_PRIVATE"}},
        {"another system's loader", with({.interpreter = "/lib/ld-musl-x86_64.so.1"}),
            {"/lib/ld-musl-x86_64.so.1", "does not have"}},
        {"the other architecture's loader", with({.machine = 183, .needed = {"libc.so.6"}}),
            {"/lib64/ld-linux-x86-64.so.2"}, architecture::arm64},
        {"a script for what is not there", {{"bootstrap", "#! /usr/bin/python3 -u\n", true}},
            {"script for /usr/bin/python3,"}},
        {"a packaged library that asks for one which is not",
            with(static_program,
                {{"libmine.so", made_elf{.pie = false, .interpreter = "", .needed = {"libz.so.1"}}.bytes()}}),
            {"libmine.so needs libz.so.1"}},
        {"too much", with(static_program, {{"data", std::string(largest_unpacked, 'x')}}), {"unpacks to", "262144000"}},
    };
    for (const row& r : rows)
        check_one(check_package(r.entries, r.wanted), true, r.words, r.why);
}

TEST_CASE("what works, and should be known")
{
    check_one(check_package({{"bootstrap", "#!/bin/sh\nexec ./worker\n", true}}, architecture::x86_64), false,
        {"is a script", "cold start"}, "a shell comes first");

    const std::string key = "# mine\n-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"
                            "-----BEGIN "
                            "EC PRIVATE KEY-----\nMH\n";
    check_one(check_package(with(static_program, {{"certs/client.pem", key}}), architecture::x86_64), false,
        {"certs/client.pem holds a private key", "secret store"}, "a key, after something else");
    CHECK(check_package(
        with(static_program, {{"ca.pem", "-----BEGIN CERTIFICATE-----\nPRIVATE KEY-----\n"}}), architecture::x86_64)
              .empty());

    CHECK(check_size({std::string(largest_zip_uploaded, 'x')}).empty());
    check_one(check_size({std::string(largest_zip_uploaded + 1, 'x')}), false, {"52428801 bytes", "S3"}, "for S3");
}

TEST_CASE("a program tells which architecture it is for")
{
    CHECK(built_for(static_arm.bytes()) == architecture::arm64);
    CHECK(built_for(static_program.bytes()) == architecture::x86_64);
    CHECK(built_for("#!/bin/sh") == architecture::x86_64);
}
