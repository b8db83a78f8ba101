// SPDX-License-Identifier: BSL-1.0
#include <mayfly/config/files.hpp>
#include <mayfly/config/read.hpp>

#include <doctest/doctest.h>

#include <boost/system/errc.hpp>

#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

using namespace mayfly;
using namespace mayfly::config;

TEST_CASE("files are read from disk")
{
    namespace fs = std::filesystem;
    const fs::path folder = fs::temp_directory_path() / ("mayfly-config-" + std::to_string(::getpid()));
    struct remover {
        fs::path path;
        ~remover() { fs::remove_all(path); }
    } const remove{folder};
    fs::create_directories(folder);
    const auto write = [&](const char* name, const std::string& text) {
        std::ofstream(folder / name, std::ios::binary) << text;
        return (folder / name).string();
    };

    const std::string odd("a\0b\r\n", 5);
    CHECK(*read_file(write("odd", odd)) == odd);
    CHECK(read_file(write("empty", ""))->empty());
    CHECK(read_file(write("largest", std::string(largest_file, 'x')))->size() == largest_file);
    CHECK(
        read_file(write("larger", std::string(largest_file + 1, 'x'))).error() == boost::system::errc::file_too_large);
    CHECK_MESSAGE(read_file("/dev/zero").error() == boost::system::errc::file_too_large, "and this ends");
    CHECK(read_file((folder / "none").string()).error() == boost::system::errc::no_such_file_or_directory);
    CHECK(read_file((folder / "odd" / "none").string()).error() == boost::system::errc::not_a_directory);
    CHECK(read_file(folder.string()).error() == boost::system::errc::is_a_directory);

    const std::string file = write("temporal.toml", "[profile.default]\naddress = \"here:1\"\n");
    const auto named = read_settings({}, environment{{{"TEMPORAL_CONFIG_FILE", file}}}, read_file);
    REQUIRE(named);
    CHECK(named->address == sourced<std::string>{"here:1", file + ":2"});
    const auto own = read_settings({}, environment{{{"LAMBDA_TASK_ROOT", folder.string()}}}, read_file);
    REQUIRE(own);
    CHECK(own->file == file);
    CHECK_MESSAGE(
        !read_settings({}, environment{{{"TEMPORAL_CONFIG_FILE", folder.string()}}}, read_file), "a folder is no file");

    // The process's own variables are out of a test's hands; what is asked for is not.
    read_options options;
    options.file = file;
    options.overrides = {{"TEMPORAL_ADDRESS", {"asked:1", "--address"}}, {"TEMPORAL_TLS", {"0", "--tls"}}};
    const auto mine = read_settings(options);
    if (mine)
        CHECK(mine->address.from == "--address");
    else
        CHECK_MESSAGE(false, to_string(mine.problems()));
}
