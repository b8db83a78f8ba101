// SPDX-License-Identifier: BSL-1.0
#pragma once

// For benchmarks: an HTTP server in a process of its own, so that its time is not ours, and the least client there can
// be. Both take the system's sockets and OpenSSL as they are.

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace loopback {

[[noreturn]] inline void die(const char* what)
{
    std::perror(what);
    std::exit(1);
}

/// A key and a certificate of its own for 127.0.0.1, made anew for each run.
struct identity {
    std::shared_ptr<EVP_PKEY> key{EVP_EC_gen("P-256"), EVP_PKEY_free};
    std::shared_ptr<X509> certificate{X509_new(), X509_free};

    identity()
    {
        X509* const x = certificate.get();
        X509_set_version(x, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
        X509_gmtime_adj(X509_getm_notBefore(x), -3600);
        X509_gmtime_adj(X509_getm_notAfter(x), 3600);
        X509_set_pubkey(x, key.get());
        X509_NAME* const name = X509_get_subject_name(x);
        const auto* const text = reinterpret_cast<const unsigned char*>("loopback");
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0);
        X509_set_issuer_name(x, name);
        X509_EXTENSION* const names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
        X509_add_ext(x, names, -1);
        X509_EXTENSION_free(names);
        X509_sign(x, key.get(), EVP_sha256());
    }

    void write_certificate(const char* path) const
    {
        std::FILE* const out = std::fopen(path, "w");
        if (out == nullptr || PEM_write_X509(out, certificate.get()) != 1)
            die(path);
        std::fclose(out);
    }
};

/// A connected socket, with TLS or without.
class wire {
public:
    wire(int fd, SSL_CTX* tls, bool accepts) : fd_(fd)
    {
        const int on = 1;
        setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (tls == nullptr)
            return;
        tls_.reset(SSL_new(tls));
        SSL_set_fd(tls_.get(), fd_);
        if ((accepts ? SSL_accept(tls_.get()) : SSL_connect(tls_.get())) != 1)
            ok_ = false;
    }
    wire(const wire&) = delete;
    wire& operator=(const wire&) = delete;
    ~wire() { ::close(fd_); }

    [[nodiscard]] bool ok() const { return ok_; }

    bool write(std::string_view bytes)
    {
        while (!bytes.empty()) {
            const auto n = tls_ ? SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()))
                                : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n <= 0)
                return false;
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
        return true;
    }

    /// One whole message, as long as its `Content-Length` says, or nothing at the end. Good until the next call.
    std::string_view read_message()
    {
        std::size_t have = 0;
        for (std::size_t whole = 0; whole == 0 || have < whole;) {
            const auto room = buffer_.size() - have;
            const auto n = tls_ ? SSL_read(tls_.get(), buffer_.data() + have, static_cast<int>(room))
                                : ::recv(fd_, buffer_.data() + have, room, 0);
            if (n <= 0)
                return {};
            have += static_cast<std::size_t>(n);
            if (whole == 0)
                whole = size_of({buffer_.data(), have});
        }
        return {buffer_.data(), have};
    }

private:
    struct free_tls {
        void operator()(SSL* s) const { SSL_free(s); }
    };

    /// Zero while the head is not complete.
    static std::size_t size_of(std::string_view bytes)
    {
        const auto end = bytes.find("\r\n\r\n");
        if (end == bytes.npos)
            return 0;
        const std::string_view field = "Content-Length: ";
        const auto at = bytes.find(field);
        const std::size_t body = at < end ? std::strtoul(bytes.data() + at + field.size(), nullptr, 10) : 0;
        return end + 4 + body;
    }

    int fd_;
    bool ok_ = true;
    std::unique_ptr<SSL, free_tls> tls_{};
    std::array<char, std::size_t{256} * 1024> buffer_{};
};

/// Gives every request the same answer, from another process, until it is destroyed.
class server {
public:
    /// `who` null: plain.
    server(const identity* who, std::string answer) : seen_(share())
    {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
        if (::bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || ::listen(listener, 1024) != 0 ||
            ::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size) != 0)
            die("listen");
        port_ = ntohs(at.sin_port);

        child_ = ::fork();
        if (child_ < 0)
            die("fork");
        if (child_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            serve(listener, who, answer);
        }
        ::close(listener);
    }
    server(const server&) = delete;
    server& operator=(const server&) = delete;
    ~server()
    {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
        ::munmap(seen_, sizeof(seen));
    }

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] std::uint64_t accepted() const { return seen_->accepted; }
    /// The last request on a connection's first place.
    [[nodiscard]] std::string first_request() const { return {seen_->first.data(), seen_->first_size}; }

private:
    struct seen {
        std::atomic<std::uint64_t> accepted{};
        std::atomic<std::size_t> first_size{};
        std::array<char, std::size_t{256} * 1024> first{};
    };

    static seen* share()
    {
        void* const p = ::mmap(nullptr, sizeof(seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            die("mmap");
        return new (p) seen;
    }

    [[noreturn]] void serve(int listener, const identity* who, const std::string& answer)
    {
        SSL_CTX* tls = nullptr;
        if (who != nullptr) {
            tls = SSL_CTX_new(TLS_server_method());
            SSL_CTX_use_certificate(tls, who->certificate.get());
            SSL_CTX_use_PrivateKey(tls, who->key.get());
        }
        for (;;) {
            const int fd = ::accept(listener, nullptr, nullptr);
            if (fd < 0)
                std::_Exit(1);
            ++seen_->accepted;
            std::thread([this, fd, tls, &answer] {
                const auto peer = std::make_unique<wire>(fd, tls, true);
                bool first = true;
                for (std::string_view m; peer->ok() && !(m = peer->read_message()).empty(); first = false) {
                    if (first) {
                        std::memcpy(seen_->first.data(), m.data(), m.size());
                        seen_->first_size = m.size();
                    }
                    if (!peer->write(answer))
                        break;
                }
            }).detach();
        }
    }

    seen* seen_;
    std::uint16_t port_ = 0;
    pid_t child_ = -1;
};

/// The least client: blocking, one connection, the same bytes each time.
class raw_client {
public:
    /// `trusted` null: plain.
    raw_client(std::uint16_t port, const identity* trusted)
    {
        if (trusted != nullptr) {
            tls_.reset(SSL_CTX_new(TLS_client_method()));
            X509_STORE_add_cert(SSL_CTX_get_cert_store(tls_.get()), trusted->certificate.get());
            SSL_CTX_set_verify(tls_.get(), SSL_VERIFY_PEER, nullptr);
        }
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.sin_port = htons(port);
        const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
        if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
            die("connect");
        wire_ = std::make_unique<wire>(fd, tls_.get(), false);
        if (!wire_->ok()) {
            ERR_print_errors_fp(stderr);
            die("TLS handshake");
        }
    }

    void exchange(std::string_view request)
    {
        if (!wire_->write(request) || wire_->read_message().empty())
            die("exchange");
    }

private:
    struct free_context {
        void operator()(SSL_CTX* c) const { SSL_CTX_free(c); }
    };
    std::unique_ptr<SSL_CTX, free_context> tls_{};
    std::unique_ptr<wire> wire_{};
};

}  // namespace loopback
