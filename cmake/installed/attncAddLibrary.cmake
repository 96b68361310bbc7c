# attnc_add_library(TARGET SOURCES FILE... [STATIC | SHARED] [DIMS H=16 D=64 ...] [TARGETS x86-64-v4 ...] [OPTIONS ...])
#
# A library TARGET made by attnc from a .attn or .onnx file or a Hugging Face model's folder, with its header TARGET.h; it
# is made again when anything it was read from has changed. DIMS and TARGETS are what --dims and --target say, OPTIONS are
# further options of `attnc compile`. Without STATIC or SHARED, BUILD_SHARED_LIBS decides.
#
#   find_package(attnc REQUIRED)
#   attnc_add_library(causal SOURCES causal.attn DIMS H=16 D=64)
#   target_link_libraries(program PRIVATE causal)    # and #include "causal.h"
#
# Several files make a library TARGET_FILE of each, and TARGET stands for all of them.
cmake_policy(VERSION 3.20...3.25) # CMP0116: what DEPFILE means

function(attnc_add_library target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "STATIC;SHARED" "" "SOURCES;DIMS;TARGETS;OPTIONS")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_SOURCES OR (arg_STATIC AND arg_SHARED))
    message(FATAL_ERROR "attnc_add_library(${target}): expected TARGET SOURCES FILE... [STATIC | SHARED] [DIMS H=16 ...] "
                        "[TARGETS T ...] [OPTIONS ...]; not understood: '${arg_UNPARSED_ARGUMENTS}'")
  endif()
  set(type STATIC)
  if(arg_SHARED OR (BUILD_SHARED_LIBS AND NOT arg_STATIC))
    set(type SHARED)
  endif()
  set(options ${arg_OPTIONS})
  foreach(name DIMS TARGETS)
    if(arg_${name})
      string(TOLOWER ${name} option)
      string(REPLACE targets target option ${option})
      list(JOIN arg_${name} "," values)
      list(APPEND options --${option}=${values})
    endif()
  endforeach()
  set(sources "")
  foreach(source ${arg_SOURCES})
    _attnc_find_source(${target} "${source}" path)
    list(APPEND sources "${path}")
  endforeach()
  list(LENGTH sources count)
  if(count EQUAL 1)
    _attnc_add_library(${target} ${type} "${sources}" "${options}")
    return()
  endif()
  add_library(${target} INTERFACE)
  foreach(source ${sources})
    cmake_path(GET source FILENAME name)
    if(NOT IS_DIRECTORY "${source}") # not llama-3 of llama-3.2
      cmake_path(GET source STEM LAST_ONLY name)
    endif()
    _attnc_add_library(${target}_${name} ${type} "${source}" "${options}")
    target_link_libraries(${target} INTERFACE ${target}_${name})
  endforeach()
endfunction()

# The path of `source`, which is in the source folder, or made by a command in the build folder.
function(_attnc_find_source target source result)
  foreach(folder ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_BINARY_DIR})
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${folder} NORMALIZE OUTPUT_VARIABLE path)
    string(REGEX REPLACE "/$" "" path "${path}")
    get_property(is_generated SOURCE "${path}" PROPERTY GENERATED)
    if(EXISTS "${path}" OR is_generated)
      set(${result} "${path}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "attnc_add_library(${target}): there is no '${source}' in ${CMAKE_CURRENT_SOURCE_DIR}, and nothing "
                      "that makes one in ${CMAKE_CURRENT_BINARY_DIR}. (After SOURCES only STATIC, SHARED, DIMS, TARGETS "
                      "and OPTIONS are no files.)")
endfunction()

function(_attnc_add_library target type path options)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${target})
  file(MAKE_DIRECTORY ${folder}) # targets may only name include folders that exist
  set(library ${folder}/${CMAKE_${type}_LIBRARY_PREFIX}${target}${CMAKE_${type}_LIBRARY_SUFFIX})
  set(input "${path}")
  if(IS_DIRECTORY "${path}")
    string(APPEND input /config.json)
  endif()
  add_custom_command(
    OUTPUT ${library} ${folder}/${target}.h
    BYPRODUCTS ${folder}/${target}_example.c
    COMMAND attnc::attnc compile "${path}" -o ${library} --depfile=${library}.d ${options}
    DEPENDS "${input}" $<TARGET_FILE:attnc::attnc>
    DEPFILE ${library}.d
    COMMENT "Compiling attention ${target}" VERBATIM)
  add_custom_target(${target}-attnc DEPENDS ${library} ${folder}/${target}.h)
  add_library(${target} ${type} IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION ${library} INTERFACE_INCLUDE_DIRECTORIES ${folder})
  add_dependencies(${target} ${target}-attnc)
endfunction()
