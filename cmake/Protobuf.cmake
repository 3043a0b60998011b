# dapr_proto_library(<target> <file.proto>… ): C++ messages of files below proto/, one object per
# file so that the linker drops what nothing uses. Service stubs are not generated: grpc/ is ours.
#
# The messages are for the lite runtime: no reflection and no descriptors, which would be parsed and
# registered whenever the program starts. What needs descriptors has grpc/descriptors.hpp. Only
# tests/proto compares compiled descriptors; it links <target>_full, which is the same files for the
# full runtime in a folder of their own. One program must never link both kinds.
set(DAPR_PROTO_ROOTS -I ${CMAKE_SOURCE_DIR}/proto -I ${protobuf_INCLUDE})

# dapr_protoc(<out variable> <generator options> <folder> <root> <file.proto>…): the rules.
function(dapr_protoc variable options out root)
  file(MAKE_DIRECTORY ${out})
  set(sources)
  foreach(proto IN LISTS ARGN)
    string(REGEX REPLACE "\\.proto$" ".pb" stem ${proto})
    string(REPLACE "/" "_" depfile ${stem}.d)
    # This protoc writes a package part that is a C++ keyword as it is; newer ones append "_". Names
    # on the wire keep their dots and are not touched.
    set(escape)
    if(proto MATCHES "/operator/")
      set(escape COMMAND sed -i -e "s/^namespace operator {/namespace operator_ {/"
                         -e "s/::operator::/::operator_::/g" ${out}/${stem}.cc ${out}/${stem}.h)
    endif()
    # The generated code of a file depends on the files it imports, hence the depfile.
    add_custom_command(
      OUTPUT ${out}/${stem}.cc ${out}/${stem}.h
      COMMAND ${PROTOC} ${DAPR_PROTO_ROOTS} --cpp_out=${options}${out}
              --dependency_out=${out}/${depfile} ${root}/${proto}
      ${escape}
      DEPENDS ${root}/${proto}
      DEPFILE ${out}/${depfile}
      COMMENT "protoc ${proto}"
      VERBATIM)
    list(APPEND sources ${out}/${stem}.cc)
  endforeach()
  set(${variable} ${sources} PARENT_SCOPE)
endfunction()

function(dapr_proto_target target runtime out)
  target_include_directories(${target} SYSTEM PUBLIC ${out})
  target_link_libraries(${target} PUBLIC ${runtime})
  target_compile_options(${target} PRIVATE -w
    # Else the folder of the build gets into the binary.
    -D__FILE__="pb"
    # The loops that parse are the library's; what is generated is a tenth smaller so.
    "$<$<CONFIG:Release>:SHELL:-mllvm -inline-threshold=20>"
    # A field that the contract calls deprecated must still be read from peers that send it.
    INTERFACE -Wno-deprecated-declarations)
endfunction()

function(dapr_proto_library target)
  set(out ${CMAKE_BINARY_DIR}/proto_gen)
  dapr_protoc(sources "lite:" ${out} ${CMAKE_SOURCE_DIR}/proto ${ARGN})
  add_library(${target} STATIC ${sources})
  dapr_proto_target(${target} ext_protobuf_lite ${out})
  target_link_libraries(${target} PUBLIC proto_well_known)

  set(out ${CMAKE_BINARY_DIR}/proto_gen_full)
  dapr_protoc(sources "" ${out} ${CMAKE_SOURCE_DIR}/proto ${ARGN})
  add_library(${target}_full STATIC EXCLUDE_FROM_ALL ${sources})
  dapr_proto_target(${target}_full ext_protobuf ${out})
endfunction()

# dapr_well_known_protos(<target> <name>…): the lite library has no well-known types, so they are
# generated like our own. Their folder comes before the system's, whose headers are for the full
# runtime.
function(dapr_well_known_protos target)
  set(out ${CMAKE_BINARY_DIR}/proto_gen)
  list(TRANSFORM ARGN REPLACE "(.+)" "google/protobuf/\\1.proto" OUTPUT_VARIABLE protos)
  dapr_protoc(sources "lite:" ${out} ${protobuf_INCLUDE} ${protos})
  add_library(${target} STATIC ${sources})
  dapr_proto_target(${target} ext_protobuf_lite ${out})
endfunction()

# dapr_descriptor_set(<target> <file.proto>…): the descriptors of these files and of all they import,
# gzipped, as bytes between the symbols dapr_descriptor_set and dapr_descriptor_set_end.
function(dapr_descriptor_set target)
  set(set ${CMAKE_BINARY_DIR}/proto_gen/${target}.bin)
  set(code ${CMAKE_BINARY_DIR}/proto_gen/${target}.cpp)
  list(TRANSFORM ARGN PREPEND ${CMAKE_SOURCE_DIR}/proto/ OUTPUT_VARIABLE files
       REGEX "^(dapr|grpc|google/rpc|keda)/")
  list(TRANSFORM files PREPEND ${protobuf_INCLUDE}/ REGEX "^google/protobuf/")
  # protoc tells the imports of one file only.
  file(GLOB_RECURSE imports ${CMAKE_SOURCE_DIR}/proto/*.proto)
  add_custom_command(
    OUTPUT ${set}.gz
    COMMAND ${PROTOC} ${DAPR_PROTO_ROOTS} --include_imports --descriptor_set_out=${set}
            ${files}
    COMMAND gzip -9nf ${set}
    DEPENDS ${imports}
    COMMENT "protoc ${target}"
    VERBATIM)
  file(CONFIGURE OUTPUT ${code} @ONLY CONTENT [[
__asm__(".section .rodata.dapr_descriptor_set, \"a\"\n"
        ".globl dapr_descriptor_set, dapr_descriptor_set_end\n"
        ".hidden dapr_descriptor_set, dapr_descriptor_set_end\n"
        "dapr_descriptor_set: .incbin \"@set@.gz\"\n"
        "dapr_descriptor_set_end: .byte 0\n"
        ".text\n");
]])
  set_source_files_properties(${code} PROPERTIES OBJECT_DEPENDS ${set}.gz)
  add_library(${target} STATIC ${code})
endfunction()
