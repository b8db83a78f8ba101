// SPDX-License-Identifier: BSL-1.0

// Asio and Beast, compiled: with their sources here, the tests need only see the declarations.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
