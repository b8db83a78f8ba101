// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>

#include <stdexcept>
#include <string>

namespace mayfly::temporal {

/// Why a value and a payload do not fit: the encoding, the place in the JSON, what was expected and the kind of what
/// was found, as in `json/plain: $.items[3].name: expected a string, found a number`. Never a value from the payload,
/// which may be a secret.
struct conversion_error {
    std::string message;

    friend bool operator==(const conversion_error&, const conversion_error&) = default;
};

template <class T>
using converted = boost::system::result<T, conversion_error>;

/// What `converted<T>::value()` throws for those who prefer exceptions.
class bad_conversion : public std::runtime_error {
public:
    explicit bad_conversion(const conversion_error& why) : std::runtime_error(why.message) {}
};

[[noreturn]] inline void throw_exception_from_error(const conversion_error& why, const boost::source_location&)
{
    throw bad_conversion{why};
}

}  // namespace mayfly::temporal
