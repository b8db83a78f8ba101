# SPDX-License-Identifier: BSL-1.0

# cmake -Dcompiler=... -Dinclude=DIR -P no_asio.cmake    MAYFLY_NO_ASIO must keep every Boost header out

set(source "${CMAKE_CURRENT_LIST_DIR}/src/own_scaler.cpp")
execute_process(COMMAND "${compiler}" -std=c++20 -DMAYFLY_NO_ASIO "-I${include}" -M "${source}"
    OUTPUT_VARIABLE files COMMAND_ERROR_IS_FATAL ANY)
if(NOT files MATCHES "/mayfly/mayfly.hpp")
    message(FATAL_ERROR "the single header was not read at all:\n${files}")
elseif(files MATCHES "[^ ]*/boost/[^ \n]*")
    message(FATAL_ERROR "included in spite of MAYFLY_NO_ASIO: ${CMAKE_MATCH_0}")
endif()
