// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/detail/json_write.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace local_lambda {

/// Says whether a text is JSON without building anything from it: payloads are large, and nobody here reads them.
class json_check {
public:
    /// Where it is not; nothing if it is.
    [[nodiscard]] static std::optional<std::size_t> problem_at(std::string_view text)
    {
        json_check check(text);
        if (check.document() && mayfly::detail::is_utf8(text))
            return std::nullopt;
        return check.at_;
    }

private:
    explicit json_check(std::string_view text) : text_(text) {}

    [[nodiscard]] char peek() const noexcept { return at_ == text_.size() ? '\0' : text_[at_]; }
    bool take(char c) noexcept
    {
        const bool is = at_ != text_.size() && text_[at_] == c;
        at_ += is ? 1U : 0U;
        return is;
    }
    void skip_blanks() noexcept
    {
        while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r')
            ++at_;
    }

    // A stack of its own: a payload may nest a million deep, a call stack may not.
    bool document()
    {
        std::string open;
        for (;;) {
            skip_blanks();
            const char c = peek();
            if (c == '{' || c == '[') {
                ++at_;
                open += c;
                skip_blanks();
                if (peek() != close(c)) {
                    if (c == '{' && !name())
                        return false;
                    continue;
                }
            } else if (!scalar()) {
                return false;
            }

            for (;;) {
                skip_blanks();
                if (open.empty())
                    return at_ == text_.size();
                if (take(close(open.back())))
                    open.pop_back();
                else if (take(',') && (open.back() == '[' || name()))
                    break;
                else
                    return false;
            }
        }
    }

    static constexpr char close(char open) noexcept { return open == '{' ? '}' : ']'; }

    bool name()
    {
        skip_blanks();
        if (!string())
            return false;
        skip_blanks();
        return take(':');
    }

    bool scalar()
    {
        for (const std::string_view word : {"true", "false", "null"}) {
            if (text_.substr(at_, word.size()) == word) {
                at_ += word.size();
                return true;
            }
        }
        return peek() == '"' ? string() : number();
    }

    bool string()
    {
        if (!take('"'))
            return false;
        for (; at_ != text_.size(); ++at_) {
            if (take('"'))
                return true;
            if (static_cast<unsigned char>(peek()) < 0x20)
                return false;
            if (take('\\') && !escape())
                return false;
        }
        return false;
    }

    /// Stops at its last character.
    bool escape()
    {
        if (peek() != 'u')
            return std::string_view("\"\\/bfnrt").find(peek()) != std::string_view::npos && at_ != text_.size();
        constexpr std::string_view hex = "0123456789abcdefABCDEF";
        for (int i = 0; i < 4; ++i) {
            ++at_;
            if (at_ >= text_.size() || hex.find(text_[at_]) == std::string_view::npos)
                return false;
        }
        return true;
    }

    bool digits()
    {
        const std::size_t begin = at_;
        while (peek() >= '0' && peek() <= '9')
            ++at_;
        return at_ != begin;
    }

    bool number()
    {
        take('-');
        if (!take('0') && !digits())
            return false;
        if (take('.') && !digits())
            return false;
        if (take('e') || take('E')) {
            if (!take('+'))
                take('-');
            return digits();
        }
        return true;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace local_lambda
