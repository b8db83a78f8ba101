// SPDX-License-Identifier: BSL-1.0
#pragma once

// For benchmarks: the least gRPC client there can be. One blocking socket, and nghttp2 as it is. What goes wrong ends
// the program.

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace raw_grpc {

[[noreturn]] inline void die(const char* what)
{
    std::fprintf(stderr, "raw gRPC client: %s\n", what);
    std::exit(1);
}

/// Unary calls of one server on loopback, over one plain connection.
class client {
public:
    using field = std::pair<std::string_view, std::string_view>;

    /// `fields` go with each call, after those that gRPC wants; what they refer to stays.
    explicit client(std::uint16_t port, std::vector<field> fields = {})
        : authority_("127.0.0.1:" + std::to_string(port)), more_(std::move(fields))
    {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.sin_port = htons(port);
        fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;
        if (::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
            die("cannot connect");
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);

        nghttp2_session_callbacks* raw = nullptr;
        nghttp2_session_callbacks_new(&raw);
        const std::unique_ptr<nghttp2_session_callbacks, freed> callbacks(raw);
        nghttp2_session_callbacks_set_on_header_callback(raw, on_field);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(raw, on_data);
        nghttp2_session_callbacks_set_on_stream_close_callback(raw, on_closed);
        nghttp2_session* session = nullptr;
        nghttp2_session_client_new(&session, raw, this);
        session_.reset(session);
        constexpr std::int32_t window = 16 * 1024 * 1024;
        const nghttp2_settings_entry settings[] = {
            {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window}, {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
        nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
        nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, window);
        flush();
    }
    client(const client&) = delete;
    client& operator=(const client&) = delete;
    ~client() { ::close(fd_); }

    /// One call. The answer's message.
    std::string call(std::string_view path, std::string_view message)
    {
        const stream& s = start(path, message);
        while (open_ != 0)
            turn();
        return s.answer;
    }

    /// The same call so many times, `at_once` of them under way at any time.
    void call_many(std::string_view path, std::string_view message, std::size_t calls, std::size_t at_once)
    {
        while (calls != 0 || open_ != 0) {
            for (; calls != 0 && open_ < at_once; --calls)
                start(path, message);
            turn();
        }
    }

private:
    struct freed {
        void operator()(nghttp2_session* p) const noexcept { nghttp2_session_del(p); }
        void operator()(nghttp2_session_callbacks* p) const noexcept { nghttp2_session_callbacks_del(p); }
    };
    struct stream {
        std::string_view message{};
        std::size_t sent = 0;  // of prefix and message
        std::string answer{};  // with its prefix, until it is over
        bool good = false;
    };

    static nghttp2_nv nv(std::string_view name, std::string_view value)
    {
        // Not const for the sake of C.
        auto* const n = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(name.data()));
        auto* const v = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(value.data()));
        return {n, v, name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
    }

    stream& start(std::string_view path, std::string_view message)
    {
        if (free_.empty())
            free_.push_back(&streams_.emplace_back());
        stream& s = *free_.back();
        free_.pop_back();
        s.message = message;
        s.sent = 0;
        s.answer.clear();
        s.good = false;
        fields_ = {nv(":method", "POST"), nv(":scheme", "http"), nv(":authority", authority_), nv(":path", path),
            nv("te", "trailers"), nv("content-type", "application/grpc"), nv("user-agent", "raw")};
        for (const auto& [name, value] : more_)
            fields_.push_back(nv(name, value));
        nghttp2_data_provider body{};
        body.source.ptr = &s;
        body.read_callback = read_body;
        if (nghttp2_submit_request(session_.get(), nullptr, fields_.data(), fields_.size(), &body, &s) < 0)
            die("no further stream can be opened");
        ++open_;
        return s;
    }

    static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t room, std::uint32_t* flags,
        nghttp2_data_source* source, void*)
    {
        auto& s = *static_cast<stream*>(source->ptr);
        std::size_t done = 0;
        if (s.sent == 0) {
            const std::size_t n = s.message.size();
            to[done++] = 0;
            for (const unsigned shift : {24U, 16U, 8U, 0U})
                to[done++] = static_cast<std::uint8_t>((n >> shift) & 255U);
            s.sent = done;
        }
        const auto part = s.message.substr(s.sent - 5, room - done);
        std::memcpy(to + done, part.data(), part.size());
        s.sent += part.size();
        if (s.sent == s.message.size() + 5)
            *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(done + part.size());
    }

    static int on_field(nghttp2_session* session, const nghttp2_frame* f, const std::uint8_t* name,
        std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t, void*)
    {
        const std::string_view n(reinterpret_cast<const char*>(name), name_size);
        const std::string_view v(reinterpret_cast<const char*>(value), value_size);
        if (n == "grpc-status")
            static_cast<stream*>(nghttp2_session_get_stream_user_data(session, f->hd.stream_id))->good = v == "0";
        return 0;
    }

    static int on_data(
        nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size, void*)
    {
        static_cast<stream*>(nghttp2_session_get_stream_user_data(session, id))
            ->answer.append(reinterpret_cast<const char*>(data), size);
        return 0;
    }

    static int on_closed(nghttp2_session* session, std::int32_t id, std::uint32_t, void* user)
    {
        auto& s = *static_cast<stream*>(nghttp2_session_get_stream_user_data(session, id));
        if (!s.good || s.answer.size() < 5)
            die("a call failed");
        s.answer.erase(0, 5);
        auto& me = *static_cast<client*>(user);
        me.free_.push_back(&s);
        --me.open_;
        return 0;
    }

    void turn()
    {
        flush();
        const auto n = ::recv(fd_, in_.data(), in_.size(), 0);
        if (n <= 0)
            die("the server closed the connection");
        if (nghttp2_session_mem_recv(session_.get(), in_.data(), static_cast<std::size_t>(n)) < 0)
            die("the server does not speak HTTP/2");
    }

    void flush()
    {
        out_.clear();
        const std::uint8_t* data = nullptr;
        for (ssize_t n = 0; (n = nghttp2_session_mem_send(session_.get(), &data)) > 0;)
            out_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(n));
        for (std::string_view rest = out_; !rest.empty();) {
            const auto n = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
            if (n <= 0)
                die("the server takes nothing");
            rest.remove_prefix(static_cast<std::size_t>(n));
        }
    }

    std::string authority_;
    std::vector<field> more_;
    std::unique_ptr<nghttp2_session, freed> session_{};
    std::deque<stream> streams_{};
    std::vector<stream*> free_{};
    std::vector<nghttp2_nv> fields_{};
    std::string out_{};
    std::array<std::uint8_t, std::size_t{64} * 1024> in_{};
    std::size_t open_ = 0;
    int fd_ = -1;
};

}  // namespace raw_grpc
