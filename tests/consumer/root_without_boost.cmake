# SPDX-License-Identifier: BSL-1.0

# cmake -Droot=DIR -P root_without_boost.cmake    makes DIR a system root of links to this one's, without Boost

file(REMOVE_RECURSE "${root}")
file(MAKE_DIRECTORY "${root}/usr/include")
file(GLOB headers "/usr/include/*")
list(FILTER headers EXCLUDE REGEX "/boost$")
foreach(header IN LISTS headers)
    cmake_path(GET header FILENAME name)
    file(CREATE_LINK "${header}" "${root}/usr/include/${name}" SYMBOLIC)
endforeach()
foreach(folder lib lib32 lib64 libx32 usr/bin usr/lib usr/lib32 usr/lib64 usr/libx32)
    if(EXISTS "/${folder}")
        file(CREATE_LINK "/${folder}" "${root}/${folder}" SYMBOLIC)
    endif()
endforeach()
