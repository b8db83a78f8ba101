// SPDX-License-Identifier: BSL-1.0

// The least static program. Without an argument it ends at once; with an address and a text it connects to 127.0.0.1
// there, sends the text, and waits for an answer that never comes.

#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char** argv)
{
    if (argc < 3)
        return 0;
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<unsigned short>(std::atoi(argv[1])));
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
        return 1;
    const std::size_t size = std::strlen(argv[2]);
    if (::send(fd, argv[2], size, 0) != static_cast<ssize_t>(size))
        return 1;
    char answer = 0;
    return ::recv(fd, &answer, 1, 0) < 0 ? 1 : 0;
}
