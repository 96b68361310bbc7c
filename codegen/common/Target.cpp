//===- Target.cpp - The machines we generate code for ---------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A CPU target is a level of the x86-64 psABI. Code for `host` uses only what its
// level and the checked extensions have, never "all of this CPU": so the loader
// can refuse every machine on which the code would not run.
//
// A GPU target is the oldest compute capability that its PTX runs on; drivers
// translate PTX for every newer one. The host's part is baseline x86-64.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Target.h"
#include "attnc/attnc.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/X86TargetParser.h"
#include <fmt/format.h>

namespace attnc::codegen {

namespace {
struct Level {
  llvm::StringLiteral name, vectors;
  unsigned vectorBits, vectorRegisters;
  bool hasFma, hasMaskedMemory;
  uint64_t featureBits;
  std::initializer_list<llvm::StringLiteral> required; // LLVM features that a host of this level has
};

struct Extension {
  llvm::StringLiteral feature;
  uint64_t featureBits;
};
} // namespace

constexpr uint64_t kV2 = ATTNC_CPU_X86_64_V2, kV3 = kV2 | ATTNC_CPU_X86_64_V3, kV4 = kV3 | ATTNC_CPU_X86_64_V4;

// Best first.
static const Level kLevels[] = {
    {"x86-64-v4", "AVX-512", 512, 32, true, true, kV4, {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}},
    {"x86-64-v3", "AVX2", 256, 16, true, false, kV3, {"avx2", "fma", "f16c", "bmi", "bmi2", "lzcnt", "movbe"}},
    {"x86-64-v2", "SSE4.2", 128, 16, false, false, kV2, {"sse4.2", "popcnt"}},
    {"x86-64", "SSE2", 128, 16, false, false, 0, {}},
};

// Instruction sets beyond AVX-512's level that our code uses: "x86-64-v4+avx512bf16".
constexpr Extension kExtensions[] = {{"avx512bf16", ATTNC_CPU_AVX512_BF16}, {"avx512vnni", ATTNC_CPU_AVX512_VNNI}};

// Contractions that have an instruction for groups. All others are multiply-adds of one element at a time, widened to
// the type of the sums: so f16, whose products AVX512-FP16 adds up in f16.
constexpr DotInstruction kDots[] = {
    {"llvm.x86.avx512bf16.dpbf16ps.512", Element::bf16, Element::bf16, 2, ATTNC_CPU_AVX512_BF16},
    {"llvm.x86.avx512.vpdpbusd.512", Element::ui8, Element::si8, 4, ATTNC_CPU_AVX512_VNNI},
};

namespace {
/// LLVM ends the process when a PTX version does not know the chip, so the two stand together: the first version that
/// does, which the oldest drivers can read.
struct Chip {
  llvm::StringLiteral name, ptx;
  uint64_t featureBits;
};
} // namespace

constexpr uint64_t kSm75 = ATTNC_CUDA_SM_75, kSm80 = kSm75 | ATTNC_CUDA_SM_80, kSm90 = kSm80 | ATTNC_CUDA_SM_90;

static const Chip kChips[] = {{"sm_90", "+ptx78", kSm90}, {"sm_80", "+ptx70", kSm80}, {"sm_75", "+ptx63", kSm75}};

llvm::ArrayRef<llvm::StringLiteral> targetNames() {
  static constexpr llvm::StringLiteral names[] = {"host",
                                                  "x86-64-v4+avx512bf16+avx512vnni",
                                                  "x86-64-v4+avx512bf16",
                                                  "x86-64-v4",
                                                  "x86-64-v3",
                                                  "x86-64-v2",
                                                  "x86-64",
                                                  "sm_90",
                                                  "sm_80",
                                                  "sm_75"};
  return names;
}

static TargetInfo fromLevel(const Level &level) {
  TargetInfo target;
  target.name = target.cpu = level.name.str();
  target.vectorBits = level.vectorBits;
  target.vectorRegisters = level.vectorRegisters;
  target.hasFma = level.hasFma;
  target.hasMaskedMemory = level.hasMaskedMemory;
  target.hasScalef = level.vectorBits == 512;
  target.cpuFeatureBits = level.featureBits;
  return target;
}

/// `target` with one more instruction set, which its name says.
static void extend(TargetInfo &target, const Extension &extension) {
  target.name += "+" + extension.feature.str();
  target.features += (target.features.empty() ? "+" : ",+") + extension.feature.str();
  target.cpuFeatureBits |= extension.featureBits;
  target.hasBf16 = target.cpuFeatureBits & ATTNC_CPU_AVX512_BF16;
  for (const DotInstruction &dot : kDots)
    if (dot.featureBits == extension.featureBits)
      target.dots.push_back(&dot);
}

mlir::Type typeOf(Element element, mlir::MLIRContext *context) {
  switch (element) {
  case Element::bf16:
    return mlir::BFloat16Type::get(context);
  case Element::si8:
    return mlir::IntegerType::get(context, 8, mlir::IntegerType::Signed);
  case Element::ui8:
    return mlir::IntegerType::get(context, 8, mlir::IntegerType::Unsigned);
  }
  llvm_unreachable("not an element");
}

const DotInstruction *TargetInfo::findDot(mlir::Type lhs, mlir::Type rhs, unsigned group) const {
  auto found = llvm::find_if(dots, [&](const DotInstruction *dot) {
    return typeOf(dot->lhs, lhs.getContext()) == lhs && typeOf(dot->rhs, lhs.getContext()) == rhs &&
           dot->group == group;
  });
  return found == dots.end() ? nullptr : *found;
}

bool TargetInfo::hasDots(Element element) const {
  return llvm::any_of(dots, [&](const DotInstruction *dot) { return dot->rhs == element; });
}

/// "x86-64-v4+avx512bf16": a level, then what AVX-512 has beside it.
static mlir::FailureOr<TargetInfo> parseLevel(llvm::StringRef name) {
  auto [base, rest] = name.split('+');
  const Level *level = llvm::find_if(kLevels, [base = base](const Level &level) {
    return base == level.name || (level.name.starts_with("x86-64-") && base == level.name.substr(7));
  });
  if (level == std::end(kLevels) || (name.contains('+') && level->vectorBits != 512))
    return mlir::failure();
  TargetInfo target = fromLevel(*level);
  llvm::SmallVector<llvm::StringRef> wanted;
  rest.split(wanted, '+');
  for (llvm::StringRef feature : name.contains('+') ? wanted : llvm::SmallVector<llvm::StringRef>()) {
    const Extension *found = llvm::find_if(kExtensions, [&](const Extension &e) { return e.feature == feature; });
    if (found == std::end(kExtensions) || (target.cpuFeatureBits & found->featureBits))
      return mlir::failure();
    extend(target, *found);
  }
  return target;
}

/// One GPU thread does one work item. Its vectors are four scalars each: a 128-bit load where alignment is known, and
/// four independent chains of arithmetic. What it keeps for an item is in local memory, so items are small.
static TargetInfo fromChip(const Chip &chip) {
  TargetInfo target;
  target.family = Family::nvptx;
  target.name = target.cpu = chip.name.str();
  target.features = chip.ptx.str();
  target.vectorBits = 128;
  target.vectorRegisters = 16;
  target.hasFma = true;
  target.l1Bytes = target.l2Bytes = 4 << 10;
  target.cpuFeatureBits = chip.featureBits;
  return target;
}

/// The highest level of a CPU that `has` these features, with the extensions it has, tuned for `cpu`.
static TargetInfo fromFeatures(llvm::function_ref<bool(llvm::StringRef)> has, llvm::StringRef cpu) {
  const Level *level = llvm::find_if(kLevels, [&](const Level &level) { return llvm::all_of(level.required, has); });
  TargetInfo target = fromLevel(*level);
  target.tune = cpu.str();
  target.prefetchesFar = cpu == "znver4"; // measured there and on Zen 5: bench/RESULTS.md
  for (const Extension &extension : kExtensions)
    if (target.vectorBits == 512 && has(extension.feature))
      extend(target, extension);
  return target;
}

static TargetInfo host() {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  return fromFeatures([&](llvm::StringRef feature) { return features.lookup(feature); }, llvm::sys::getHostCPUName());
}

/// "znver4", "skylake-avx512": what LLVM and other compilers call a CPU.
static std::optional<TargetInfo> fromCpu(llvm::StringRef name) {
  if (llvm::X86::parseArchX86(name, /*Only64Bit=*/true) == llvm::X86::CK_None)
    return std::nullopt;
  llvm::SmallVector<llvm::StringRef> features;
  llvm::X86::getFeaturesForCPU(name, features);
  return fromFeatures([&](llvm::StringRef feature) { return llvm::is_contained(features, feature); }, name);
}

llvm::SmallVector<llvm::StringRef> cpuNames() {
  llvm::SmallVector<llvm::StringRef> names;
  llvm::X86::fillValidCPUArchList(names, /*Only64Bit=*/true);
  return names;
}

mlir::FailureOr<TargetInfo> parseTarget(llvm::StringRef name) {
  if (name == "host" || name == "native")
    return host();
  for (const Chip &chip : kChips)
    if (name == chip.name)
      return fromChip(chip);
  if (auto level = parseLevel(name); succeeded(level))
    return level;
  if (std::optional<TargetInfo> target = fromCpu(name))
    return *target;
  return mlir::failure();
}

/// "AMD EPYC" out of /proc/cpuinfo; "" if that cannot be read.
static std::string processorName() {
  auto buffer = llvm::MemoryBuffer::getFileAsStream("/proc/cpuinfo");
  if (!buffer)
    return "";
  llvm::StringRef line = (*buffer)->getBuffer().split("model name").second.split('\n').first;
  return line.split(':').second.trim().str();
}

std::string describeTarget(const TargetInfo &target) {
  if (target.isGpu())
    return fmt::format("NVIDIA, compute capability {}.{} or newer, one thread per work item", target.name.substr(3, 1),
                       target.name.substr(4));
  const Level *level = llvm::find_if(kLevels, [&](const Level &level) { return level.name == target.cpu; });
  std::string text = fmt::format("{}, {} lanes", level->vectors.str(), target.lanes(32));
  bool isHost = target.tune == llvm::sys::getHostCPUName();
  std::string processor = isHost ? processorName() : target.tune;
  return processor.empty() ? text : processor + ", " + text;
}

} // namespace attnc::codegen
