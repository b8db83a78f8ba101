# SPDX-License-Identifier: BSL-1.0

# mayfly::temporal_proto: the messages of Temporal's API as C++, <mayfly/temporal/proto/common.pb.h> and so on.
#
# With them Boost.JSON's one source file. A static library, the only thing of mayfly that is not headers. Generated code
# fits one version of protobuf, so none is installed: it is made from the .proto files in each build that uses
# mayfly::temporal, by that build's protoc and with its flags. For cross compiling, Protobuf_PROTOC_EXECUTABLE names a
# protoc that runs here.

# Run as a script it writes what a file holds into a header: the descriptors, for who reads messages without knowing them.
if(CMAKE_SCRIPT_MODE_FILE)
    file(READ "${FROM}" bytes HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    string(REGEX REPLACE "(................................................................................)" "\\1\n"
        bytes "${bytes}")
    file(WRITE "${TO}" "#pragma once\n\nnamespace mayfly::temporal::proto {\n\n"
        "inline constexpr unsigned char descriptors[] = {\n${bytes}};\n\n}\n")
    return()
endif()

if(DEFINED Protobuf_VERSION AND Protobuf_VERSION VERSION_LESS 3.21)
    message(FATAL_ERROR "mayfly::temporal needs protobuf 3.21 or newer, and found ${Protobuf_VERSION}")
endif()
foreach(target IN ITEMS protobuf::protoc protobuf::libprotobuf-lite)
    if(NOT TARGET ${target})
        message(FATAL_ERROR "mayfly::temporal needs ${target}: install protobuf's compiler and its lite library "
            "(Debian: protobuf-compiler libprotobuf-dev), or set Protobuf_PROTOC_EXECUTABLE and "
            "Protobuf_LITE_LIBRARY, and begin with a fresh build folder")
    endif()
endforeach()

if(NOT TARGET mayfly_temporal_proto)
    set(mayfly_proto_dir "${CMAKE_CURRENT_LIST_DIR}/proto")
    set(mayfly_proto_output "${CMAKE_CURRENT_BINARY_DIR}/mayfly_temporal_proto")
    file(GLOB mayfly_protos CONFIGURE_DEPENDS "${mayfly_proto_dir}/*.proto")
    set(mayfly_proto_names ${mayfly_protos})
    list(TRANSFORM mayfly_proto_names REPLACE ".*/" "mayfly/temporal/proto/")
    set(mayfly_proto_sources ${mayfly_proto_names})
    list(TRANSFORM mayfly_proto_sources REPLACE "^(.*)\\.proto$" "${mayfly_proto_output}/\\1.pb.cc")
    set(mayfly_proto_headers ${mayfly_proto_sources})
    list(TRANSFORM mayfly_proto_headers REPLACE "\\.cc$" ".h")

    file(MAKE_DIRECTORY "${mayfly_proto_output}")

    # Boost.JSON is headers and one source file, which so has a home: nothing of Boost has to be linked.
    set(mayfly_json_source "${mayfly_proto_output}/boost_json.cpp")
    file(CONFIGURE OUTPUT "${mayfly_json_source}" CONTENT "#include <boost/json/src.hpp>\n")

    # The files import one another by the path that their headers have.
    add_custom_command(OUTPUT ${mayfly_proto_sources} ${mayfly_proto_headers}
        COMMAND protobuf::protoc "-Imayfly/temporal/proto=${mayfly_proto_dir}" "--cpp_out=${mayfly_proto_output}"
            ${mayfly_proto_names}
        DEPENDS ${mayfly_protos} protobuf::protoc
        COMMENT "Generating Temporal's messages"
        VERBATIM)

    # What the lite library leaves out: how the messages of a history are made.
    set(mayfly_descriptors "${mayfly_proto_output}/mayfly/temporal/proto/descriptors.hpp")
    add_custom_command(OUTPUT "${mayfly_descriptors}"
        COMMAND protobuf::protoc "-Imayfly/temporal/proto=${mayfly_proto_dir}" --include_imports
            "--descriptor_set_out=${mayfly_proto_output}/descriptors.bin" mayfly/temporal/proto/history.proto
        COMMAND "${CMAKE_COMMAND}" "-DFROM=${mayfly_proto_output}/descriptors.bin" "-DTO=${mayfly_descriptors}"
            -P "${CMAKE_CURRENT_LIST_FILE}"
        DEPENDS ${mayfly_protos} protobuf::protoc
        COMMENT "Generating descriptions of Temporal's messages"
        VERBATIM)

    add_library(mayfly_temporal_proto STATIC EXCLUDE_FROM_ALL
        ${mayfly_proto_sources} ${mayfly_proto_headers} "${mayfly_descriptors}" "${mayfly_json_source}")
    add_library(mayfly::temporal_proto ALIAS mayfly_temporal_proto)
    target_compile_features(mayfly_temporal_proto PUBLIC cxx_std_20)
    target_include_directories(mayfly_temporal_proto SYSTEM PUBLIC "${mayfly_proto_output}")
    target_link_libraries(mayfly_temporal_proto PUBLIC protobuf::libprotobuf-lite Boost::headers)
    # Without debug information, which would be most of it, of code that nobody wrote.
    # In sections of their own, so that a program linked with --gc-sections has only the messages that it uses. GCC would
    # register a destructor for each message's default instance, though it is empty, and so refer to them all.
    target_compile_options(mayfly_temporal_proto PRIVATE
        $<$<CXX_COMPILER_ID:GNU,Clang,AppleClang>:-w;-g0;-ffunction-sections;-fdata-sections>
        $<$<CXX_COMPILER_ID:GNU>:-fno-use-cxa-atexit>)
    set_target_properties(mayfly_temporal_proto PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_CLANG_TIDY "")
endif()

# Not by its name in the package files: what is made anew in each build is not to be exported.
if(TARGET mayfly_temporal)
    target_link_libraries(mayfly_temporal INTERFACE $<BUILD_INTERFACE:mayfly_temporal_proto>)
else()
    get_target_property(mayfly_temporal_links mayfly::temporal INTERFACE_LINK_LIBRARIES)
    if(NOT mayfly_temporal_proto IN_LIST mayfly_temporal_links)
        target_link_libraries(mayfly::temporal INTERFACE mayfly_temporal_proto)
    endif()
endif()
