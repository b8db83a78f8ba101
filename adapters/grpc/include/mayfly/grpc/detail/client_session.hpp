// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/detail/answer_reader.hpp>
#include <mayfly/grpc/detail/message_reader.hpp>
#include <mayfly/grpc/detail/session.hpp>
#include <mayfly/grpc/message.hpp>

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::grpc::detail {

/// One call on a connection, from the client's side.
struct client_stream {
    std::string_view message{};  ///< What is sent; stays until the stream is over.
    void* user = nullptr;        ///< Whose it is.

    // The session's own.
    static constexpr std::size_t nowhere = ~std::size_t{0};
    std::size_t at = nowhere;  ///< Among those that are open.
    std::int32_t id = 0;
    std::size_t sent = 0;  ///< Of prefix and message.
    bool on_wire = false;  ///< Its first frame has left the session.
    std::uint32_t code = 0;
    answer_reader answer{};
};

/// What goes before the message.
struct client_head {
    std::string_view scheme = "http";
    std::string_view authority{};
    std::string_view path{};
    std::string_view timeout{};  ///< As written on the wire; none if empty.
    std::string_view user_agent{};
    std::string_view authorization{};  ///< None if empty.
    const metadata* more = nullptr;
};

/// A client's side of a connection: calls become frames, and frames replies.
class client_session final : public session {
public:
    client_session(const session_settings& own, answer_limits limits) : session(side::client, own), limits_(limits) {}

    /// Bytes from the server. False: they made no sense, and the connection is to be given up.
    bool feed(std::string_view bytes) { return take(bytes, open_.size()); }

    /// Whether another stream may be opened now.
    [[nodiscard]] bool can_start() const
    {
        return !draining_ && open_.size() < nghttp2_session_get_remote_settings(native(), max_streams_setting);
    }

    /// Opens a stream. `s` stays where it is until it is over or `drop` is called. False: no further one can be opened.
    bool start(client_stream& s, const client_head& head)
    {
        field_list fields;
        fields.put(":method", "POST");
        fields.put(":scheme", head.scheme);
        fields.put(":authority", head.authority);
        fields.put(":path", head.path);
        fields.put("te", "trailers");
        fields.put("content-type", "application/grpc");
        if (!head.timeout.empty())
            fields.put("grpc-timeout", head.timeout);
        fields.put("user-agent", head.user_agent);
        if (!head.authorization.empty())
            fields.put("authorization", head.authorization, true);
        if (head.more)
            fields.put_all(*head.more);
        nghttp2_data_provider body{};
        body.read_callback = &client_session::read_body;
        const auto id = nghttp2_submit_request(native(), nullptr, fields.data(), fields.size(), &body, &s);
        if (id < 0) {
            draining_ = true;
            return false;
        }
        s.id = id;
        s.at = open_.size();
        open_.push_back(&s);
        return true;
    }

    /// Gives a stream up: it is reset, and not heard of again.
    void drop(client_stream& s, std::uint32_t code = NGHTTP2_CANCEL)
    {
        std::erase(over_, &s);
        if (s.at == client_stream::nowhere)
            return;
        forget(s);
        nghttp2_session_set_stream_user_data(native(), s.id, nullptr);
        nghttp2_submit_rst_stream(native(), NGHTTP2_FLAG_NONE, s.id, code);
    }

    /// A stream that is over, or null. It is the caller's again; `answer.finish(code)` makes the reply.
    [[nodiscard]] client_stream* next_over()
    {
        if (over_.empty())
            return nullptr;
        client_stream* const s = over_.front();
        over_.erase(over_.begin());
        return s;
    }

    /// One of those that are open, or null; it is dropped without a word to the peer, who is no more.
    [[nodiscard]] client_stream* next_lost()
    {
        if (client_stream* const s = next_over())
            return s;
        if (open_.empty())
            return nullptr;
        client_stream* const s = open_.back();
        forget(*s);
        return s;
    }

    [[nodiscard]] std::size_t open() const noexcept { return open_.size(); }
    /// The peer wants no more calls here.
    [[nodiscard]] bool draining() const noexcept { return draining_; }
    /// The code and the words of its GOAWAY.
    [[nodiscard]] std::uint32_t goaway_code() const noexcept { return goaway_code_; }
    [[nodiscard]] const std::string& goaway_words() const noexcept { return goaway_words_; }
    /// The peer has sent its settings, and so is one that speaks HTTP/2.
    [[nodiscard]] bool proven() const noexcept { return proven_; }
    /// A ping was answered since this was last asked.
    [[nodiscard]] bool take_pong() noexcept { return std::exchange(pong_, false); }

    /// Wants no more from the peer.
    void leave() { nghttp2_session_terminate_session(native(), NGHTTP2_NO_ERROR); }

private:
    // By its name the two enumerations of nghttp2 for it could be confused.
    static constexpr nghttp2_settings_id max_streams_setting = NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS;

    client_stream* find(std::int32_t id) const
    {
        return static_cast<client_stream*>(nghttp2_session_get_stream_user_data(native(), id));
    }

    static ssize_t read_body(nghttp2_session* native, std::int32_t id, std::uint8_t* to, std::size_t room,
        std::uint32_t* flags, nghttp2_data_source*, void*)
    {
        auto* const s = static_cast<client_stream*>(nghttp2_session_get_stream_user_data(native, id));
        if (!s)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // dropped
        const std::size_t done = copy_message(s->message, s->sent, reinterpret_cast<char*>(to), room);
        s->sent += done;
        if (s->sent == prefix_size + s->message.size())
            *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(done);
    }

    bool on_fields_begin(std::int32_t, const nghttp2_frame&) override { return true; }

    bool on_field(std::int32_t id, std::string_view name, std::string_view value) override
    {
        client_stream* const s = find(id);
        return s && s->answer.field(name, value, limits_);
    }

    void on_data(std::int32_t id, std::string_view bytes) override
    {
        client_stream* const s = find(id);
        if (s && !s->answer.data(bytes, limits_))
            end(*s, NGHTTP2_CANCEL, true);
    }

    void on_frame(const nghttp2_frame& f) override
    {
        switch (f.hd.type) {
        case NGHTTP2_HEADERS:
        case NGHTTP2_DATA:
            if (client_stream* const s = find(f.hd.stream_id)) {
                const bool ends = (f.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
                if (f.hd.type == NGHTTP2_HEADERS)
                    s->answer.fields_end(ends);
                else if (ends)
                    s->answer.end();
                // A server may answer before it has read all, and need not read the rest.
                if (ends)
                    end(*s, NGHTTP2_NO_ERROR, s->sent < prefix_size + s->message.size());
            }
            return;
        case NGHTTP2_SETTINGS: proven_ = proven_ || (f.hd.flags & NGHTTP2_FLAG_ACK) == 0; return;
        case NGHTTP2_PING: pong_ = pong_ || (f.hd.flags & NGHTTP2_FLAG_ACK) != 0; return;
        case NGHTTP2_GOAWAY:
            draining_ = true;
            goaway_code_ = f.goaway.error_code;
            goaway_words_ = shown({reinterpret_cast<const char*>(f.goaway.opaque_data), f.goaway.opaque_data_len});
            return;
        default: return;
        }
    }

    void on_sent(const nghttp2_frame& f) override
    {
        if (f.hd.type != NGHTTP2_HEADERS)
            return;
        if (client_stream* const s = find(f.hd.stream_id))
            s->on_wire = true;
    }

    // It is not the peer's doing if a call's fields are more than can be sent at all, and would be no other time
    // either.
    void on_not_sent(const nghttp2_frame& f, int error) override
    {
        if (f.hd.type != NGHTTP2_HEADERS)
            return;
        const auto at =
            std::find_if(open_.begin(), open_.end(), [&f](const client_stream* s) { return s->id == f.hd.stream_id; });
        if (at == open_.end())
            return;
        client_stream& s = **at;
        const bool too_large = error == NGHTTP2_ERR_FRAME_SIZE_ERROR || error == NGHTTP2_ERR_HEADER_COMP;
        if (too_large)
            s.answer.refuse({status_code::resource_exhausted, "the call's header fields are too large to be sent", {}});
        end(s, too_large ? NGHTTP2_NO_ERROR : NGHTTP2_REFUSED_STREAM, false);
    }

    // Streams beyond the last one of a GOAWAY are closed by nghttp2 as refused.
    void on_closed(std::int32_t id, std::uint32_t code) override
    {
        if (client_stream* const s = find(id))
            end(*s, code, false);
    }

    void forget(client_stream& s)
    {
        open_[s.at] = open_.back();
        open_[s.at]->at = s.at;
        open_.pop_back();
        s.at = client_stream::nowhere;
    }

    void end(client_stream& s, std::uint32_t code, bool reset)
    {
        forget(s);
        s.code = code;
        nghttp2_session_set_stream_user_data(native(), s.id, nullptr);
        if (reset)
            nghttp2_submit_rst_stream(native(), NGHTTP2_FLAG_NONE, s.id, NGHTTP2_CANCEL);
        over_.push_back(&s);
    }

    answer_limits limits_;
    std::vector<client_stream*> open_{};
    std::vector<client_stream*> over_{};
    std::uint32_t goaway_code_ = 0;
    std::string goaway_words_{};
    bool draining_ = false;
    bool proven_ = false;
    bool pong_ = false;
};

}  // namespace mayfly::grpc::detail
