// SPDX-License-Identifier: BSL-1.0
#include <mayfly/local/function_environment.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

using namespace mayfly::local;

TEST_CASE("a function's process has what Lambda sets, and what the function has set")
{
    const function_settings f{.name = "f",
        .version = "7",
        .bootstrap = "/srv/f/./bootstrap",
        .handler = "h",
        .variables = {{"A", "1"}, {"TZ", "Europe/Berlin"}},
        .memory_mib = 256};
    CHECK(function_environment(f, {.region = "eu-west-1"}, {.runtime_api = "127.0.0.1:9", .log_stream = "s"}) ==
          std::vector<std::string>{
              "A=1",
              "AWS_DEFAULT_REGION=eu-west-1",
              "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
              "AWS_LAMBDA_FUNCTION_NAME=f",
              "AWS_LAMBDA_FUNCTION_VERSION=7",
              "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
              "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/f",
              "AWS_LAMBDA_LOG_STREAM_NAME=s",
              "AWS_LAMBDA_RUNTIME_API=127.0.0.1:9",
              "AWS_REGION=eu-west-1",
              "AWS_XRAY_CONTEXT_MISSING=LOG_ERROR",
              "AWS_XRAY_DAEMON_ADDRESS=127.0.0.1:2000",
              "LAMBDA_RUNTIME_DIR=/var/runtime",
              "LAMBDA_TASK_ROOT=/srv/f",
              "LANG=en_US.UTF-8",
              "LD_LIBRARY_PATH=/srv/f:/srv/f/lib:/opt/lib",
              "PATH=/usr/local/bin:/usr/bin:/bin:/opt/bin",
              "TZ=Europe/Berlin",
              "_HANDLER=h",
          });
}

}  // namespace
