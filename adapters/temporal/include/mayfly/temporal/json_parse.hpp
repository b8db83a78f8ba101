// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/json_place.hpp>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/error.hpp>
#include <boost/json/storage_ptr.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_stack.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace mayfly::temporal::detail {

/// Builds a value of what Boost.JSON's parser finds. Its own would be a unit in the last place off for many a double.
class json_builder {
public:
    static constexpr std::size_t max_object_size = std::numeric_limits<std::uint32_t>::max() / 64;
    static constexpr std::size_t max_array_size = max_object_size;
    static constexpr std::size_t max_key_size = std::numeric_limits<std::int32_t>::max();
    static constexpr std::size_t max_string_size = max_key_size;

    explicit json_builder(boost::json::storage_ptr storage) : stack_{{}, buffer_, sizeof buffer_}
    {
        stack_.reset(std::move(storage));
    }

    [[nodiscard]] boost::json::value release() { return stack_.release(); }

    using text = boost::json::string_view;
    using error_code = boost::json::error_code;

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code&) { return true; }
    bool on_array_begin(error_code&) { return true; }
    bool on_comment_part(text, error_code&) { return true; }
    bool on_comment(text, error_code&) { return true; }

    bool on_object_end(std::size_t n, error_code&) { return stack_.push_object(n), true; }
    bool on_array_end(std::size_t n, error_code&) { return stack_.push_array(n), true; }
    bool on_key_part(text s, std::size_t, error_code&) { return stack_.push_chars(s), true; }
    bool on_key(text s, std::size_t, error_code&) { return stack_.push_key(s), true; }
    bool on_string_part(text s, std::size_t, error_code&) { return stack_.push_chars(s), true; }
    bool on_string(text s, std::size_t, error_code&) { return stack_.push_string(s), true; }
    bool on_int64(std::int64_t i, text, error_code&) { return number_.clear(), stack_.push_int64(i), true; }
    bool on_uint64(std::uint64_t u, text, error_code&) { return number_.clear(), stack_.push_uint64(u), true; }
    bool on_bool(bool b, error_code&) { return stack_.push_bool(b), true; }
    bool on_null(error_code&) { return stack_.push_null(), true; }

    bool on_number_part(text s, error_code&)
    {
        number_.append(s.data(), s.size());
        return true;
    }

    bool on_double(double rough, text s, error_code& ec)
    {
        std::string_view all{s.data(), s.size()};
        if (!number_.empty()) {
            number_.append(all);
            all = number_;
        }
        double exact = 0;
        const auto [stop, failed] = std::from_chars(all.data(), all.data() + all.size(), exact);
        // Too small is out of range too, and is nothing.
        const double d = failed == std::errc{} && stop == all.data() + all.size() ? exact : rough;
        number_.clear();
        if (!std::isfinite(d)) {
            ec = boost::json::make_error_code(boost::json::error::exponent_overflow);
            return false;
        }
        stack_.push_double(d);
        return true;
    }

private:
    alignas(boost::json::value) unsigned char buffer_[512];
    boost::json::value_stack stack_;
    std::string number_{};  ///< The parts so far of one that came in parts.
};

/// The value, in `storage`; null, and the reason in `error`, if the text is not JSON (RFC 8259, nothing more) or nested
/// too deeply. Of members of one name the last one counts.
[[nodiscard]] inline boost::json::value parse_json(
    std::string_view text, const boost::json::storage_ptr& storage, std::string& error)
{
    boost::json::parse_options options;
    options.max_depth = deepest_json;
    boost::json::basic_parser<json_builder> parser{options, storage};
    boost::json::error_code ec;
    std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
    if (!ec) {
        used = std::min(text.find_first_not_of(" \t\r\n", used), text.size());
        if (used != text.size())
            ec = boost::json::make_error_code(boost::json::error::extra_data);
    }
    if (!ec)
        return parser.handler().release();
    if (ec == boost::json::error::too_deep)
        error = "nested more than " + std::to_string(deepest_json) + " levels deep";
    else
        error = "not JSON, " + ec.message() + " at byte " + std::to_string(used);
    return {};
}

}  // namespace mayfly::temporal::detail
