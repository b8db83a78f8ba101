// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/base64.hpp>
#include <mayfly/grpc/detail/percent.hpp>
#include <mayfly/grpc/metadata.hpp>

#include <boost/container/small_vector.hpp>

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::grpc::detail {

struct nghttp2_free {
    void operator()(nghttp2_session* p) const noexcept { nghttp2_session_del(p); }
    void operator()(nghttp2_session_callbacks* p) const noexcept { nghttp2_session_callbacks_del(p); }
    void operator()(nghttp2_option* p) const noexcept { nghttp2_option_del(p); }
};

/// What a side tells the other about itself when a connection begins.
struct session_settings {
    std::uint32_t max_streams = 0;                       ///< A server's; zero for a client.
    std::uint32_t stream_window = 4 * 1024 * 1024;       ///< Bytes that may be under way to us on one stream,
    std::uint32_t connection_window = 16 * 1024 * 1024;  ///< and on all of them.
    std::uint32_t header_list = 64 * 1024;
};

/// Header fields on their way to nghttp2, which takes a copy. No memory is taken for a usual number of them.
class field_list {
public:
    /// What both refer to stays.
    void put(std::string_view name, std::string_view value, bool secret = false)
    {
        // Not const for the sake of C.
        auto* const n = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(name.data()));
        auto* const v = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(value.data()));
        const auto flags = secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
        all_.push_back({n, v, name.size(), value.size(), static_cast<std::uint8_t>(flags)});
    }
    void put_own(std::string_view name, std::string value) { put(name, own_.emplace_front(std::move(value))); }
    void put_all(const metadata& all)
    {
        for (const auto& [name, value] : all) {
            if (is_binary(name))
                put_own(name, to_base64(value, base64_form::liberal));
            else
                put(name, value, name.starts_with("authorization"));
        }
    }

    [[nodiscard]] const nghttp2_nv* data() const noexcept { return all_.data(); }
    [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }

private:
    boost::container::small_vector<nghttp2_nv, 24> all_{};
    std::forward_list<std::string> own_{};
};

/** One side of an HTTP/2 connection, without the connection: bytes in, bytes out. What the frames mean is said by who
    derives from it; no function of the session may be called from within `feed` but those that submit something.
*/
class session {
public:
    session(const session&) = delete;
    session& operator=(const session&) = delete;

    /// Appends what is to go to the peer, until there is nothing more or `out` is at least `enough`.
    void pull(std::string& out, std::size_t enough)
    {
        while (out.size() < enough) {
            const std::uint8_t* data = nullptr;
            const auto n = nghttp2_session_mem_send(native_.get(), &data);
            if (n <= 0)
                return;
            out.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(n));
        }
    }

    /// Nothing more is to come, and nothing to go.
    [[nodiscard]] bool over() const
    {
        return nghttp2_session_want_read(native_.get()) == 0 && nghttp2_session_want_write(native_.get()) == 0;
    }

    /// There is something to `pull`, unless the peer's window keeps it back.
    [[nodiscard]] bool has_output() const { return nghttp2_session_want_write(native_.get()) != 0; }

    void ping() { nghttp2_submit_ping(native_.get(), NGHTTP2_FLAG_NONE, nullptr); }

    /// The peer has broken the rules, and has been told so.
    [[nodiscard]] bool broken() const noexcept { return broken_; }
    /// What was wrong with the peer's bytes.
    [[nodiscard]] const std::string& words() const noexcept { return words_; }

protected:
    enum class side { client, server };

    session(side which, const session_settings& own)
    {
        nghttp2_option* raw_option = nullptr;
        nghttp2_option_new(&raw_option);
        const std::unique_ptr<nghttp2_option, nghttp2_free> option(raw_option);
        nghttp2_option_set_no_closed_streams(raw_option, 1);
        nghttp2_option_set_max_outbound_ack(raw_option, 200);
        nghttp2_option_set_max_settings(raw_option, 32);
        nghttp2_option_set_max_send_header_block_length(raw_option, 1024 * 1024);

        nghttp2_session_callbacks* raw_callbacks = nullptr;
        nghttp2_session_callbacks_new(&raw_callbacks);
        const std::unique_ptr<nghttp2_session_callbacks, nghttp2_free> callbacks(raw_callbacks);
        set(raw_callbacks);

        nghttp2_session* raw = nullptr;
        if (which == side::client)
            nghttp2_session_client_new2(&raw, raw_callbacks, this, raw_option);
        else
            nghttp2_session_server_new2(&raw, raw_callbacks, this, raw_option);
        native_.reset(raw);

        nghttp2_settings_entry entries[3] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, own.stream_window},
            {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, own.header_list}, {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
        if (which == side::server)
            entries[2] = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, own.max_streams};
        nghttp2_submit_settings(raw, NGHTTP2_FLAG_NONE, entries, 3);
        nghttp2_session_set_local_window_size(
            raw, NGHTTP2_FLAG_NONE, 0, static_cast<std::int32_t>(own.connection_window));
    }

    virtual ~session() = default;

    /// Bytes from the peer, with so many streams open. False if they are no HTTP/2, or if the peer makes us say more
    /// and more and takes nothing of it: the connection is to be given up, after what `pull` says.
    bool take(std::string_view bytes, std::size_t open)
    {
        constexpr std::size_t most = 10'000;
        const auto n =
            nghttp2_session_mem_recv(native_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
        if (n < 0) {
            words_ = nghttp2_strerror(static_cast<int>(n));
            return false;
        }
        if (nghttp2_session_get_outbound_queue_size(native_.get()) <= most + 2 * open)
            return true;
        words_ = "it takes no answers and wants more of them";
        return false;
    }

    [[nodiscard]] nghttp2_session* native() const noexcept { return native_.get(); }

    virtual bool on_fields_begin(std::int32_t id, const nghttp2_frame& f) = 0;
    /// False: the rest of the block does not matter.
    virtual bool on_field(std::int32_t id, std::string_view name, std::string_view value) = 0;
    virtual void on_data(std::int32_t id, std::string_view bytes) = 0;
    virtual void on_frame(const nghttp2_frame& f) = 0;
    virtual void on_sent(const nghttp2_frame&) {}
    /// `error` is nghttp2's.
    virtual void on_not_sent(const nghttp2_frame&, int error) = 0;
    virtual void on_closed(std::int32_t id, std::uint32_t code) = 0;

private:
    static session& of(void* user) { return *static_cast<session*>(user); }

    static std::string_view text(const std::uint8_t* data, std::size_t size)
    {
        return {reinterpret_cast<const char*>(data), size};
    }

    static void set(nghttp2_session_callbacks* c)
    {
        nghttp2_session_callbacks_set_on_begin_headers_callback(
            c, [](nghttp2_session*, const nghttp2_frame* f, void* user) {
                return of(user).on_fields_begin(f->hd.stream_id, *f) ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
            });
        nghttp2_session_callbacks_set_on_header_callback(
            c, [](nghttp2_session*, const nghttp2_frame* f, const std::uint8_t* name, std::size_t name_size,
                   const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
                const bool goes_on = of(user).on_field(f->hd.stream_id, text(name, name_size), text(value, value_size));
                return goes_on ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
            });
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
            c, [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size,
                   void* user) {
                of(user).on_data(id, text(data, size));
                return 0;
            });
        nghttp2_session_callbacks_set_on_frame_recv_callback(
            c, [](nghttp2_session*, const nghttp2_frame* f, void* user) {
                of(user).on_frame(*f);
                return 0;
            });
        nghttp2_session_callbacks_set_on_frame_send_callback(
            c, [](nghttp2_session*, const nghttp2_frame* f, void* user) {
                session& me = of(user);
                me.broken_ = me.broken_ || (f->hd.type == NGHTTP2_GOAWAY && f->goaway.error_code != NGHTTP2_NO_ERROR);
                me.on_sent(*f);
                return 0;
            });
        nghttp2_session_callbacks_set_on_frame_not_send_callback(
            c, [](nghttp2_session*, const nghttp2_frame* f, int error, void* user) {
                of(user).on_not_sent(*f, error);
                return 0;
            });
        nghttp2_session_callbacks_set_error_callback2(
            c, [](nghttp2_session*, int, const char* words, std::size_t size, void* user) {
                of(user).words_ = shown({words, size});
                return 0;
            });
        nghttp2_session_callbacks_set_on_stream_close_callback(
            c, [](nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
                of(user).on_closed(id, code);
                return 0;
            });
    }

    std::unique_ptr<nghttp2_session, nghttp2_free> native_{};
    std::string words_{};
    bool broken_ = false;
};

}  // namespace mayfly::grpc::detail
