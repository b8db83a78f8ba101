// SPDX-License-Identifier: BSL-1.0
#include <mayfly/aws/sha256.hpp>
#include <mayfly/aws/sigv4.hpp>

int main()
{
    return sizeof(mayfly::aws::credentials) != 0 ? 0 : 1;
}
