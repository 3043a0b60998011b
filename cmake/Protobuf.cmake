# dapr_proto_library(<target> <file.proto>… ): C++ messages of files below proto/, one object per
# file so that the linker drops what nothing uses. Service stubs are not generated: grpc/ is ours.
function(dapr_proto_library target)
  set(out ${CMAKE_BINARY_DIR}/proto_gen)
  set(sources)
  foreach(proto IN LISTS ARGN)
    string(REGEX REPLACE "\\.proto$" ".pb" stem ${proto})
    add_custom_command(
      OUTPUT ${out}/${stem}.cc ${out}/${stem}.h
      COMMAND ${CMAKE_COMMAND} -E make_directory ${out}
      COMMAND ${PROTOC} -I ${CMAKE_SOURCE_DIR}/proto --cpp_out=${out} ${CMAKE_SOURCE_DIR}/proto/${proto}
      DEPENDS ${CMAKE_SOURCE_DIR}/proto/${proto}
      COMMENT "protoc ${proto}")
    list(APPEND sources ${out}/${stem}.cc)
  endforeach()
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} SYSTEM PUBLIC ${out})
  target_link_libraries(${target} PUBLIC ext_protobuf)
  target_compile_options(${target} PRIVATE -w)
endfunction()
