// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/testing/workload_file.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace mayfly_test {

/// The text of the published workload file. The path is taken from this source file, so any working directory will do.
inline std::string published_text()
{
    const auto root = std::filesystem::absolute(__FILE__).parent_path() / "../..";
    std::ifstream in(root / "examples/data/scaling-workloads.json");
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

/// The published workloads, read once.
inline const std::vector<mayfly::testing::workload>& published()
{
    static const mayfly::testing::workload_file file = mayfly::testing::read_workloads(published_text());
    if (!file || file.workloads.empty())
        throw std::runtime_error("the published workloads cannot be read");
    return file.workloads;
}

inline const mayfly::testing::workload& published(std::string_view id)
{
    for (const mayfly::testing::workload& w : published()) {
        if (w.id.substr(0, id.size()) == id)
            return w;
    }
    throw std::runtime_error("no such workload: " + std::string(id));
}

}  // namespace mayfly_test
