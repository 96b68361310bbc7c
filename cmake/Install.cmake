# What `cmake --install` copies. The tree is bin/, include/, lib/ and share/ wherever it lies: attnc finds the runtime from
# its own place, and so do the files for CMake and pkg-config, so that it can be moved as a whole.
#
#   component     what it holds
#   runtime       attnc/attnc.h and the archives that compiled code is linked with
#   compiler      attnc, its manual pages and completion, find_package(attnc), attnc.pc; needs runtime
#   development   attnc-opt, attnc-translate, attnc-interpret and attnc-reduce, for work on the compiler itself
include(CMakePackageConfigHelpers)

# Made by the programs they are about, in every build: what is installed cannot be older than its program.
set(share ${CMAKE_BINARY_DIR}/share)
set(verbs compile run check bench profile tune mask fmt lint ops completion doctor)
set(development_tools attnc-opt attnc-translate attnc-interpret attnc-reduce)

# Nothing is copied from a build that is not whole, such as one of the target attnc alone.
foreach(component compiler development)
  install(CODE "
    foreach(file $<TARGET_GENEX_EVAL:attnc-share,$<TARGET_PROPERTY:attnc-share,ATTNC_${component}>>)
      if(NOT EXISTS \${file})
        message(FATAL_ERROR \"\${file} is not built yet. First build everything: cmake --build ${CMAKE_BINARY_DIR}\")
      endif()
    endforeach()" COMPONENT ${component})
endforeach()

# attnc_share_file(COMPONENT FILE PROGRAM ARGUMENTS...): share/FILE is what the command prints.
function(attnc_share_file component file program)
  cmake_path(GET file PARENT_PATH folder)
  add_custom_command(
    OUTPUT ${share}/${file}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${share}/${folder}
    COMMAND ${program} ${ARGN} > ${share}/${file}
    DEPENDS ${program} ${CMAKE_SOURCE_DIR}/cmake/man-page.awk VERBATIM)
  set_property(GLOBAL APPEND PROPERTY ATTNC_${component} $<TARGET_FILE:${program}> ${share}/${file})
  set_property(GLOBAL APPEND PROPERTY ATTNC_SHARE ${share}/${file})
  install(FILES ${share}/${file} DESTINATION share/${folder} COMPONENT ${component})
endfunction()

# attnc_man_page(COMPONENT NAME "SEE(1), ALSO(1)" COMMAND...): the manual page NAME(1) from the help of COMMAND.
find_program(ATTNC_AWK NAMES awk REQUIRED)
function(attnc_man_page component name see)
  attnc_share_file(${component} man/man1/${name}.1 ${ARGN} --help | ${ATTNC_AWK}
                   -f ${CMAKE_SOURCE_DIR}/cmake/man-page.awk -v name=${name} -v version=${PROJECT_VERSION} -v see=${see})
endfunction()

list(TRANSFORM verbs REPLACE "(.+)" "attnc-\\1(1)" OUTPUT_VARIABLE pages)
list(TRANSFORM development_tools APPEND "(1)" OUTPUT_VARIABLE tool_pages)
list(JOIN pages ", " pages)
list(JOIN tool_pages ", " tool_pages)
attnc_man_page(compiler attnc "${pages}, ${tool_pages}" attnc)
foreach(verb ${verbs})
  attnc_man_page(compiler attnc-${verb} "attnc(1)" attnc ${verb})
endforeach()
foreach(tool ${development_tools})
  attnc_man_page(development ${tool} "attnc(1)" ${tool})
endforeach()
attnc_share_file(compiler bash-completion/completions/attnc attnc completion bash)
attnc_share_file(compiler zsh/site-functions/_attnc attnc completion zsh)
attnc_share_file(compiler fish/vendor_completions.d/attnc.fish attnc completion fish)
get_property(files GLOBAL PROPERTY ATTNC_SHARE)
add_custom_target(attnc-share ALL DEPENDS ${files})
foreach(component compiler development)
  get_property(files GLOBAL PROPERTY ATTNC_${component})
  set_target_properties(attnc-share PROPERTIES ATTNC_${component} "${files}")
endforeach()

install(TARGETS attnc EXPORT attncTargets RUNTIME DESTINATION bin COMPONENT compiler)
install(TARGETS ${development_tools} RUNTIME DESTINATION bin COMPONENT development)
install(TARGETS attnc_rt attnc_main EXPORT attncTargets ARCHIVE DESTINATION lib COMPONENT runtime
        INCLUDES DESTINATION include)
install(FILES runtime/include/attnc/attnc.h DESTINATION include/attnc COMPONENT runtime)
install(FILES README.md DESTINATION share/doc/attnc COMPONENT compiler)
install(FILES docs/usage.md docs/language.md docs/limits.md docs/variants.md DESTINATION share/doc/attnc/docs
        COMPONENT compiler)
install(DIRECTORY docs/masks DESTINATION share/doc/attnc/docs COMPONENT compiler)
install(DIRECTORY examples DESTINATION share/doc/attnc COMPONENT compiler)

# find_package(attnc) and pkg-config. Before 1.0 a new minor version may change the interface.
set(package ${CMAKE_BINARY_DIR}/package)
configure_package_config_file(cmake/installed/attncConfig.cmake.in ${package}/attncConfig.cmake
                              INSTALL_DESTINATION lib/cmake/attnc)
write_basic_package_version_file(${package}/attncConfigVersion.cmake COMPATIBILITY SameMinorVersion)
configure_file(cmake/installed/attnc.pc.in ${package}/attnc.pc @ONLY)
install(EXPORT attncTargets NAMESPACE attnc:: DESTINATION lib/cmake/attnc COMPONENT compiler)
install(FILES ${package}/attncConfig.cmake ${package}/attncConfigVersion.cmake cmake/installed/attncAddLibrary.cmake
        DESTINATION lib/cmake/attnc COMPONENT compiler)
install(FILES ${package}/attnc.pc DESTINATION lib/pkgconfig COMPONENT compiler)
