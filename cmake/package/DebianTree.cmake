# Run by cpack on the tree that it is about to pack: what Debian wants to lie elsewhere or compressed, and which packages
# the programs need.
if(NOT CPACK_GENERATOR STREQUAL DEB)
  return()
endif()
set(tree ${CPACK_TEMPORARY_DIRECTORY}${CPACK_PACKAGING_INSTALL_PREFIX})
set(doc ${tree}/share/doc/attnc)
file(COPY ${CMAKE_CURRENT_LIST_DIR}/copyright DESTINATION ${doc} NO_SOURCE_PERMISSIONS)
file(COPY ${CMAKE_CURRENT_LIST_DIR}/lintian-overrides DESTINATION ${tree}/share/lintian/overrides NO_SOURCE_PERMISSIONS)
file(RENAME ${tree}/share/lintian/overrides/lintian-overrides ${tree}/share/lintian/overrides/attnc)
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${doc}/changelog "attnc (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * Made from the sources of this version; their history says what has changed.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
file(CHMOD ${doc}/changelog PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
file(GLOB texts ${tree}/share/man/man1/*.1)
execute_process(COMMAND gzip -9n ${texts} ${doc}/changelog COMMAND_ERROR_IS_FATAL ANY)
file(RENAME ${tree}/share/zsh/site-functions ${tree}/share/zsh/vendor-completions) # where its zsh looks

# The packages of the shared libraries, from dpkg-shlibdeps. It sometimes finds libLLVM by the link in LLVM's own folder,
# which llvm-22-dev owns and which says nothing of the library's package; so that is said here.
set(work ${CPACK_TEMPORARY_DIRECTORY}.shlibdeps)
file(REAL_PATH ${CPACK_ATTNC_LLVM_LIBRARY_DIR}/libLLVM.so llvm)
execute_process(COMMAND dpkg-query --search ${llvm} OUTPUT_VARIABLE owner COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE "[: ].*" "" owner "${owner}") # libllvm22:amd64: /usr/lib/...
string(REGEX REPLACE ".*/(.+)\\.so\\.(.+)" "\\1 \\2" llvm "${llvm}") # libLLVM 22.1
file(WRITE ${work}/shlibs "${llvm} ${owner}\n")
file(WRITE ${work}/debian/control "Source: attnc\n\nPackage: attnc\nArchitecture: any\n")
file(GLOB programs ${tree}/bin/*)
execute_process(COMMAND dpkg-shlibdeps -O -Lshlibs ${programs} WORKING_DIRECTORY ${work} OUTPUT_VARIABLE depends
                OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "shlibs:Depends=" "" depends "${depends}")
set(CPACK_DEBIAN_PACKAGE_DEPENDS "${CPACK_DEBIAN_PACKAGE_DEPENDS}, ${depends}")
