//===- Schedules.cpp - The attribute that says how an op is computed ------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Attn/AttnOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include <functional>

using namespace mlir;
using namespace attnc::attn;

#define GET_ATTRDEF_CLASSES
#include "dialects/Attn/AttnAttrs.cpp.inc"

void AttnDialect::registerSchedules() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Attn/AttnAttrs.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

namespace {
/// `name = value` of an attribute; a flag has no `=`.
struct Field {
  StringLiteral name;
  std::function<ParseResult()> parse;
  bool isFlag = false;
};
} // namespace

/// `<name = value, ...>` in any order, each at most once.
static ParseResult parseFields(AsmParser &parser, ArrayRef<Field> fields) {
  SmallVector<bool> seen(fields.size());
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater, [&]() -> ParseResult {
    StringRef name;
    SMLoc where = parser.getCurrentLocation();
    if (parser.parseKeyword(&name))
      return failure();
    const Field *field = llvm::find_if(fields, [&](const Field &other) { return other.name == name; });
    if (field == fields.end())
      return parser.emitError(where) << "a schedule has no '" << name << "'; it has "
                                     << llvm::join(llvm::map_range(fields, [](auto &known) { return known.name; }),
                                                   ", ");
    if (std::exchange(seen[field - fields.begin()], true))
      return parser.emitError(where) << "'" << name << "' is there twice";
    if (!field->isFlag && parser.parseEqual())
      return failure();
    return field->parse();
  });
}

/// `[1 to 10, 17 to 21]`
static ParseResult parseRanges(AsmParser &parser, SmallVectorImpl<int64_t> &ranges) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
    return failure(parser.parseInteger(ranges.emplace_back()) || parser.parseKeyword("to") ||
                   parser.parseInteger(ranges.emplace_back()));
  });
}

static void printSizes(AsmPrinter &printer, ArrayRef<std::pair<StringLiteral, int64_t>> sizes,
                       llvm::ListSeparator &comma) {
  for (auto [name, size] : sizes)
    if (size)
      printer << StringRef(comma) << name << " = " << size;
}

Attribute AttentionScheduleAttr::parse(AsmParser &parser, Type) {
  SMLoc where = parser.getCurrentLocation();
  StringRef form, few;
  int64_t queries = 0, keys = 0, rows = 0, blocks = 0;
  bool oneBody = false;
  SmallVector<int64_t> ranges;
  Field fields[] = {{"form", [&] { return parser.parseKeyword(&form); }},
                    {"queries", [&] { return parser.parseInteger(queries); }},
                    {"keys", [&] { return parser.parseInteger(keys); }},
                    {"rows", [&] { return parser.parseInteger(rows); }},
                    {"blocks", [&] { return parser.parseInteger(blocks); }},
                    {"few", [&] { return parser.parseKeyword(&few); }},
                    {"few_queries", [&] { return parseRanges(parser, ranges); }},
                    {"one_body", [&] { return ParseResult(success(oneBody = true)); }, /*isFlag=*/true}};
  if (parseFields(parser, fields))
    return {};
  return parser.getChecked<AttentionScheduleAttr>(where, parser.getContext(), form, queries, keys, rows, blocks, few,
                                                  ranges, oneBody);
}

void AttentionScheduleAttr::print(AsmPrinter &printer) const {
  llvm::ListSeparator comma;
  printer << "<";
  if (!getForm().empty())
    printer << StringRef(comma) << "form = " << getForm();
  printSizes(printer, {{"queries", getQueries()}, {"keys", getKeys()}, {"rows", getRows()}, {"blocks", getBlocks()}},
             comma);
  if (!getFew().empty()) {
    printer << StringRef(comma) << "few = " << getFew() << ", few_queries = [";
    llvm::ListSeparator between;
    for (size_t at = 0; at < getFewQueries().size(); at += 2)
      printer << StringRef(between) << getFewQueries()[at] << " to " << getFewQueries()[at + 1];
    printer << "]";
  }
  if (getOneBody())
    printer << StringRef(comma) << "one_body";
  printer << ">";
}

Attribute ContractScheduleAttr::parse(AsmParser &parser, Type) {
  SMLoc where = parser.getCurrentLocation();
  int64_t columns = 0, rows = 0, rowBlock = 0, packRowBlock = 0, sumChunk = 0;
  Field fields[] = {{"columns", [&] { return parser.parseInteger(columns); }},
                    {"rows", [&] { return parser.parseInteger(rows); }},
                    {"row_block", [&] { return parser.parseInteger(rowBlock); }},
                    {"pack_row_block", [&] { return parser.parseInteger(packRowBlock); }},
                    {"sum_chunk", [&] { return parser.parseInteger(sumChunk); }}};
  if (parseFields(parser, fields))
    return {};
  return parser.getChecked<ContractScheduleAttr>(where, parser.getContext(), columns, rows, rowBlock, packRowBlock,
                                                 sumChunk);
}

void ContractScheduleAttr::print(AsmPrinter &printer) const {
  llvm::ListSeparator comma;
  printer << "<";
  printSizes(printer,
             {{"columns", getColumns()},
              {"rows", getRows()},
              {"row_block", getRowBlock()},
              {"pack_row_block", getPackRowBlock()},
              {"sum_chunk", getSumChunk()}},
             comma);
  printer << ">";
}

//===----------------------------------------------------------------------===//
// Verifiers: what no machine and no op can have. The rest is known to schedule/.
//===----------------------------------------------------------------------===//

static LogicalResult verifySizes(llvm::function_ref<InFlightDiagnostic()> emitError, ArrayRef<int64_t> sizes) {
  for (int64_t size : sizes)
    if (size < 0)
      return emitError() << "a size of a schedule is positive, not " << size;
  return success();
}

LogicalResult AttentionScheduleAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError, StringRef form,
                                            int64_t queries, int64_t keys, int64_t rows, int64_t blocks, StringRef few,
                                            ArrayRef<int64_t> fewQueries, bool) {
  if (few.empty() != fewQueries.empty())
    return emitError() << "'few' and 'few_queries' come together: a form, and the numbers of queries that it is for";
  if (!few.empty() && form.empty())
    return emitError() << "'few' needs a 'form' for all other numbers of queries";
  int64_t before = 0;
  for (int64_t number : fewQueries) {
    bool isLast = (&number - fewQueries.data()) % 2 != 0;
    if (number < before + !isLast)
      return emitError() << "'few_queries' are ranges of numbers from 1 that rise, such as [1 to 10, 17 to 21]";
    before = number;
  }
  return verifySizes(emitError, {queries, keys, rows, blocks});
}

LogicalResult ContractScheduleAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError, int64_t columns,
                                           int64_t rows, int64_t rowBlock, int64_t packRowBlock, int64_t sumChunk) {
  return verifySizes(emitError, {columns, rows, rowBlock, packRowBlock, sumChunk});
}
