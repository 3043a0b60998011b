# Compiler settings shared by every target. Presets (CMakePresets.json) choose among the options.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE OFF)
# Header scanning for C++20 modules costs time and the project has none.
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)

set(DAPR_SANITIZE "" CACHE STRING "Value of -fsanitize=, or empty")
option(DAPR_FUZZ "Build libFuzzer targets" OFF)
option(DAPR_COVERAGE "Instrument for llvm-cov" OFF)
option(DAPR_STATIC "Link the daprd binary without shared libraries" OFF)

# ccache's settings stand here and nowhere else, so that every way to build fills and finds the same
# cache, in whatever folder the clone lies.
find_program(CCACHE ccache)
if(CCACHE)
  foreach(language IN ITEMS C CXX)
    set(CMAKE_${language}_COMPILER_LAUNCHER
      env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      # See precompiled_header_sum in Folder.cmake.
      CCACHE_PCH_EXTSUM=1
      # Needed to look past a precompiled header at all.
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${CCACHE})
  endforeach()
  # Means the same to clang as CMake's own words for it, and is a path that ccache can make relative.
  set(CMAKE_CXX_COMPILE_OPTIONS_USE_PCH -include <PCH_HEADER>)
endif()

add_compile_options(-Wall -Wextra -Werror -Wno-missing-field-initializers -fno-omit-frame-pointer
                    $<$<COMPILE_LANGUAGE:CXX>:-Wno-missing-designated-field-initializers>
                    -ffunction-sections -fdata-sections
                    # The same bytes from every folder.
                    -fdebug-prefix-map=${CMAKE_SOURCE_DIR}=. -fdebug-compilation-dir=.
                    # ccache cannot see through a time-stamped precompiled header.
                    "SHELL:-Xclang -fno-pch-timestamp")
add_link_options(-fuse-ld=lld -Wl,--gc-sections)

if(DAPR_SANITIZE)
  add_compile_options(-fsanitize=${DAPR_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${DAPR_SANITIZE})
endif()
if(DAPR_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(DAPR_STATIC)
  # Position independent although static: the address space stays randomised, and it starts faster
  # than plain -static, whose start-up file makes the first exception sort every unwind table.
  add_compile_options(-fPIE)
endif()
if(DAPR_COVERAGE)
  add_compile_options(-fprofile-instr-generate -fcoverage-mapping)
  add_link_options(-fprofile-instr-generate)
endif()

# What ships: one file without shared libraries (DAPR_STATIC), at the root of the build folder, with
# its symbols beside it in <target>.debug, where debuggers and perf look for them. To be called where
# the target is made.
# Such a binary must not ask libc for names (getaddrinfo, getpwnam): those load shared libraries.
function(dapr_ship target)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
  if(DAPR_STATIC)
    target_link_options(${target} PRIVATE
      -static-pie
      # Relocations as a bitmap: a megabyte less to ship and to read at start. glibc 2.36 or newer.
      -Wl,-z,pack-relative-relocs
      # Only functions whose address nobody compares: OpenSSL compares addresses of its callbacks.
      -Wl,--icf=safe
      -Wl,-O2)
    add_custom_command(TARGET ${target} POST_BUILD
      COMMAND ${CMAKE_OBJCOPY} --only-keep-debug ${target} ${target}.debug
      COMMAND ${CMAKE_OBJCOPY} --strip-all --add-gnu-debuglink=${target}.debug ${target}
      WORKING_DIRECTORY ${CMAKE_BINARY_DIR}
      VERBATIM)
  endif()
endfunction()
