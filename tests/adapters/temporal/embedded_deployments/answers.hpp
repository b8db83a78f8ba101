// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/types.hpp>

#include <doctest/doctest.h>

// Answers, as a failed check shows them.

template <class Response>
struct doctest::StringMaker<boost::system::result<Response, mayfly::grpc::status>> {
    static String convert(const boost::system::result<Response, mayfly::grpc::status>& a)
    {
        return a ? "a response" : a.error().message.c_str();
    }
};
