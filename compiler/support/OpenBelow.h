//===- OpenBelow.h - Files that another file names --------------*- C++ -*-===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace attnc {

/// Opens `location`, a path that comes from an untrusted file, for reading below `directory`, and returns the file
/// descriptor, which the caller closes. It must stay inside: no absolute path, no "..", no device or pipe, and no link
/// (CVE-2022-25882, CVE-2024-27318, CVE-2025-51480) but for two kinds that tools make: the symbolic links of a hub cache
/// from REPO/snapshots/REV/… to REPO/blobs/HASH, and hard links to files that everyone may read. The error says which,
/// without the path.
llvm::Expected<int> openBelow(llvm::StringRef directory, llvm::StringRef location);

} // namespace attnc
