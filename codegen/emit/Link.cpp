//===- Link.cpp - Objects to archives, libraries and programs -------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/emit/Link.h"
#include "lld/Common/Driver.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <sys/mman.h>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

namespace attnc::emit {

template <typename... Parts>
static llvm::Error failure(const Parts &...parts) {
  std::string text;
  (text.append(llvm::StringRef(parts).str()), ...);
  return llvm::createStringError(text);
}

std::string runtimeLibraryDirectory() {
  static int anchor;
  llvm::SmallString<256> path(llvm::sys::fs::getMainExecutable(nullptr, &anchor));
  llvm::sys::path::remove_filename(path);
  llvm::sys::path::append(path, "..", "lib");
  llvm::sys::path::remove_dots(path, /*remove_dot_dot=*/true);
  return path.str().str();
}

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
    return failure("the runtime library ", path, " is missing; attnc expects it in lib/ beside its own bin/");
  return path;
}

static llvm::Error runLld(llvm::ArrayRef<std::string> arguments, const LinkJob &job) {
  if (job.command)
    *job.command = arguments;
  llvm::SmallVector<const char *> argv;
  for (const std::string &argument : arguments)
    argv.push_back(argument.c_str());
  std::string output;
  llvm::raw_string_ostream stream(output);
  if (lld::lldMain(argv, stream, stream, {{lld::Gnu, &lld::elf::link}}).retCode == 0)
    return llvm::Error::success();
  return failure("linking ", job.output, " failed: ", llvm::StringRef(output).trim());
}

/// What programs and shared libraries have in common. Nothing that depends on
/// time or place enters the file.
static std::vector<std::string> commonArguments(const LinkJob &job, const CLibrary &libc) {
  std::vector<std::string> arguments{"ld.lld",
                                     "-o",
                                     job.output,
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

llvm::Error linkProgram(const LinkJob &job) {
  auto libc = findCLibrary();
  auto runtime = findRuntime("libattnc_rt.a"), main = findRuntime("libattnc_main.a");
  if (!libc || !runtime || !main)
    return llvm::joinErrors(llvm::joinErrors(libc.takeError(), runtime.takeError()), main.takeError());
  MemoryFile object(job.object);
  if (!object)
    return failure("cannot hold the object file in memory (memfd_create)");
  std::vector<std::string> arguments = commonArguments(job, *libc);
  append(arguments,
         {"-pie", "-s", "-dynamic-linker", "/lib64/ld-linux-x86-64.so.2", libc->scrt1, libc->crti, libc->crtbegin,
          object.path(), *main, *runtime, "-lc", "-lm", libgcc(*libc), libc->crtend, libc->crtn});
  return runLld(arguments, job);
}

llvm::Error linkShared(const LinkJob &job) {
  auto libc = findCLibrary();
  auto runtime = findRuntime("libattnc_rt.a");
  if (!libc || !runtime)
    return llvm::joinErrors(libc.takeError(), runtime.takeError());
  std::string script = "{ global: " + llvm::join(job.exports, "; ") + "; local: *; };\n";
  MemoryFile object(job.object), version(script);
  if (!object || !version)
    return failure("cannot hold the object file in memory (memfd_create)");
  std::vector<std::string> arguments = commonArguments(job, *libc);
  append(arguments, {"-shared", "-s", "--version-script=" + version.path()});
  if (!job.soname.empty())
    append(arguments, {"-soname", job.soname});
  // The whole runtime: the library's user calls it too.
  append(arguments, {libc->crti, libc->crtbegin, object.path(), "--whole-archive", *runtime, "--no-whole-archive",
                     "-lc", "-lm", libgcc(*libc), libc->crtend, libc->crtn});
  return runLld(arguments, job);
}

llvm::Error writeStatic(const LinkJob &job) {
  auto runtime = findRuntime("libattnc_rt.a");
  if (!runtime)
    return runtime.takeError();
  auto buffer = llvm::MemoryBuffer::getFile(*runtime);
  if (!buffer)
    return failure("cannot read ", *runtime, ": ", buffer.getError().message());
  auto archive = llvm::object::Archive::create(**buffer);
  if (!archive)
    return archive.takeError();
  std::vector<llvm::NewArchiveMember> members;
  std::string objectName = llvm::sys::path::stem(job.output).str() + ".o";
  members.emplace_back(llvm::MemoryBufferRef(llvm::StringRef(job.object.data(), job.object.size()), objectName));
  llvm::Error error = llvm::Error::success();
  for (const llvm::object::Archive::Child &child : (*archive)->children(error)) {
    auto member = llvm::NewArchiveMember::getOldMember(child, /*Deterministic=*/true);
    if (!member)
      return llvm::joinErrors(std::move(error), member.takeError());
    members.push_back(std::move(*member));
  }
  if (error)
    return error;
  return llvm::writeArchive(job.output, members, llvm::SymtabWritingMode::NormalSymtab, llvm::object::Archive::K_GNU,
                            /*Deterministic=*/true, /*Thin=*/false);
}

} // namespace attnc::emit
