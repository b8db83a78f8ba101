# SPDX-License-Identifier: BSL-1.0

# cmake -Dmessage=REGEX -P expect_failure.cmake -- COMMAND...    passes if COMMAND fails and says REGEX

set(command "")
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
    if(DEFINED after_dashes)
        list(APPEND command "${CMAKE_ARGV${i}}")
    elseif(CMAKE_ARGV${i} STREQUAL "--")
        set(after_dashes TRUE)
    endif()
endforeach()

execute_process(COMMAND ${command} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(result EQUAL 0)
    message(FATAL_ERROR "was accepted, but should have been refused")
elseif(NOT output MATCHES "${message}")
    message(FATAL_ERROR "was refused, but not with a message that matches\n  ${message}\nIt said:\n${output}")
endif()
