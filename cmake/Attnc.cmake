# The three functions that every room's CMakeLists.txt uses:
#   attnc_library(NAME SOURCES ... [TD DIALECT x.td | PASSES x.td] [LINK ...])   a static library on MLIR, sharing one PCH
#   attnc_tablegen(TARGET x.td "OUT.inc=-gen-flag=-option:value" ...)            a .td beside the sources -> .inc in the build tree
#   attnc_tool(NAME SOURCES ... LINK ...)                                        an executable linked against the two dylibs

set(ATTNC_WARNINGS -Wall -Wextra -Wshadow -Wno-unused-parameter -Wno-comment)
set(ATTNC_LINK_FLAGS -fuse-ld=lld)
if(ATTNC_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-sanitize=vptr,function -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()

if(ATTNC_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
  add_link_options(-fsanitize=fuzzer-no-link)
endif()

find_program(ATTNC_CCACHE ccache)
if(ATTNC_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${ATTNC_CCACHE})
endif()

# MLIR headers are system headers: their warnings are not ours.
add_library(attnc_mlir INTERFACE)
target_include_directories(attnc_mlir SYSTEM INTERFACE ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
target_include_directories(attnc_mlir INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
target_compile_definitions(attnc_mlir INTERFACE ${LLVM_DEFINITIONS_LIST})
target_compile_options(attnc_mlir INTERFACE ${ATTNC_WARNINGS} $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>)
if(ATTNC_EXPENSIVE_CHECKS)
  target_compile_definitions(attnc_mlir INTERFACE ATTNC_EXPENSIVE_CHECKS)
  # Debian's LLVM is built with NDEBUG, and some of its classes (Statistic) have another layout without it: headers must
  # see it. cmake/pch.h switches our own assertions on again.
  target_compile_options(attnc_mlir INTERFACE -DNDEBUG)
endif()
target_link_libraries(attnc_mlir INTERFACE fmt::fmt-header-only)

# One precompiled header for all MLIR code: a pass file compiles in 3 s instead of 9.
add_library(attnc_pch OBJECT ${CMAKE_SOURCE_DIR}/cmake/pch.cpp)
target_link_libraries(attnc_pch PRIVATE attnc_mlir)
target_precompile_headers(attnc_pch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch.h)

# Each rule is OUT.inc=FLAG[=FLAG...]; a colon in a flag stands for an equals sign.
function(attnc_tablegen target td)
  set(LLVM_TARGET_DEFINITIONS ${td})
  set(MLIR_TABLEGEN_FLAGS "")
  foreach(rule ${ARGN})
    string(REPLACE "=" ";" parts "${rule}")
    list(GET parts 0 output)
    list(SUBLIST parts 1 -1 flags)
    string(REPLACE ":" "=" flags "${flags}")
    mlir_tablegen(${output} ${flags} EXTRA_INCLUDES ${CMAKE_SOURCE_DIR} ${MLIR_INCLUDE_DIRS})
  endforeach()
  add_public_tablegen_target(${target})
endfunction()

function(attnc_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC attnc_mlir ${ARG_LINK})
  target_precompile_headers(${name} REUSE_FROM attnc_pch)
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  get_property(tablegen GLOBAL PROPERTY ATTNC_TABLEGEN)
  if(tablegen)
    add_dependencies(${name} ${tablegen})
  endif()
endfunction()

function(attnc_tool name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE attnc_mlir ${ARG_LINK} MLIR LLVM)
  target_link_options(${name} PRIVATE ${ATTNC_LINK_FLAGS})
  set_target_properties(${name} PROPERTIES
    POSITION_INDEPENDENT_CODE OFF # -fPIE would not match the PCH
    INSTALL_RPATH "$ORIGIN/../lib;${LLVM_LIBRARY_DIR}") # libMLIR lies in a folder that the loader does not know
  target_compile_options(${name} PRIVATE -fPIC)
  target_precompile_headers(${name} REUSE_FROM attnc_pch)
endfunction()
