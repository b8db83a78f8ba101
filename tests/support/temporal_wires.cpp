// SPDX-License-Identifier: BSL-1.0

// Where the precompiled header of the tests of adapters/temporal is made.
#include <mayfly/temporal/api.hpp>
