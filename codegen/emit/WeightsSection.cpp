//===- WeightsSection.cpp - Room for weights in an ELF file ---------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/emit/WeightsSection.h"
#include "codegen/emit/WeightTable.h"
#include "llvm/Object/Archive.h"
#include "llvm/Object/ELF.h"
#include <fmt/format.h>

namespace attnc::emit {

using Elf = llvm::object::ELF64LE;
using ElfFile = llvm::object::ELFFile<Elf>;

constexpr uint64_t kPage = 4096;

/// What `found`, a part of our own bytes, is when it may be changed.
template <typename T>
static T &writable(const T &found) {
  return const_cast<T &>(found);
}

static llvm::Expected<Elf::Shdr *> findSection(const ElfFile &file) {
  auto sections = file.sections();
  if (!sections)
    return sections.takeError();
  for (const Elf::Shdr &section : *sections) {
    auto name = file.getSectionName(section);
    if (!name)
      return name.takeError();
    if (*name == kWeightsSection)
      return &writable(section);
  }
  return nullptr;
}

/// What openWeightsSection does; returns the size of the section, 0 if there is none.
static llvm::Expected<uint64_t> openSection(Bytes &elf) {
  uint64_t end = llvm::alignTo(elf.size(), kPage);
  auto file = ElfFile::create({elf.data(), elf.size()});
  if (!file)
    return file.takeError();
  auto section = findSection(*file);
  if (!section)
    return section.takeError();
  if (!*section)
    return 0;
  uint64_t size = (*section)->sh_size;
  (*section)->sh_type = llvm::ELF::SHT_PROGBITS;
  (*section)->sh_offset = end;
  auto segments = file->program_headers();
  if (!segments)
    return segments.takeError();
  for (const Elf::Phdr &segment : *segments)
    if (segment.p_type == llvm::ELF::PT_LOAD && segment.p_vaddr == (*section)->sh_addr) {
      writable(segment).p_offset = end;
      writable(segment).p_filesz = segment.p_memsz;
    }
  elf.resize(end);
  return size;
}

llvm::Error openWeightsSection(Bytes &elf) { return openSection(elf).takeError(); }

/// The ASCII number that a member's header has for its size: 10 characters from 48 on.
static void writeMemberSize(char *header, uint64_t size) {
  std::string text = fmt::format("{:<10}", size);
  std::copy(text.begin(), text.end(), header + 48);
}

namespace {
/// Where the only member of an archive lies.
struct Member {
  uint64_t header, start;
};
} // namespace

static llvm::Expected<Member> findMember(const Bytes &archive) {
  auto reader = llvm::object::Archive::create({{archive.data(), archive.size()}, "archive"});
  if (!reader)
    return reader.takeError();
  llvm::Error failed = llvm::Error::success();
  std::optional<Member> found;
  for (const llvm::object::Archive::Child &child : (*reader)->children(failed))
    found = Member{child.getChildOffset(), child.getDataOffset()};
  if (failed)
    return std::move(failed);
  if (!found)
    return llvm::createStringError("an archive without an object");
  return *found;
}

llvm::Error openWeightsSectionOfArchive(Bytes &archive) {
  auto member = findMember(archive);
  if (!member)
    return member.takeError();
  Bytes object(archive.begin() + member->start, archive.end());
  auto weights = openSection(object);
  if (!weights || *weights == 0)
    return weights.takeError();
  archive.resize(member->start);
  archive.append(object.begin(), object.end());
  writeMemberSize(archive.data() + member->header, object.size() + *weights);
  return llvm::Error::success();
}

} // namespace attnc::emit
