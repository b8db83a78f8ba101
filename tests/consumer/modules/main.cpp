// SPDX-License-Identifier: BSL-1.0
#include "everything.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdio>

int main()
{
    boost::asio::io_context io;
    mayfly::http::client client(io.get_executor());
    const bool good = client.stats() == mayfly::http::client_stats{} && refusals() == 1;
    std::printf("all modules: %s\n", good ? "as expected" : "not as expected");
    return good ? 0 : 1;
}
