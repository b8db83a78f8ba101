# SPDX-License-Identifier: BSL-1.0

# cmake -Dcompiler=... -Dinclude=DIR -P no_asio.cmake    MAYFLY_NO_ASIO must keep every Boost header out

set(source "${CMAKE_CURRENT_LIST_DIR}/src/own_scaler.cpp")
execute_process(COMMAND "${compiler}" -std=c++20 -DMAYFLY_NO_ASIO "-I${include}" -E "${source}"
    OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
# Not the list that -M makes: Clang's names what was only asked for by __has_include.
if(NOT text MATCHES "\n# [0-9]+ \"[^\"\n]*/mayfly/mayfly.hpp")
    message(FATAL_ERROR "the single header was not read at all")
elseif(text MATCHES "\n# [0-9]+ \"([^\"\n]*/boost/[^\"\n]*)")
    message(FATAL_ERROR "included in spite of MAYFLY_NO_ASIO: ${CMAKE_MATCH_1}")
endif()
