//===- OutputFiles.cpp - Writing results, all of them or none -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/OutputFiles.h"
#include "compiler/support/InputFiles.h"
#include "compiler/tools/attnc/Console.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

namespace attnc::tool {

namespace fs = llvm::sys::fs;

static int cannotWrite(llvm::StringRef path, const llvm::Twine &why) {
  return error("cannot write '" + path + "': " + why);
}

int checkOutput(llvm::StringRef path) {
  if (path == "-")
    return kOk;
  if (isInput(path))
    return cannotWrite(path, "it is an input of this very command; give another name with -o");
  if (fs::is_directory(path))
    return cannotWrite(path, "it is a folder");
  if (llvm::StringRef folder = llvm::sys::path::parent_path(path); !folder.empty() && !fs::is_directory(folder))
    return cannotWrite(path, "there is no folder '" + folder + "'");
  return kOk;
}

/// Writes all of `bytes`; the error of the first write that fails.
static std::error_code writeAll(int descriptor, llvm::StringRef bytes, bool close) {
  llvm::raw_fd_ostream stream(descriptor, close, /*unbuffered=*/true);
  stream << bytes;
  std::error_code failed = stream.error();
  stream.clear_error(); // else the destructor would end the process
  return failed;
}

/// Whether `path` is a device, a pipe or the like, which is written to and not replaced.
static bool isSpecial(llvm::StringRef path) {
  fs::file_status status;
  return !fs::status(path, status) && fs::exists(status) && status.type() != fs::file_type::regular_file;
}

static int writeInPlace(llvm::StringRef path, llvm::StringRef bytes) {
  int descriptor;
  std::error_code failed = fs::openFileForWrite(path, descriptor, fs::CD_OpenExisting);
  if (!failed)
    failed = writeAll(descriptor, bytes, /*close=*/true);
  return failed ? cannotWrite(path, failed.message()) : kOk;
}

OutputFiles::~OutputFiles() {
  for (File &file : files)
    llvm::consumeError(file.temporary.discard());
}

/// Opens a temporary file for `path`.
int OutputFiles::open(llvm::StringRef path, bool isProgram) {
  auto mode = fs::all_read | fs::all_write | (isProgram ? fs::all_exe : fs::no_perms);
  auto temporary = fs::TempFile::create(path + ".tmp-%%%%%%%%", mode);
  if (!temporary)
    return cannotWrite(path, llvm::toString(temporary.takeError()));
  files.push_back({path.str(), std::move(*temporary)});
  return kOk;
}

int OutputFiles::add(llvm::StringRef path, llvm::StringRef bytes, bool isProgram, const emit::WeightTable *weights,
                     emit::Advance advance) {
  if (int code = checkOutput(path))
    return code;
  if (weights && weights->empty())
    weights = nullptr;
  if (weights && (path == "-" || isSpecial(path)))
    return cannotWrite(path, "the weights of a model are written into a file; give one with -o");
  if (path == "-") {
    llvm::outs() << bytes;
    return kOk;
  }
  if (isSpecial(path))
    return writeInPlace(path, bytes);
  if (int code = open(path, isProgram))
    return code;
  if (std::error_code failed = writeAll(files.back().temporary.FD, bytes, /*close=*/false))
    return cannotWrite(path, failed.message());
  if (weights)
    if (auto hash = weights->write(files.back().temporary.FD, bytes.size(), advance); !hash)
      return cannotWrite(path, llvm::toString(hash.takeError()));
  return kOk;
}

int OutputFiles::addWeights(llvm::StringRef path, const emit::WeightTable &weights, emit::WeightsHash &hash,
                            emit::Advance advance) {
  if (int code = checkOutput(path))
    return code;
  if (isSpecial(path))
    return cannotWrite(path, "it is no plain file");
  if (int code = open(path, /*isProgram=*/false))
    return code;
  auto written = emit::writeWeightsFile(weights, files.back().temporary.FD, advance);
  if (!written)
    return cannotWrite(path, llvm::toString(written.takeError()));
  hash = *written;
  return kOk;
}

int OutputFiles::commit() {
  std::vector<File> written = std::exchange(files, {});
  int code = kOk;
  for (File &file : written) {
    llvm::Error failed = code ? file.temporary.discard() : file.temporary.keep(file.path);
    if (failed)
      code = cannotWrite(file.path, llvm::toString(std::move(failed)));
  }
  return code;
}

int writeOutput(llvm::StringRef path, llvm::StringRef bytes, bool isProgram) {
  OutputFiles files;
  int code = files.add(path, bytes, isProgram);
  return code ? code : files.commit();
}

} // namespace attnc::tool
