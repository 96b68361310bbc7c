//===- Link.cpp - Objects to archives, libraries and programs -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/emit/Link.h"
#include "lld/Common/Driver.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ObjCopy/ConfigManager.h"
#include "llvm/ObjCopy/ObjCopy.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Object/Binary.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <deque>
#include <fcntl.h>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

namespace attnc::emit {

template <typename... Parts>
static llvm::Error failure(const Parts &...parts) {
  std::string text;
  (text.append(llvm::StringRef(parts).str()), ...);
  return llvm::createStringError(text);
}

std::string installedTree() {
  static int anchor;
  std::string program = llvm::sys::fs::getMainExecutable(nullptr, &anchor);
  return llvm::sys::path::parent_path(llvm::sys::path::parent_path(program)).str();
}

std::string runtimeLibraryDirectory() { return installedTree() + "/lib"; }

namespace {
/// A file in memory that lld can open by name.
class MemoryFile {
public:
  explicit MemoryFile(llvm::ArrayRef<char> bytes) : descriptor(memfd_create("attnc", MFD_CLOEXEC)) {
    if (descriptor < 0)
      return;
    llvm::raw_fd_ostream stream(descriptor, /*shouldClose=*/false);
    stream.write(bytes.data(), bytes.size());
    stream.flush();
    ok = !stream.has_error();
    stream.clear_error();
  }
  ~MemoryFile() {
    if (descriptor >= 0)
      close(descriptor);
  }
  MemoryFile(const MemoryFile &) = delete;
  explicit operator bool() const { return ok; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor); }

private:
  int descriptor;
  bool ok = false;
};

/// The objects of a job as files.
class ObjectFiles {
public:
  explicit ObjectFiles(const LinkJob &job) {
    for (const Bytes &object : job.objects)
      files.emplace_back(object);
  }
  explicit operator bool() const {
    return llvm::all_of(files, [](const MemoryFile &file) { return static_cast<bool>(file); });
  }
  void addTo(std::vector<std::string> &arguments) const {
    for (const MemoryFile &file : files)
      arguments.push_back(file.path());
  }

private:
  std::deque<MemoryFile> files;
};

/// The C library's files for linking, found where Debian (and most others) put
/// them, without running a C compiler.
struct CLibrary {
  std::string scrt1, crti, crtn, crtbegin, crtend; // the last two may be empty
  std::vector<std::string> directories;
};
} // namespace

static std::string findFile(llvm::ArrayRef<std::string> directories, llvm::StringRef name) {
  for (const std::string &directory : directories)
    if (std::string path = directory + "/" + name.str(); llvm::sys::fs::exists(path))
      return path;
  return "";
}

/// /usr/lib/gcc/x86_64-linux-gnu/12 and its like, if any: crtbeginS.o and
/// libgcc.a live there.
static std::string findGcc() {
  std::string best;
  unsigned bestVersion = 0;
  for (const char *root :
       {"/usr/lib/gcc/x86_64-linux-gnu", "/usr/lib/gcc/x86_64-redhat-linux", "/usr/lib64/gcc/x86_64-suse-linux"}) {
    std::error_code error;
    for (llvm::sys::fs::directory_iterator it(root, error), end; !error && it != end; it.increment(error)) {
      unsigned version = 0;
      if (llvm::sys::path::filename(it->path()).split('.').first.getAsInteger(10, version) || version <= bestVersion ||
          !llvm::sys::fs::exists(it->path() + "/crtbeginS.o"))
        continue;
      best = it->path();
      bestVersion = version;
    }
  }
  return best;
}

static llvm::Expected<CLibrary> findCLibrary() {
  CLibrary found;
  found.directories = {"/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib"};
  found.scrt1 = findFile(found.directories, "Scrt1.o");
  found.crti = findFile(found.directories, "crti.o");
  found.crtn = findFile(found.directories, "crtn.o");
  if (found.scrt1.empty() || found.crti.empty() || found.crtn.empty() || findFile(found.directories, "libc.so").empty())
    return failure("linking needs the C library's development files (Scrt1.o, "
                   "crti.o, crtn.o, libc.so), which are not in ",
                   llvm::join(found.directories, ", "), "; install the package libc6-dev");
  if (std::string gcc = findGcc(); !gcc.empty()) {
    found.directories.push_back(gcc);
    found.crtbegin = findFile({gcc}, "crtbeginS.o");
    found.crtend = findFile({gcc}, "crtendS.o");
  }
  return found;
}

llvm::Error checkCLibrary() { return findCLibrary().takeError(); }

static llvm::Expected<std::string> findRuntime(llvm::StringRef archive) {
  std::string path = runtimeLibraryDirectory() + "/" + archive.str();
  if (!llvm::sys::fs::exists(path))
    return failure("the runtime library ", path, " is missing; ", kKeepTogether);
  return path;
}

namespace {
/// A pipe that lld opens by name like a file, and a thread that takes what comes out. lld writes what is no regular file
/// in one go at the end.
class OutputPipe {
public:
  OutputPipe() {
    if (pipe2(ends, O_CLOEXEC) == 0)
      reader = std::thread([this] { read(); });
  }
  ~OutputPipe() { finish(); }
  OutputPipe(const OutputPipe &) = delete;
  explicit operator bool() const { return reader.joinable(); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(ends[1]); }

  /// All that was written.
  Bytes take() {
    finish();
    return std::move(bytes);
  }

private:
  void read() {
    constexpr size_t step = 1 << 16;
    for (ssize_t got = 1; got > 0 || (got < 0 && errno == EINTR);) {
      size_t size = bytes.size();
      bytes.resize_for_overwrite(size + step);
      got = ::read(ends[0], bytes.data() + size, step);
      bytes.truncate(size + std::max<ssize_t>(got, 0));
    }
  }
  void finish() {
    if (!reader.joinable())
      return;
    close(ends[1]);
    reader.join();
    close(ends[0]);
  }

  int ends[2] = {-1, -1};
  Bytes bytes;
  std::thread reader;
};
} // namespace

/// Runs lld with `arguments`, to which it adds where to write.
static llvm::Expected<Bytes> runLld(std::vector<std::string> arguments, const LinkJob &job) {
  OutputPipe output;
  if (!output)
    return failure("linking ", job.name, " failed: no pipe: ", llvm::StringRef(strerror(errno)));
  arguments.insert(arguments.end(), {"-o", output.path()});
  llvm::SmallVector<const char *> argv;
  for (const std::string &argument : arguments)
    argv.push_back(argument.c_str());
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  if (lld::lldMain(argv, stream, stream, {{lld::Gnu, &lld::elf::link}}).retCode != 0)
    return failure("linking ", job.name, " failed: ", llvm::StringRef(messages).trim());
  return output.take();
}

static llvm::Error noMemoryFile() { return failure("cannot hold the object files in memory (memfd_create)"); }

/// What programs and shared libraries have in common. Nothing that depends on
/// time or place enters the file.
static std::vector<std::string> commonArguments(const CLibrary &libc) {
  std::vector<std::string> arguments{"ld.lld",
                                     "--gc-sections",
                                     "--as-needed",
                                     "--build-id=none",
                                     "--hash-style=gnu",
                                     "--eh-frame-hdr",
                                     "-O1",
                                     "-z",
                                     "relro",
                                     "-z",
                                     "now",
                                     "-z",
                                     "noexecstack",
                                     "-z",
                                     "lrodata-after-bss", // weights in a segment of their own: WeightsSection.h
                                     "--no-undefined"};
  for (const std::string &directory : libc.directories)
    arguments.push_back("-L" + directory);
  return arguments;
}

static void append(std::vector<std::string> &arguments, std::initializer_list<std::string> more) {
  for (const std::string &argument : more)
    if (!argument.empty())
      arguments.push_back(argument);
}

/// libgcc only where the directory is known; the runtime needs at most a few
/// integer helpers of it.
static std::string libgcc(const CLibrary &libc) { return libc.crtbegin.empty() ? "" : "-lgcc"; }

llvm::Expected<Bytes> linkProgram(const LinkJob &job) {
  auto libc = findCLibrary();
  auto runtime = findRuntime("libattnc_rt.a"), main = findRuntime("libattnc_main.a");
  if (!libc || !runtime || !main)
    return llvm::joinErrors(llvm::joinErrors(libc.takeError(), runtime.takeError()), main.takeError());
  ObjectFiles objects(job);
  if (!objects)
    return noMemoryFile();
  std::vector<std::string> arguments = commonArguments(*libc);
  append(arguments,
         {"-pie", "-s", "-dynamic-linker", "/lib64/ld-linux-x86-64.so.2", libc->scrt1, libc->crti, libc->crtbegin});
  objects.addTo(arguments);
  append(arguments, {*main, *runtime, "-lc", "-lm", libgcc(*libc), libc->crtend, libc->crtn});
  return runLld(std::move(arguments), job);
}

llvm::Expected<Bytes> linkShared(const LinkJob &job) {
  auto libc = findCLibrary();
  auto runtime = findRuntime("libattnc_rt.a");
  if (!libc || !runtime)
    return llvm::joinErrors(libc.takeError(), runtime.takeError());
  std::string script = "{ global: " + llvm::join(job.exports, "; ") + "; local: *; };\n";
  ObjectFiles objects(job);
  MemoryFile version(script);
  if (!objects || !version)
    return noMemoryFile();
  std::vector<std::string> arguments = commonArguments(*libc);
  append(arguments, {"-shared", "-s", "--version-script=" + version.path()});
  if (!job.soname.empty())
    append(arguments, {"-soname", job.soname});
  // The whole runtime: the library's user calls it too.
  append(arguments, {libc->crti, libc->crtbegin});
  objects.addTo(arguments);
  append(arguments,
         {"--whole-archive", *runtime, "--no-whole-archive", "-lc", "-lm", libgcc(*libc), libc->crtend, libc->crtn});
  return runLld(std::move(arguments), job);
}

/// Makes hidden symbols local, and the symbols that `weak` matches, if it is not empty, weak.
static llvm::Expected<Bytes> closeObject(const Bytes &object, llvm::StringRef weak) {
  auto binary = llvm::object::createBinary(llvm::MemoryBufferRef({object.data(), object.size()}, "object"));
  if (!binary)
    return binary.takeError();
  llvm::objcopy::ConfigManager config;
  config.ELF.LocalizeHidden = true;
  if (!weak.empty()) {
    auto pattern = llvm::objcopy::NameOrPattern::create(weak, llvm::objcopy::MatchStyle::Wildcard,
                                                        [](llvm::Error error) { return error; });
    if (llvm::Error failed = config.Common.SymbolsToWeaken.addMatcher(std::move(pattern)))
      return failed;
  }
  Bytes result;
  llvm::raw_svector_ostream stream(result);
  if (llvm::Error failed = llvm::objcopy::executeObjcopyOnBinary(config, **binary, stream))
    return failed;
  return result;
}

/// One object of the job's and of `more`.
static llvm::Expected<Bytes> merge(const LinkJob &job, std::initializer_list<std::string> more, llvm::StringRef weak) {
  ObjectFiles objects(job);
  if (!objects)
    return noMemoryFile();
  std::vector<std::string> arguments{"ld.lld", "-r"};
  objects.addTo(arguments);
  append(arguments, more);
  auto whole = runLld(std::move(arguments), job);
  return whole ? closeObject(*whole, weak) : whole.takeError();
}

llvm::Expected<Bytes> linkObject(const LinkJob &job) { return merge(job, {}, ""); }

llvm::Expected<Bytes> linkStatic(const LinkJob &job) {
  auto runtime = findRuntime("libattnc_rt.a");
  if (!runtime)
    return runtime.takeError();
  auto closed = merge(job, {"--whole-archive", *runtime}, "attnc_*");
  if (!closed)
    return closed.takeError();
  std::string memberName = job.name + ".o";
  llvm::NewArchiveMember member(llvm::MemoryBufferRef({closed->data(), closed->size()}, memberName));
  Bytes archive;
  llvm::raw_svector_ostream stream(archive);
  if (llvm::Error failed = llvm::writeArchiveToStream(stream, member, llvm::SymtabWritingMode::NormalSymtab,
                                                      llvm::object::Archive::K_GNU,
                                                      /*Deterministic=*/true, /*Thin=*/false))
    return failed;
  return archive;
}

} // namespace attnc::emit
