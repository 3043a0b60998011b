# dapr_proto_library(<target> <file.proto>… ): C++ messages of files below proto/, one object per
# file so that the linker drops what nothing uses. Service stubs are not generated: grpc/ is ours.
function(dapr_proto_library target)
  set(out ${CMAKE_BINARY_DIR}/proto_gen)
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
      COMMAND ${PROTOC} -I ${CMAKE_SOURCE_DIR}/proto --cpp_out=${out}
              --dependency_out=${out}/${depfile} ${CMAKE_SOURCE_DIR}/proto/${proto}
      ${escape}
      DEPENDS ${CMAKE_SOURCE_DIR}/proto/${proto}
      DEPFILE ${out}/${depfile}
      COMMENT "protoc ${proto}"
      VERBATIM)
    list(APPEND sources ${out}/${stem}.cc)
  endforeach()
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} SYSTEM PUBLIC ${out})
  target_link_libraries(${target} PUBLIC ext_protobuf)
  target_compile_options(${target} PRIVATE -w
    # A field that the contract calls deprecated must still be read from peers that send it.
    INTERFACE -Wno-deprecated-declarations)
endfunction()
