// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/message.hpp>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>

namespace mayfly::http::detail {

/// Beast's parser, for fields of any length. Beast itself cannot keep one of 64 KiB and throws, in a head as in a
/// trailer; here that is a `header_limit` error, or the field is left out.
template <bool IsRequest>
class field_parser final : public boost::beast::http::parser<IsRequest, boost::beast::http::string_body> {
public:
    explicit field_parser(bool leave_out = false) : leave_out_(leave_out) {}

private:
    void on_field_impl(field name, boost::beast::string_view text, boost::beast::string_view value,
        boost::system::error_code& ec) override
    {
        constexpr std::size_t longest = 65'533;
        if (text.size() <= longest && value.size() <= longest)
            this->get().insert(name, text, value);
        else if (!leave_out_)
            ec = boost::beast::http::error::header_limit;
    }

    bool leave_out_;
};

}  // namespace mayfly::http::detail
