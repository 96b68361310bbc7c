# `cpack --config build/CPackConfig.cmake -G DEB` makes attnc_VERSION_ARCHITECTURE.deb of what cmake/Install.cmake
# installs, `-G TGZ` an archive of the same tree.
set(CPACK_PACKAGE_NAME attnc)
set(CPACK_PACKAGE_VENDOR "the attnc developers")
set(CPACK_PACKAGE_CONTACT "The attnc developers <attnc@example.org>" CACHE STRING "Who answers for the package")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "ahead-of-time compiler for attention")
set(CPACK_PACKAGE_DESCRIPTION
"attnc compiles attention to native code: a variant described in a few lines,
a layer exported to ONNX, or the attention of a Hugging Face model becomes a
program, or a library with a C header. What it computes is stated exactly, and
every build can be compared with a reference in f64.")
set(CPACK_STRIP_FILES ON)
set(CPACK_GENERATOR DEB)
set(CPACK_COMPONENTS_ALL runtime compiler development) # in one package
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

# Programs and libraries that attnc makes are linked with libc6-dev, and with gcc's own objects where there are any.
# DebianTree.cmake adds the packages of shared libraries.
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_DEPENDS libc6-dev)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS gcc)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "cmake, pkg-config")
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_ATTNC_LLVM_LIBRARY_DIR ${LLVM_LIBRARY_DIR})
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/cmake/package/DebianTree.cmake)
include(CPack)
