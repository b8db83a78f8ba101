# SPDX-License-Identifier: BSL-1.0

# nghttp2::nghttp2: from vcpkg's or Conan's package, which bring a configuration, or from the system's, which brings none.

if(NOT TARGET nghttp2::nghttp2)
    find_package(nghttp2 CONFIG QUIET)
endif()
if(NOT TARGET nghttp2::nghttp2)
    find_package(libnghttp2 CONFIG QUIET)
    if(TARGET libnghttp2::nghttp2)
        add_library(nghttp2::nghttp2 INTERFACE IMPORTED)
        target_link_libraries(nghttp2::nghttp2 INTERFACE libnghttp2::nghttp2)
    endif()
endif()

include(FindPackageHandleStandardArgs)
if(TARGET nghttp2::nghttp2)
    set(nghttp2_FOUND TRUE)
else()
    find_path(nghttp2_INCLUDE_DIR nghttp2/nghttp2.h)
    set(suffixes ${CMAKE_FIND_LIBRARY_SUFFIXES})
    if(OPENSSL_USE_STATIC_LIBS)
        set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
    endif()
    find_library(nghttp2_LIBRARY NAMES nghttp2 nghttp2_static)
    set(CMAKE_FIND_LIBRARY_SUFFIXES ${suffixes})
    if(nghttp2_INCLUDE_DIR)
        file(STRINGS "${nghttp2_INCLUDE_DIR}/nghttp2/nghttp2ver.h" nghttp2_VERSION REGEX "define NGHTTP2_VERSION \"")
        string(REGEX REPLACE ".*\"([0-9.]+).*" "\\1" nghttp2_VERSION "${nghttp2_VERSION}")
    endif()
    find_package_handle_standard_args(nghttp2 REQUIRED_VARS nghttp2_LIBRARY nghttp2_INCLUDE_DIR
        VERSION_VAR nghttp2_VERSION)
    mark_as_advanced(nghttp2_LIBRARY nghttp2_INCLUDE_DIR)
    if(nghttp2_FOUND)
        add_library(nghttp2::nghttp2 UNKNOWN IMPORTED)
        set_target_properties(nghttp2::nghttp2 PROPERTIES
            IMPORTED_LOCATION "${nghttp2_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${nghttp2_INCLUDE_DIR}")
    endif()
endif()
