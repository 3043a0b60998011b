# dapr_folder(<name> SOURCES a.cpp … DEPS base async ext_json …
#             [COLD] TESTS a_test.cpp … BENCHES a_bench.cpp … FUZZERS a_fuzz.cpp …)
#
# One static library `dapr_<name>`, one GoogleTest binary `<name>_test`, one benchmark binary
# `<name>_bench` and one libFuzzer binary per fuzzer. Names of our own folders in DEPS are given
# without the prefix. COLD: nothing in it runs for each request, so that what ships inlines little of
# it, which makes its code a quarter smaller.

function(dapr_deps target scope)
  foreach(dep IN LISTS ARGN)
    if(TARGET ${dep})
      target_link_libraries(${target} ${scope} ${dep})
    else()
      target_link_libraries(${target} ${scope} dapr_${dep})
    endif()
  endforeach()
endfunction()

# Writes the sum by which ccache knows the precompiled header of `target`. The header itself carries
# the paths of the folder it was compiled in, so that its own bytes would make every other clone miss.
# What it was made from is asked of the preprocessor, with the preset's flags; newer system headers
# make CMake configure again.
function(dapr_precompiled_header_sum target)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" kind)
  separate_arguments(flags UNIX_COMMAND "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${kind}}")
  get_directory_property(options COMPILE_OPTIONS)
  list(FILTER options INCLUDE REGEX "^-f")
  list(FILTER options EXCLUDE REGEX "prefix-map")
  if(CMAKE_CROSSCOMPILING)
    list(APPEND flags --target=${CMAKE_CXX_COMPILER_TARGET} --sysroot=${CMAKE_SYSROOT})
  endif()
  execute_process(
    COMMAND ${CMAKE_CXX_COMPILER} ${flags} ${options} -std=c++23 -E -P -x c++-header
            ${CMAKE_SOURCE_DIR}/cmake/pch.hpp
    OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
  string(SHA256 sum "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION} ${flags} ${options} ${text}")
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/${target}.dir/cmake_pch.hxx.pch.sum
       CONTENT "${sum}\n")
  file(GLOB versions /usr/include/c++/*/version /usr/include/*/c++/*/bits/c++config.h
       /usr/include/features.h)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${versions})
endfunction()

function(dapr_folder name)
  cmake_parse_arguments(F "COLD" "" "SOURCES;DEPS;TESTS;TEST_DEPS;BENCHES;FUZZERS" ${ARGN})
  string(REPLACE "/" "_" id ${name})
  if(F_SOURCES)
    add_library(dapr_${id} STATIC ${F_SOURCES})
    target_include_directories(dapr_${id} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    dapr_deps(dapr_${id} PUBLIC ${F_DEPS})
    if(F_COLD)
      target_compile_options(dapr_${id} PRIVATE
        "$<$<CONFIG:Release>:SHELL:-mllvm -inline-threshold=20 -mllvm -align-all-functions=1>")
    endif()
    if(id STREQUAL base)
      target_precompile_headers(dapr_${id} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch.hpp)
      dapr_precompiled_header_sum(dapr_${id})
    else()
      target_precompile_headers(dapr_${id} REUSE_FROM dapr_base)
    endif()
  else()
    add_library(dapr_${id} INTERFACE)
    target_include_directories(dapr_${id} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    dapr_deps(dapr_${id} INTERFACE ${F_DEPS})
  endif()
  if(F_TESTS AND NOT DAPR_FUZZ)
    add_executable(${id}_test EXCLUDE_FROM_ALL ${F_TESTS})
    target_link_libraries(${id}_test PRIVATE dapr_${id} GTest::gtest GTest::gtest_main)
    dapr_deps(${id}_test PRIVATE ${F_TEST_DEPS})
    target_precompile_headers(${id}_test REUSE_FROM dapr_base)
    add_test(NAME ${id} COMMAND ${id}_test)
    set_tests_properties(${id} PROPERTIES TIMEOUT 300)
    set_property(GLOBAL APPEND PROPERTY DAPR_UNIT_TESTS ${id}_test)
  endif()
  if(F_BENCHES AND NOT DAPR_FUZZ)
    add_executable(${id}_bench EXCLUDE_FROM_ALL ${F_BENCHES})
    target_link_libraries(${id}_bench PRIVATE dapr_${id} benchmark::benchmark_main)
    set_property(GLOBAL APPEND PROPERTY DAPR_BENCHES ${id}_bench)
  endif()
  if(F_FUZZERS AND DAPR_FUZZ)
    foreach(file IN LISTS F_FUZZERS)
      get_filename_component(fuzzer ${file} NAME_WE)
      add_executable(${id}_${fuzzer} EXCLUDE_FROM_ALL ${file})
      target_link_libraries(${id}_${fuzzer} PRIVATE dapr_${id})
      target_link_options(${id}_${fuzzer} PRIVATE -fsanitize=fuzzer)
      set_property(GLOBAL APPEND PROPERTY DAPR_FUZZERS ${id}_${fuzzer})
    endforeach()
  endif()
endfunction()
