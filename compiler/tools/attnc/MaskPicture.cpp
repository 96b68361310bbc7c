//===- MaskPicture.cpp - A mask as text and as SVG ------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/tools/attnc/MaskPicture.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/WithColor.h"
#include <algorithm>
#include <fmt/format.h>

namespace attnc::tool {

using llvm::raw_ostream;

namespace {
/// How a kind of block looks and is called.
struct Look {
  BlockClass kind;
  char letter;
  raw_ostream::Colors terminal;
  llvm::StringLiteral name, fill;
};
constexpr Look kLooks[] = {
    {BlockClass::full, '#', raw_ostream::BLUE, "full", "#2b6cb0"},
    {BlockClass::partial, '/', raw_ostream::CYAN, "partial", "#bcd7f0"},
    {BlockClass::empty, 'o', raw_ostream::YELLOW, "found empty", "#f6e3c5"},
    {BlockClass::skipped, '.', raw_ostream::BRIGHT_BLACK, "never met", "#f1f2f4"},
};
constexpr llvm::StringLiteral kPairFill = "#4a90d0"; // an allowed pair of a partial block
constexpr int64_t kMaxRuns = 6000;                   // a larger drawing shows partial blocks alone
} // namespace

static const Look &lookOf(BlockClass kind) {
  return *llvm::find_if(kLooks, [&](const Look &look) { return look.kind == kind; });
}

//===----------------------------------------------------------------------===//
// Counts
//===----------------------------------------------------------------------===//

int64_t MaskPicture::count(BlockClass kind) const { return llvm::count(blocks, kind); }
int64_t MaskPicture::allowedPairs() const { return std::count(pairs.begin(), pairs.end(), true); }

int64_t MaskPicture::visitedPairs() const {
  int64_t sum = 0;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      if (at(row, column) >= BlockClass::partial)
        sum += std::min(blockRows, queries - row * blockRows) * std::min(blockCols, keys - column * blockCols);
  return sum;
}

static double percent(int64_t part, int64_t whole) { return whole == 0 ? 0 : 100.0 * part / whole; }

std::string describe(const MaskPicture &picture) {
  int64_t full = picture.count(BlockClass::full), partial = picture.count(BlockClass::partial);
  int64_t square = picture.queries * picture.keys;
  std::string text = fmt::format("{} of {} blocks visited ({} full, {} partial): {:.1f}% of the square", full + partial,
                                 picture.blocks.size(), full, partial, percent(picture.visitedPairs(), square));
  if (!picture.pairs.empty())
    text += fmt::format("; {} of {} pairs allowed: {:.1f}%", picture.allowedPairs(), square,
                        percent(picture.allowedPairs(), square));
  return text;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static void printBlock(BlockClass kind, raw_ostream &os) {
  const Look &look = lookOf(kind);
  llvm::WithColor(os, look.terminal, /*Bold=*/kind == BlockClass::full) << look.letter;
}

void printText(const MaskPicture &picture, raw_ostream &os) {
  int width = static_cast<int>(std::to_string(picture.queries).size());
  os << fmt::format("{}\n{:>{}}  keys j = 0 ... {}\n", picture.title, "i", width, picture.keys - 1);
  for (int64_t row = 0; row < picture.rows; ++row) {
    os << fmt::format("{:>{}} ", row * picture.blockRows, width);
    for (int64_t column = 0; column < picture.columns; ++column)
      printBlock(picture.at(row, column), os << " ");
    os << "\n";
  }
  os << fmt::format("blocks of {} queries x {} keys:", picture.blockRows, picture.blockCols);
  for (const Look &look : kLooks) {
    printBlock(look.kind, os << "  ");
    os << " " << look.name;
  }
  os << "\n" << describe(picture) << "\n";
}

//===----------------------------------------------------------------------===//
// SVG
//===----------------------------------------------------------------------===//

namespace {
/// The page: the square in the middle, everything in pixels.
class SvgWriter {
public:
  explicit SvgWriter(const MaskPicture &picture);
  std::string write();

private:
  void blocks();
  void pairs();
  void grid();
  void axes();
  void legend();
  /// Merges neighbours of one row: calls `run(row, first, end)` for each maximal range of columns that `is` holds for.
  template <typename Is, typename Run>
  static void runs(int64_t rows, int64_t columns, Is is, Run run);

  const MaskPicture &picture;
  std::string out;
  double width, height; // of the square
  static constexpr int left = 56, top = 64, right = 40, side = 360;
};
} // namespace

SvgWriter::SvgWriter(const MaskPicture &picture) : picture(picture) {
  double longest = std::max<double>(1, std::max(picture.queries, picture.keys));
  width = std::max(side / 6.0, side * picture.keys / longest); // a single query is still seen
  height = std::max(side / 12.0, side * picture.queries / longest);
}

template <typename Is, typename Run>
void SvgWriter::runs(int64_t rows, int64_t columns, Is is, Run run) {
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t first = 0, end; first < columns; first = end + 1) {
      for (end = first; end < columns && is(row, end);)
        ++end;
      if (end > first)
        run(row, first, end);
    }
}

static std::string escaped(llvm::StringRef text) {
  std::string result;
  for (char c : text)
    result += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
  return result;
}

/// One path per kind of block, in units of blocks.
void SvgWriter::blocks() {
  out += fmt::format("<rect x='{}' y='{}' width='{:g}' height='{:g}' fill='{}'/>\n", left, top, width, height,
                     lookOf(BlockClass::skipped).fill.str());
  double x = width * picture.blockCols / std::max<int64_t>(1, picture.keys);
  double y = height * picture.blockRows / std::max<int64_t>(1, picture.queries);
  // The last blocks may reach beyond the square: `clip` cuts them.
  out += fmt::format("<g clip-path='url(#clip)'><g transform='translate({} {}) scale({:g} {:g})'>\n", left, top, x, y);
  for (BlockClass kind : {BlockClass::empty, BlockClass::partial, BlockClass::full}) {
    std::string path;
    runs(
        picture.rows, picture.columns, [&](int64_t row, int64_t column) { return picture.at(row, column) == kind; },
        [&](int64_t row, int64_t first, int64_t end) {
          path += fmt::format("M{} {}h{}v1h-{}z", first, row, end - first, end - first);
        });
    if (!path.empty())
      out += fmt::format("<path fill='{}' d='{}'/>\n", lookOf(kind).fill.str(), path);
  }
  out += "</g></g>\n";
}

/// Allowed pairs of partial blocks as strokes, in units of pairs; nothing when there are too many to be seen.
void SvgWriter::pairs() {
  if (picture.pairs.empty())
    return;
  std::string path;
  int64_t count = 0;
  auto isPair = [&](int64_t i, int64_t j) {
    return picture.allowed(i, j) && picture.at(i / picture.blockRows, j / picture.blockCols) == BlockClass::partial;
  };
  runs(picture.queries, picture.keys, isPair, [&](int64_t i, int64_t first, int64_t end) {
    if (++count <= kMaxRuns)
      path += fmt::format("M{} {}h{}", first, i, end - first);
  });
  if (count == 0 || count > kMaxRuns)
    return;
  double x = width / picture.keys, y = height / picture.queries;
  out += fmt::format("<path transform='translate({} {:g}) scale({:g} {:g})' stroke='{}' d='{}'/>\n", left, top + y / 2,
                     x, y, kPairFill.str(), path);
}

/// Lines between blocks, unless they would be closer than four pixels.
void SvgWriter::grid() {
  std::string path;
  if (width > 4 * picture.columns && height > 4 * picture.rows) {
    for (int64_t column = 1; column < picture.columns; ++column)
      path += fmt::format("M{:g} {}v{:g}", left + width * column * picture.blockCols / picture.keys, top, height);
    for (int64_t row = 1; row < picture.rows; ++row)
      path += fmt::format("M{} {:g}h{:g}", left, top + height * row * picture.blockRows / picture.queries, width);
  }
  out += fmt::format("<path stroke='#fff' stroke-width='.6' d='{}'/>\n", path);
  out += fmt::format("<rect x='{}' y='{}' width='{:g}' height='{:g}' fill='none' stroke='#555'/>\n", left, top, width,
                     height);
}

void SvgWriter::axes() {
  auto text = [&](double x, double y, llvm::StringRef anchor, const std::string &what, llvm::StringRef more = "") {
    out += fmt::format("<text x='{:g}' y='{:g}' text-anchor='{}'{}>{}</text>\n", x, y, anchor.str(), more.str(), what);
  };
  text(left, 24, "start", escaped(picture.title), " font-size='15' font-weight='bold'");
  text(left, top - 6, "start", "0");
  text(left + width / 2, top - 6, "middle", "keys j");
  text(left + width, top - 6, "end", std::to_string(picture.keys - 1));
  text(left - 6, top + 10, "end", "0");
  text(left - 6, top + height, "end", std::to_string(picture.queries - 1));
  text(0, 0, "middle", "queries i",
       fmt::format(" transform='translate({} {:g}) rotate(-90)'", left - 26, top + height / 2));
}

/// Kinds of blocks that the picture has, with their counts.
void SvgWriter::legend() {
  double x = left, y = top + height + 16;
  for (const Look &look : kLooks) {
    int64_t count = picture.count(look.kind);
    if (count == 0)
      continue;
    std::string label = fmt::format("{} {}", count, look.name.str());
    out += fmt::format("<rect x='{:g}' y='{:g}' width='11' height='11' fill='{}' stroke='#999' stroke-width='.5'/>"
                       "<text x='{:g}' y='{:g}'>{}</text>\n",
                       x, y, look.fill.str(), x + 16, y + 10, label);
    x += 22 + 6.9 * static_cast<double>(label.size());
  }
  int64_t square = picture.queries * picture.keys;
  std::string counts = fmt::format("blocks of {} x {}; visited: {:.1f}% of the square", picture.blockRows,
                                   picture.blockCols, percent(picture.visitedPairs(), square));
  if (!picture.pairs.empty())
    counts += fmt::format("; allowed: {:.1f}%", percent(picture.allowedPairs(), square));
  out += fmt::format("<text x='{}' y='{:g}'>{}</text>\n", left, y + 30, counts);
}

std::string SvgWriter::write() {
  double pageWidth = left + std::max<double>(width, side) + right, pageHeight = top + height + 60;
  out = fmt::format("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {:g} {:g}' width='{:g}' height='{:g}' "
                    "font-family='sans-serif' font-size='12' fill='#222'>\n<title>{}</title>\n"
                    "<clipPath id='clip'><rect x='{}' y='{}' width='{:g}' height='{:g}'/></clipPath>\n"
                    "<rect width='100%' height='100%' fill='#fff'/>\n",
                    pageWidth, pageHeight, pageWidth, pageHeight, escaped(picture.title), left, top, width, height);
  blocks();
  pairs();
  grid();
  axes();
  legend();
  return out + "</svg>\n";
}

std::string makeSvg(const MaskPicture &picture) { return SvgWriter(picture).write(); }

} // namespace attnc::tool
