// SPDX-License-Identifier: BSL-1.0
#pragma once

// Both files of this project include all of it, so that what is not inline is defined twice and does not link.

#include <mayfly/aws/ecs_provider.hpp>
#include <mayfly/aws/lambda_provider.hpp>
#include <mayfly/aws/package.hpp>
#include <mayfly/aws/validate.hpp>
#include <mayfly/config/read.hpp>
#include <mayfly/grpc/channel.hpp>
#include <mayfly/grpc/server.hpp>
#include <mayfly/http/client.hpp>
#include <mayfly/http/server.hpp>
#include <mayfly/lambda_runtime/run.hpp>
#include <mayfly/lambda_runtime/service.hpp>
#include <mayfly/local/local_provider.hpp>
#include <mayfly/mock/provider.hpp>

/// How many there are of the entries that a package of nothing is refused for.
int refusals();
