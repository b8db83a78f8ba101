// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/detail/answer_reader.hpp>
#include <mayfly/grpc/detail/flood_guard.hpp>
#include <mayfly/grpc/detail/gzip.hpp>
#include <mayfly/grpc/detail/message_reader.hpp>
#include <mayfly/grpc/detail/percent.hpp>
#include <mayfly/grpc/detail/session.hpp>
#include <mayfly/grpc/detail/timeout_text.hpp>
#include <mayfly/grpc/message.hpp>

#include <nghttp2/nghttp2.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mayfly::grpc::detail {

struct server_limits {
    std::size_t message = 4 * 1024 * 1024;
    std::size_t header_list = 64 * 1024;
    std::size_t held = 64 * 1024 * 1024;  ///< Bytes of all requests that are not complete.
};

/// What a whole request became.
struct arrived_call {
    std::int32_t id = 0;
    grpc::request request{};
    std::string authority{};
    std::optional<std::chrono::nanoseconds> timeout{};
};

/// A server's side of a connection: frames become calls, and replies frames.
class server_session final : public session {
public:
    using time_point = std::chrono::steady_clock::time_point;

    server_session(const session_settings& own, const server_limits& limits)
        : session(side::server, own), limits_(limits)
    {}

    /// Bytes from the client; `now` never goes back.
    bool feed(std::string_view bytes, time_point now)
    {
        now_ = now;
        return take(bytes, streams_.size()) && !(calmed_ && over());
    }

    /// The next call, in the order in which their last bytes came.
    [[nodiscard]] std::optional<arrived_call> next_arrived()
    {
        if (arrived_.empty())
            return std::nullopt;
        std::optional<arrived_call> out(std::move(arrived_.front()));
        arrived_.erase(arrived_.begin());
        return out;
    }

    /// The id of a call that was taken, and whose client wants no answer any more.
    [[nodiscard]] std::optional<std::int32_t> next_gone()
    {
        if (gone_.empty())
            return std::nullopt;
        const std::int32_t id = gone_.back();
        gone_.pop_back();
        return id;
    }

    /// Answers a call. One whose client has gone is not answered.
    void respond(std::int32_t id, reply r)
    {
        const auto at = streams_.find(id);
        if (at == streams_.end() || at->second->answered)
            return;
        answer(id, *at->second, std::move(r));
    }

    /// Sends a call back as one that was never looked at.
    void refuse(std::int32_t id)
    {
        if (streams_.contains(id))
            reset(id, NGHTTP2_REFUSED_STREAM);
    }

    /// Tells the client that no more calls are taken. With `at_once`, those of which nothing has come yet are refused;
    /// else they are still served, until this is called again with it.
    void leave(bool at_once)
    {
        if (at_once)
            nghttp2_submit_goaway(native(), NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(native()),
                NGHTTP2_NO_ERROR, nullptr, 0);
        else
            nghttp2_submit_shutdown_notice(native());
    }

    /// Ends everything with this connection, and says why.
    void terminate(std::uint32_t code) { nghttp2_session_terminate_session(native(), code); }

    [[nodiscard]] std::size_t open() const noexcept { return streams_.size(); }
    /// The client did too much of something that costs it nothing.
    [[nodiscard]] bool calmed() const noexcept { return calmed_; }
    /// The client has sent its settings, and so is one that speaks HTTP/2.
    [[nodiscard]] bool proven() const noexcept { return proven_; }
    [[nodiscard]] bool take_pong() noexcept { return std::exchange(pong_, false); }
    /// Bytes of requests that are not complete.
    [[nodiscard]] std::size_t coming() const noexcept { return coming_; }
    /// Bytes of answers that the client has not taken.
    [[nodiscard]] std::size_t going() const noexcept { return going_; }

private:
    struct stream {
        std::string method{};
        std::string content{};
        std::string encoding{};
        std::string authority{};
        grpc::request request{};
        std::optional<std::chrono::nanoseconds> timeout{};
        std::size_t fields_size = 0;
        message_reader message{};
        bool bad_timeout = false;
        bool taken = false;     ///< A call came of it.
        bool answered = false;  ///< What comes now is dropped.
        bool ended = false;     ///< The client has said all.
        reply out{};
        std::size_t sent = 0;
    };

    stream* find(std::int32_t id)
    {
        const auto at = streams_.find(id);
        return at == streams_.end() ? nullptr : at->second.get();
    }

    bool on_fields_begin(std::int32_t id, const nghttp2_frame& f) override
    {
        if (f.headers.cat == NGHTTP2_HCAT_REQUEST && !calmed_)
            streams_.emplace(id, std::make_unique<stream>());
        return true;
    }

    bool on_field(std::int32_t id, std::string_view name, std::string_view value) override
    {
        stream* const s = find(id);
        if (!s || s->answered)
            return true;
        s->fields_size += name.size() + value.size() + 32;
        if (s->fields_size > limits_.header_list) {
            fail(id, *s, status_code::resource_exhausted,
                "the call's header fields are larger than " + std::to_string(limits_.header_list) + " bytes");
            return true;
        }
        if (name == ":method")
            s->method = value;
        else if (name == ":path")
            s->request.path = value;
        else if (name == ":authority" || (name == "host" && s->authority.empty()))
            s->authority = value;
        else if (name == "content-type")
            s->content = value;
        else if (name == "grpc-encoding")
            s->encoding = value;
        else if (name == "grpc-timeout") {
            s->timeout = from_timeout_text(value);
            s->bad_timeout = !s->timeout;
        } else if (!name.starts_with(':') && name != "te" && name != "grpc-accept-encoding")
            add_field(s->request.metadata, name, value);
        return true;
    }

    void on_data(std::int32_t id, std::string_view bytes) override
    {
        stream* const s = find(id);
        if (!s || s->answered)
            return;
        const std::size_t before = s->message.received();
        const auto verdict = s->message.feed(bytes, limits_.message);
        coming_ += s->message.received() - before;
        switch (verdict) {
        case message_reader::verdict::good:
            if (coming_ > limits_.held)
                fail(id, *s, status_code::resource_exhausted,
                    "the calls of this connection that have not come whole are larger than " +
                        std::to_string(limits_.held) + " bytes; make fewer at once");
            return;
        case message_reader::verdict::too_large: return too_large(id, *s, s->message.length());
        case message_reader::verdict::bad_flag:
            return fail(id, *s, status_code::internal, "the message begins with an unknown flag");
        case message_reader::verdict::second:
            return fail(id, *s, status_code::internal, "the call holds more than one message");
        }
    }

    void on_frame(const nghttp2_frame& f) override
    {
        const bool ends = (f.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
        const bool acknowledges = (f.hd.flags & NGHTTP2_FLAG_ACK) != 0;
        switch (f.hd.type) {
        case NGHTTP2_HEADERS:
            if (stream* const s = find(f.hd.stream_id); s && f.headers.cat == NGHTTP2_HCAT_REQUEST)
                check_head(f.hd.stream_id, *s);
            break;
        case NGHTTP2_DATA:
            if (f.hd.length == 0 && !ends)
                guard(overhead_);
            break;
        case NGHTTP2_PING:
            if (acknowledges)
                pong_ = true;
            else
                guard(pings_);
            break;
        case NGHTTP2_SETTINGS:
            proven_ = true;
            if (!acknowledges)
                guard(settings_);
            break;
        case NGHTTP2_RST_STREAM: guard(resets_); break;
        case NGHTTP2_PRIORITY:
        case NGHTTP2_WINDOW_UPDATE: guard(overhead_); break;
        default: break;
        }
        if (!ends || (f.hd.type != NGHTTP2_HEADERS && f.hd.type != NGHTTP2_DATA))
            return;
        if (stream* const s = find(f.hd.stream_id); s) {
            s->ended = true;
            if (!s->answered)
                make_call(f.hd.stream_id, *s);
        }
    }

    /// What it has of its message, which then is no longer ours.
    std::string take_message(stream& s)
    {
        coming_ -= s.message.received();
        return s.message.take();
    }

    /// Once the answer is out, the rest of what the client sends is not wanted. Not before: nghttp2 forgets an answer
    /// whose stream is to be reset.
    void on_sent(const nghttp2_frame& f) override
    {
        if (f.hd.type != NGHTTP2_HEADERS || (f.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
            return;
        if (const stream* const s = find(f.hd.stream_id); s && !s->ended)
            nghttp2_submit_rst_stream(native(), NGHTTP2_FLAG_NONE, f.hd.stream_id, NGHTTP2_NO_ERROR);
    }

    // An answer with more fields than can be sent at all.
    void on_not_sent(const nghttp2_frame& f, int) override
    {
        if (f.hd.type == NGHTTP2_HEADERS && find(f.hd.stream_id))
            nghttp2_submit_rst_stream(native(), NGHTTP2_FLAG_NONE, f.hd.stream_id, NGHTTP2_INTERNAL_ERROR);
    }

    void on_closed(std::int32_t id, std::uint32_t) override
    {
        const auto at = streams_.find(id);
        if (at == streams_.end())
            return;
        const bool taken = at->second->taken;
        const bool answered = at->second->answered;
        take_message(*at->second);
        going_ -= at->second->out.message.size();
        streams_.erase(at);
        if (!taken || answered)
            return;
        // One that nobody has looked at yet never was.
        if (std::erase_if(arrived_, [id](const arrived_call& c) { return c.id == id; }) == 0)
            gone_.push_back(id);
    }

    void check_head(std::int32_t id, stream& s)
    {
        if (s.answered)
            return;
        if (s.method != "POST")
            return refuse_http(id, s, "405");
        if (!is_grpc_content(s.content))
            return refuse_http(id, s, "415");
        if (s.bad_timeout)
            return fail(id, s, status_code::internal, "grpc-timeout: write up to eight digits and one of H M S m u n");
        if (!s.encoding.empty() && s.encoding != "identity" && s.encoding != "gzip")
            return fail(id, s, status_code::unimplemented,
                "grpc-encoding \"" + shown(s.encoding, 40) + "\" is not known here; use gzip or identity");
    }

    void make_call(std::int32_t id, stream& s)
    {
        if (!s.message.begun())
            return fail(id, s, status_code::internal, "the call holds no message");
        if (!s.message.complete())
            return fail(id, s, status_code::internal, "the call's message is truncated");
        const bool compressed = s.message.compressed();
        s.request.message = take_message(s);
        if (compressed) {
            if (s.encoding != "gzip")
                return fail(
                    id, s, status_code::internal, "the message is compressed, and grpc-encoding does not say how");
            std::string whole;
            switch (inflate_gzip(s.request.message, limits_.message, whole)) {
            case gzip_verdict::good: s.request.message = std::move(whole); break;
            case gzip_verdict::bad: return fail(id, s, status_code::internal, "the message is no valid gzip");
            case gzip_verdict::too_large:
                return fail(id, s, status_code::resource_exhausted,
                    "grpc: received message after decompression larger than max (" + std::to_string(limits_.message) +
                        ')');
            }
        }
        s.taken = true;
        arrived_.push_back({id, std::move(s.request), std::move(s.authority), s.timeout});
    }

    void too_large(std::int32_t id, stream& s, std::size_t size)
    {
        fail(id, s, status_code::resource_exhausted,
            "grpc: received message larger than max (" + std::to_string(size) + " vs. " +
                std::to_string(limits_.message) + ')');
    }

    void fail(std::int32_t id, stream& s, status_code code, std::string words)
    {
        reply r;
        r.status = {code, std::move(words), {}};
        answer(id, s, std::move(r));
    }

    void refuse_http(std::int32_t id, stream& s, std::string_view code)
    {
        s.answered = true;
        field_list fields;
        fields.put(":status", code);
        nghttp2_submit_response(native(), id, fields.data(), fields.size(), nullptr);
    }

    void reset(std::int32_t id, std::uint32_t code)
    {
        find(id)->answered = true;
        nghttp2_submit_rst_stream(native(), NGHTTP2_FLAG_NONE, id, code);
    }

    void answer(std::int32_t id, stream& s, reply r)
    {
        s.answered = true;
        take_message(s);
        s.out = std::move(r);
        field_list fields;
        fields.put(":status", "200");
        fields.put("content-type", "application/grpc");
        fields.put_all(s.out.metadata);
        if (!s.out.status.ok()) {
            put_status(fields, s.out);
            nghttp2_submit_response(native(), id, fields.data(), fields.size(), nullptr);
            s.out = {};
            return;
        }
        going_ += s.out.message.size();
        nghttp2_data_provider body{};
        body.read_callback = &server_session::read_body;
        nghttp2_submit_response(native(), id, fields.data(), fields.size(), &body);
    }

    static ssize_t read_body(nghttp2_session*, std::int32_t id, std::uint8_t* to, std::size_t room,
        std::uint32_t* flags, nghttp2_data_source*, void* user)
    {
        auto& me = static_cast<server_session&>(*static_cast<session*>(user));
        stream* const s = me.find(id);
        if (!s)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        const std::size_t done = copy_message(s->out.message, s->sent, reinterpret_cast<char*>(to), room);
        s->sent += done;
        if (s->sent == prefix_size + s->out.message.size()) {
            *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
            field_list fields;
            put_status(fields, s->out);
            nghttp2_submit_trailer(me.native(), id, fields.data(), fields.size());
        }
        return static_cast<ssize_t>(done);
    }

    static void put_status(field_list& to, const reply& r)
    {
        if (r.status.ok())
            to.put("grpc-status", "0");
        else
            to.put_own("grpc-status", std::to_string(static_cast<unsigned>(r.status.code)));
        if (!r.status.message.empty())
            to.put_own("grpc-message", to_percent(r.status.message));
        if (!r.status.details.empty())
            to.put_own("grpc-status-details-bin", to_base64(r.status.details, base64_form::liberal));
        to.put_all(r.trailers);
    }

    void guard(flood_guard& g)
    {
        if (g.take(now_) || std::exchange(calmed_, true))
            return;
        terminate(NGHTTP2_ENHANCE_YOUR_CALM);
    }

    server_limits limits_;
    time_point now_{};
    std::unordered_map<std::int32_t, std::unique_ptr<stream>> streams_{};
    std::vector<arrived_call> arrived_{};
    std::vector<std::int32_t> gone_{};
    std::size_t coming_ = 0;
    std::size_t going_ = 0;
    // Clients that poll cancel their polls now and then, and some measure the way with pings while they send.
    flood_guard resets_{1'000, 200};
    flood_guard pings_{200, 10};
    flood_guard settings_{50, 1};
    flood_guard overhead_{20'000, 5'000};
    bool calmed_ = false;
    bool proven_ = false;
    bool pong_ = false;
};

}  // namespace mayfly::grpc::detail
