// SPDX-License-Identifier: BSL-1.0
#include <mayfly/aws/zip.hpp>

#include <boost/beast/zlib/inflate_stream.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace mayfly::aws;

namespace {

std::uint32_t number(std::string_view bytes, std::size_t at, std::size_t width)
{
    REQUIRE(at + width <= bytes.size());
    std::uint32_t n = 0;
    for (std::size_t i = 0; i < width; ++i)
        n |= std::uint32_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
    return n;
}

struct member {
    std::string name;
    std::string content;
    std::uint32_t mode = 0;
    std::uint32_t method = 0;
    std::uint32_t flags = 0;
    std::uint32_t date = 0;
    std::uint32_t crc = 0;
};

std::string inflated(std::string_view packed, std::size_t size)
{
    namespace zlib = boost::beast::zlib;
    std::string out(size, '\0');
    zlib::inflate_stream stream;
    zlib::z_params p;
    p.next_in = packed.data();
    p.avail_in = packed.size();
    p.next_out = out.data();
    p.avail_out = out.size();
    boost::system::error_code ec;
    stream.write(p, zlib::Flush::finish, ec);
    CHECK(ec == zlib::error::end_of_stream);
    CHECK(p.avail_in == 0);
    return out;
}

/// As an unpacking program goes about it: from the end, by the central directory.
std::vector<member> read_zip(std::string_view bytes)
{
    const std::size_t end = bytes.size() - 22;
    REQUIRE(number(bytes, end, 4) == 0x0605'4b50);
    const std::size_t count = number(bytes, end + 10, 2);
    std::size_t at = number(bytes, end + 16, 4);
    CHECK(at + number(bytes, end + 12, 4) == end);

    std::vector<member> out;
    for (std::size_t i = 0; i < count; ++i) {
        REQUIRE(number(bytes, at, 4) == 0x0201'4b50);
        member m;
        m.flags = number(bytes, at + 8, 2);
        m.method = number(bytes, at + 10, 2);
        m.date = number(bytes, at + 12, 4);
        m.crc = number(bytes, at + 16, 4);
        const std::size_t packed = number(bytes, at + 20, 4), size = number(bytes, at + 24, 4);
        const std::size_t name = number(bytes, at + 28, 2), local = number(bytes, at + 42, 4);
        m.mode = number(bytes, at + 38, 4) >> 16;
        m.name = std::string(bytes.substr(at + 46, name));

        REQUIRE(number(bytes, local, 4) == 0x0403'4b50);
        CHECK(bytes.substr(local + 4, 26) == bytes.substr(at + 6, 26));
        CHECK(bytes.substr(local + 30, name) == m.name);
        const auto data = bytes.substr(local + 30 + name, packed);
        m.content = m.method == 0 ? std::string(data) : inflated(data, size);
        CHECK(m.content.size() == size);
        out.push_back(std::move(m));
        at += 46 + name;
    }
    CHECK(at == end);
    return out;
}

std::string noise(std::size_t size)
{
    std::minstd_rand random(11);
    std::string out(size, '\0');
    std::ranges::generate(out, [&] { return static_cast<char>(random() >> 7 & 0xff); });
    return out;
}

}  // namespace

TEST_CASE("an archive unpacks to what went in")
{
    const std::string text(100'000, 'x');
    const auto archive = make_zip(
        {{"certs/ca.pem", text}, {"bootstrap", noise(70'000), true}, {"empty", ""}, {"caf\xc3\xa9.txt", "small"}});
    REQUIRE(archive);

    const auto members = read_zip(archive->bytes);
    REQUIRE(members.size() == 4);
    CHECK(members[0].name == "bootstrap");
    CHECK(members[0].content == noise(70'000));
    CHECK(members[0].mode == 0100755);
    CHECK(members[0].method == 0);  // Noise does not get smaller, so it is stored.
    CHECK(members[1].name == "caf\xc3\xa9.txt");
    CHECK(members[1].flags == 0x800);
    CHECK(members[2].name == "certs/ca.pem");
    CHECK(members[2].content == text);
    CHECK(members[2].mode == 0100644);
    CHECK(members[2].method == 8);
    CHECK(members[2].flags == 0);
    CHECK(members[3].content.empty());
    for (const member& m : members)
        CHECK(m.date == 0x0021'0000);  // 1980-01-01 00:00

    REQUIRE(archive->lines.size() == 4);
    CHECK(archive->lines[2].size == 100'000);
    CHECK(archive->lines[2].packed < 1'000);
    CHECK(archive->unpacked() == 170'005);
}

TEST_CASE("the checksum is the one that everybody computes")
{
    const auto archive = make_zip({{"a", "123456789"}});
    REQUIRE(archive);
    CHECK(read_zip(archive->bytes)[0].crc == 0xcbf4'3926);
}

TEST_CASE("the same entries in any order make the same bytes")
{
    const auto one = make_zip({{"a", "1"}, {"b/c", "22"}, {"d", "3", true}});
    const auto turned = make_zip({{"d", "3", true}, {"b/c", "22"}, {"a", "1"}});
    REQUIRE(one);
    REQUIRE(turned);
    CHECK(one->bytes == turned->bytes);
}

TEST_CASE("an archive of nothing is one")
{
    const auto archive = make_zip({});
    REQUIRE(archive);
    CHECK(read_zip(archive->bytes).empty());
}

TEST_CASE("names that would not stay in the folder, or stand for two things, are refused")
{
    struct row {
        const char* why;
        std::vector<zip_entry> entries;
        const char* remedy;
    };
    const row rows[] = {
        {"no name", {{""}}, "1 to 65535"},
        {"absolute", {{"/etc/passwd"}}, "within the archive"},
        {"upwards", {{"../x"}}, "within the archive"},
        {"upwards in the middle", {{"a/../../x"}}, "within the archive"},
        {"the same folder", {{"./x"}}, "within the archive"},
        {"a folder", {{"x/"}}, "within the archive"},
        {"another system's separator", {{"a\\b"}}, "separated by /"},
        {"cut off by a zero byte", {{std::string("a\0b", 3)}}, "zero bytes"},
        {"twice", {{"a"}, {"b"}, {"a"}}, "give it once"},
        {"a file and a folder", {{"a"}, {"a-b"}, {"a/b"}}, "cannot be a folder too"},
        {"too long", {{std::string(65'536, 'a')}}, "1 to 65535"},
    };
    for (const row& r : rows) {
        const auto archive = make_zip(r.entries);
        REQUIRE_MESSAGE(!archive, r.why);
        REQUIRE_MESSAGE(archive.problems().size() == 1, r.why);
        CHECK_MESSAGE(archive.problems()[0].remedy.find(r.remedy) != std::string::npos, r.why);
    }
}

TEST_CASE("who waits for a large archive hears what is being compressed")
{
    std::vector<std::string> heard;
    const auto archive = make_zip({{"b", "2"}, {"a", "1"}}, [&](const zip_entry& e) { heard.push_back(e.name); });
    CHECK(archive);
    CHECK(heard == std::vector<std::string>{"a", "b"});
}
