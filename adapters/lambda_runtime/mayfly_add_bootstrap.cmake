# SPDX-License-Identifier: BSL-1.0

# mayfly_add_bootstrap(<name> <source>...)
#
# A program that starts on Lambda's runtime provided.al2023, whatever this machine's libraries are: fully static, without
# what it does not use, stripped. It links mayfly::lambda_runtime; anything else is the caller's to add. OpenSSL has to
# be the static one, for the whole project: set(OPENSSL_USE_STATIC_LIBS ON) before find_package(mayfly).
#
# The linker would warn that getaddrinfo and dlopen want the libraries of the machine they run on. Since glibc 2.34 that
# is not so: names are resolved from /etc/hosts and /etc/resolv.conf by what is linked in, and nothing here loads an
# OpenSSL engine. So its warnings are switched off where it can do so.
function(mayfly_add_bootstrap name)
    if(DEFINED OPENSSL_CRYPTO_LIBRARY AND NOT OPENSSL_CRYPTO_LIBRARY MATCHES "\\.a$")
        message(FATAL_ERROR "${name} has to be fully static, and OpenSSL is ${OPENSSL_CRYPTO_LIBRARY}: "
            "set(OPENSSL_USE_STATIC_LIBS ON) before find_package(mayfly), and begin with a fresh build folder")
    endif()

    add_executable(${name} ${ARGN})
    target_link_libraries(${name} PRIVATE mayfly::lambda_runtime)
    if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
        target_compile_options(${name} PRIVATE -O2)
    endif()
    target_compile_options(${name} PRIVATE -ffunction-sections -fdata-sections)
    target_link_options(${name} PRIVATE -static -s LINKER:--gc-sections)

    include(CheckLinkerFlag)
    check_linker_flag(CXX "LINKER:--no-warnings" MAYFLY_LINKER_HAS_NO_WARNINGS)
    if(MAYFLY_LINKER_HAS_NO_WARNINGS)
        target_link_options(${name} PRIVATE "LINKER:--no-warnings")
    endif()

    include(CheckIPOSupported)
    check_ipo_supported(RESULT optimised LANGUAGES CXX)
    set_target_properties(${name} PROPERTIES INTERPROCEDURAL_OPTIMIZATION ${optimised})
endfunction()
