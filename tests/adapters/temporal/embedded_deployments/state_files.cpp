// SPDX-License-Identifier: BSL-1.0
#include <mayfly/temporal/embedded/state_file.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace {

using namespace mayfly::temporal::embedded;

struct folder {
    std::filesystem::path path{};

    folder()
    {
        std::string name = (std::filesystem::temp_directory_path() / "mayfly-state-XXXXXX").string();
        path = ::mkdtemp(name.data());
    }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;
    ~folder() { std::filesystem::remove_all(path); }

    [[nodiscard]] std::string file() const { return (path / "state").string(); }
    [[nodiscard]] std::string bytes() const
    {
        std::ifstream in(file(), std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void write(std::string_view bytes) const { std::ofstream(file(), std::ios::binary | std::ios::trunc) << bytes; }
};

record activity(std::string key, std::string value)
{
    return {.kind = record_kind::activity, .key = std::move(key), .value = std::move(value)};
}
record gone(std::string key)
{
    return {.kind = record_kind::activity, .key = std::move(key), .erased = true};
}

std::string open_problem(const std::string& name)
{
    state_file file;
    const auto out = file.open(name);
    return out ? "" : out.error();
}

/// What a restart finds, or the problem.
std::string found(const std::string& name)
{
    state_file file;
    const auto out = file.open(name);
    if (!out)
        return out.error();
    std::string text;
    for (const record& r : out->found)
        text += r.key + '=' + r.value + ' ';
    if (out->cut > 0)
        text += "cut " + std::to_string(out->cut);
    return text;
}

}  // namespace

TEST_CASE("what was appended is found again, the last of each thing")
{
    const folder f;
    {
        state_file file;
        const auto fresh = file.open(f.file());
        REQUIRE(fresh.has_value());
        CHECK(fresh->found.empty());
        CHECK(file.append({activity("a", "1"), activity("b", "1")}).empty());
        CHECK(file.append({}).empty());
        CHECK(file.append({activity("a", "2"), {.kind = record_kind::deployment, .key = "a", .value = "d"}}).empty());
        CHECK(file.append({gone("b"), activity("c", std::string("\0\n\xff", 3))}).empty());
        CHECK(file.append({gone("c"), activity("c", "3"), gone("never")}).empty());
    }
    CHECK(found(f.file()) == "a=2 c=3 a=d ");
    CHECK(found(f.file()) == "a=2 c=3 a=d ");
    struct ::stat about {};
    REQUIRE(::stat(f.file().c_str(), &about) == 0);
    CHECK((about.st_mode & 0777) == 0600);
}

TEST_CASE("cut short anywhere, all changes before are there, whole")
{
    const folder f;
    std::size_t first = 0;
    {
        state_file file;
        REQUIRE(file.open(f.file()).has_value());
        REQUIRE(file.append({activity("a", "1"), activity("b", "1")}).empty());
        first = f.bytes().size();
        REQUIRE(file.append({activity("a", "2"), activity("b", "2")}).empty());
    }
    const std::string whole = f.bytes();
    for (std::size_t size = first; size < whole.size(); ++size) {
        f.write(whole.substr(0, size));
        const std::string cut = size == first ? "" : "cut " + std::to_string(size - first);
        CHECK(found(f.file()) == "a=1 b=1 " + cut);
        // It goes on behind what was whole.
        state_file file;
        REQUIRE(file.open(f.file()).has_value());
        REQUIRE(file.append({activity("c", "3")}).empty());
        file.close();
        CHECK(found(f.file()) == "a=1 b=1 c=3 ");
    }
    f.write(whole + std::string(70'000, '\0'));
    CHECK(found(f.file()) == "a=2 b=2 cut 70000");
}

TEST_CASE("a damaged file is told of, and left as it is")
{
    const folder f;
    {
        state_file file;
        REQUIRE(file.open(f.file()).has_value());
        for (int i = 0; i < 3; ++i)
            REQUIRE(file.append({activity("a", std::to_string(i))}).empty());
    }
    const std::string whole = f.bytes();
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string bytes = whole;
        bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
        f.write(bytes);
        const std::string problem = open_problem(f.file());
        CHECK_MESSAGE(problem.find("It is left as it is") != std::string::npos, at);
        CHECK(f.bytes() == bytes);
    }
    struct row {
        const char* why;
        std::string bytes;
        const char* says;
    };
    const row rows[] = {
        {"something else's", "[section]\nkey = 1\n", "is no state file"},
        {"an empty file, which is nobody's yet but was not made by us", "", "is no state file"},
        {"a newer version's", "mayfly state 2\nwhatever", "another version of mayfly"},
        {"zeros, and then something", whole + std::string(100, '\0') + "x", "is damaged at byte"},
    };
    for (const row& r : rows) {
        f.write(r.bytes);
        CHECK_MESSAGE(open_problem(f.file()).find(r.says) != std::string::npos, r.why);
        CHECK(f.bytes() == r.bytes);
    }
    CHECK(open_problem(f.path.string()).find("cannot be opened") != std::string::npos);
    CHECK(open_problem((f.path / "no" / "folder").string()).find("cannot be made") != std::string::npos);
}

TEST_CASE("one service uses a file at a time")
{
    const folder f;
    state_file file;
    REQUIRE(file.open(f.file()).has_value());
    CHECK(open_problem(f.file()).find("in use by another service") != std::string::npos);
    REQUIRE(file.compact({activity("a", "1")}).empty());
    CHECK(open_problem(f.file()).find("in use by another service") != std::string::npos);
    file.close();
    CHECK(found(f.file()) == "a=1 ");
}

TEST_CASE("a file that is mostly history is written anew")
{
    const folder f;
    state_file file;
    REQUIRE(file.open(f.file(), {.sync = true, .compact_above = 10'000}).has_value());
    const record large = activity("large", std::string(1000, 'x'));
    int appends = 0;
    for (; !file.wants_compaction(); ++appends)
        REQUIRE(file.append({large, activity("n", std::to_string(appends))}).empty());
    CHECK(appends < 12);
    REQUIRE(file.compact({large, activity("n", "last")}).empty());
    CHECK(f.bytes().size() < 1100);
    CHECK_FALSE(file.wants_compaction());
    REQUIRE(file.append({activity("m", "after")}).empty());
    file.close();
    CHECK(found(f.file()) == "large=" + large.value + " m=after n=last ");
    CHECK(std::distance(std::filesystem::directory_iterator(f.path), {}) == 2);

    // Where all of it is in use, only growth is a reason.
    REQUIRE(file.open(f.file(), {.compact_above = 10}).has_value());
    records all{large, activity("n", "1")};
    REQUIRE(file.compact(all).empty());
    CHECK_FALSE(file.wants_compaction());
    for (int i = 0; i < 3000; ++i)
        all.push_back(activity(std::to_string(i), std::string(1000, 'y')));
    REQUIRE(file.compact(all).empty());
    file.close();
    REQUIRE(file.open(f.file()).has_value());
    CHECK(f.bytes().size() > 3'000'000);
    file.close();
    f.write(f.bytes().substr(0, 2'000'000));
    CHECK(found(f.file()).find("cut") != std::string::npos);
}

TEST_CASE("what cannot be written is told of, and nothing after it is accepted")
{
    const folder f;
    state_file file;
    REQUIRE(file.open(f.file()).has_value());
    REQUIRE(file.append({activity("a", "1")}).empty());

    const auto before = std::signal(SIGXFSZ, SIG_IGN);
    ::rlimit was{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &was) == 0);
    const ::rlimit small{4096, was.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
    const std::string problem = file.append({activity("b", std::string(10'000, 'x'))});
    const std::string next = file.append({activity("c", "1")});
    const std::string anew = file.compact({activity("b", std::string(10'000, 'x'))});
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &was) == 0);
    std::signal(SIGXFSZ, before);

    CHECK(problem.find("cannot be written to: File too large") != std::string::npos);
    CHECK(next.find("earlier change") != std::string::npos);
    CHECK(anew.find("cannot be written") != std::string::npos);
    file.close();
    CHECK(found(f.file()) == "a=1 ");
}
