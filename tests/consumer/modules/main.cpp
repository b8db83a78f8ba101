// SPDX-License-Identifier: BSL-1.0
#include "everything.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdio>

int main()
{
    boost::asio::io_context io;
    mayfly::http::client client(io.get_executor());
    const mayfly::grpc::channel channel(io.get_executor(), {false, "127.0.0.1", 7233});
    const bool good = client.stats() == mayfly::http::client_stats{} &&
                      channel.stats() == mayfly::grpc::channel_stats{} && refusals() == 1;
    std::printf("all modules: %s\n", good ? "as expected" : "not as expected");
    return good ? 0 : 1;
}
