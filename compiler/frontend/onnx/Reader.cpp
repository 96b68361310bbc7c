//===- Reader.cpp - ONNX file -> Model ------------------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The only file that knows protobuf. Everything it hands on has been checked: sizes against bytes, ranks, versions.
//
//===----------------------------------------------------------------------===//

#include "compiler/frontend/onnx/Reader.h"
#include "compiler/frontend/onnx/Skeleton.h"
#include "compiler/frontend/onnx/TensorData.h"
#include "compiler/frontend/onnx/proto/onnx.pb.h"
#include "compiler/support/Limits.h"
#include "compiler/support/ReadPlainFile.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <unistd.h>

using namespace mlir;
using namespace attnc;
using namespace attnc::onnx;
using llvm::Expected;

namespace {
constexpr uint64_t kMaxFileBytes = (1ull << 31) - 1; // protobuf's own limit

class Reader {
public:
  Reader(StringRef path, MLIRContext *context) : path(path), context(context) { model.path = path.str(); }
  FailureOr<Model> read();

private:
  LogicalResult fail(const std::string &reason) {
    return emitError(FileLineColLoc::get(context, path, 0, 0), fmt::format("cannot read '{}': {}", path.str(), reason));
  }
  LogicalResult parse(::onnx::ModelProto &proto);
  LogicalResult readVersions(const ::onnx::ModelProto &proto);
  LogicalResult readGraph(const ::onnx::GraphProto &proto, Graph &graph, bool isModel);
  LogicalResult readFunction(const ::onnx::FunctionProto &proto);
  LogicalResult readInitializers(const ::onnx::GraphProto &proto, Graph &graph);
  LogicalResult readNode(const ::onnx::NodeProto &proto, Node &node);
  LogicalResult readAttribute(const ::onnx::AttributeProto &proto, const Node &node, NodeAttr &attribute);
  LogicalResult readValueInfo(const ::onnx::ValueInfoProto &proto, ValueInfo &info);
  LogicalResult readTensor(const ::onnx::TensorProto &proto, const std::string &what, Constant &constant);
  LogicalResult findExternalData(const ::onnx::TensorProto &proto, const std::string &what, uint64_t bytes,
                                 WeightPlace &place);
  LogicalResult findOwnData(const ::onnx::TensorProto &proto, const std::string &what, WeightPlace &place,
                            uint64_t &length);

  StringRef path;
  MLIRContext *context;
  Model model;
  weights::File file;                    ///< the model's own
  llvm::StringMap<weights::File> beside; ///< external data, by location
  uint64_t externalBytes = 0;
};
} // namespace

static uint64_t physicalMemory() {
  return static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

FailureOr<Model> attnc::onnx::readModel(StringRef path, MLIRContext *context) { return Reader(path, context).read(); }

/// "" for the standard's.
static std::string domainOf(const std::string &domain) { return domain == "ai.onnx" ? "" : printable(domain); }

FailureOr<Model> Reader::read() {
  ::onnx::ModelProto proto;
  if (failed(parse(proto)) || failed(readVersions(proto)))
    return failure();
  model.graphName = proto.graph().name();
  if (failed(readGraph(proto.graph(), model, /*isModel=*/true)))
    return failure();
  for (const ::onnx::FunctionProto &function : proto.functions())
    if (failed(readFunction(function)))
      return failure();
  if (model.outputs.empty())
    return fail("the graph has no outputs");
  return std::move(model);
}

LogicalResult Reader::readGraph(const ::onnx::GraphProto &proto, Graph &graph, bool isModel) {
  if (failed(readInitializers(proto, graph)))
    return failure();
  for (const ::onnx::NodeProto &node : proto.node())
    if (failed(readNode(node, graph.nodes.emplace_back())))
      return failure();
  for (const ::onnx::ValueInfoProto &input : proto.input()) {
    if (isModel && graph.initializers.contains(input.name()))
      continue; // before IR 4 every weight is also listed as an input
    if (failed(readValueInfo(input, graph.inputs.emplace_back())))
      return failure();
  }
  for (const ::onnx::ValueInfoProto &output : proto.output())
    if (failed(readValueInfo(output, graph.outputs.emplace_back())))
      return failure();
  return success();
}

LogicalResult Reader::readFunction(const ::onnx::FunctionProto &proto) {
  auto [it, isNew] = model.functions.try_emplace({domainOf(proto.domain()), printable(proto.name())});
  if (!isNew)
    return fail(fmt::format("two functions are named '{}'", printable(proto.name())));
  Function &function = it->second;
  function.inputs.assign(proto.input().begin(), proto.input().end());
  function.outputs.assign(proto.output().begin(), proto.output().end());
  function.opset = model.opset, function.opsets = model.opsets;
  for (const ::onnx::OperatorSetIdProto &import : proto.opset_import()) {
    if (std::string domain = domainOf(import.domain()); !domain.empty())
      function.opsets[domain] = import.version();
    else
      function.opset = import.version();
  }
  for (const ::onnx::NodeProto &node : proto.node())
    if (failed(readNode(node, function.nodes.emplace_back())))
      return failure();
  return success();
}

LogicalResult Reader::parse(::onnx::ModelProto &proto) {
  auto opened = attnc::readPlainFile(path, /*maxBytes=*/UINT64_MAX);
  if (!opened)
    return fail(llvm::toString(opened.takeError()));
  file = std::move(*opened);
  StringRef bytes = file->getBuffer();
  if (bytes.empty())
    return fail("the file is empty");
  if (bytes.size() > kMaxFileBytes)
    return fail("the file is larger than 2 GiB; store the weights as external data");
  google::protobuf::SetLogHandler(nullptr); // its messages name no file; ours does
  if (std::optional<std::string> skeleton = skeletonOf(bytes); skeleton && proto.ParseFromString(*skeleton))
    return success();
  // Once more with everything in it, to say where the damage is.
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t *>(bytes.data()),
                                                static_cast<int>(bytes.size()));
  // The default recursion limit (100 messages) stays: deeper files are refused instead of overflowing the stack.
  if (!proto.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
    return fail(fmt::format("not an ONNX model, or a truncated or damaged one (parsing stopped near byte {} of {})",
                            stream.CurrentPosition(), bytes.size()));
  return success();
}

LogicalResult Reader::readVersions(const ::onnx::ModelProto &proto) {
  if (!proto.has_ir_version() || !proto.has_graph())
    return fail(fmt::format("not an ONNX model (no {})", proto.has_graph() ? "IR version" : "graph"));
  model.irVersion = proto.ir_version();
  const ::onnx::OperatorSetIdProto *opset = nullptr;
  for (const ::onnx::OperatorSetIdProto &import : proto.opset_import())
    if (std::string domain = domainOf(import.domain()); domain.empty())
      opset = &import;
    else
      model.opsets[domain] = import.version();
  if (!opset)
    return fail("it names no version of the standard operators (opset_import)");
  model.opset = opset->version();
  auto inside = [](int64_t value, int64_t low, int64_t high) { return value >= low && value <= high; };
  if (!inside(model.irVersion, kMinIrVersion, kMaxIrVersion) || !inside(model.opset, kMinOpset, kMaxOpset))
    return fail(
        fmt::format("it uses IR version {} and opset {}; this build reads IR versions {} to {} and opsets {} to "
                    "{}; export it again with another opset version",
                    model.irVersion, model.opset, kMinIrVersion, kMaxIrVersion, kMinOpset, kMaxOpset));
  return success();
}

LogicalResult Reader::readInitializers(const ::onnx::GraphProto &proto, Graph &graph) {
  for (const ::onnx::TensorProto &tensor : proto.initializer()) {
    auto [it, isNew] = graph.initializers.try_emplace(tensor.name());
    if (!isNew)
      return fail(fmt::format("two initializers are named '{}'", printable(tensor.name())));
    if (failed(readTensor(tensor, fmt::format("initializer '{}'", printable(tensor.name())), it->second)))
      return failure();
  }
  for (const ::onnx::SparseTensorProto &tensor : proto.sparse_initializer())
    graph.initializers[tensor.values().name()] = {nullptr, std::nullopt, "sparse tensors", nullptr};
  return success();
}

LogicalResult Reader::readNode(const ::onnx::NodeProto &proto, Node &node) {
  node.opType = printable(proto.op_type());
  node.domain = domainOf(proto.domain());
  node.inputs.assign(proto.input().begin(), proto.input().end());
  node.outputs.assign(proto.output().begin(), proto.output().end());
  node.name = printable(proto.name());
  if (node.name.empty() && !node.outputs.empty())
    node.name = printable(node.outputs.front());
  for (const ::onnx::AttributeProto &attribute : proto.attribute()) {
    auto [it, isNew] = node.attributes.try_emplace(attribute.name());
    if (!isNew)
      return fail(fmt::format("{} has two attributes '{}'", node.describe(), printable(attribute.name())));
    if (failed(readAttribute(attribute, node, it->second)))
      return failure();
  }
  return success();
}

LogicalResult Reader::readAttribute(const ::onnx::AttributeProto &proto, const Node &node, NodeAttr &attribute) {
  using Proto = ::onnx::AttributeProto;
  attribute.reference = proto.ref_attr_name();
  switch (proto.type()) {
  case Proto::INT:
    attribute.kind = NodeAttr::Kind::Int, attribute.i = proto.i();
    break;
  case Proto::FLOAT:
    attribute.kind = NodeAttr::Kind::Float, attribute.f = proto.f();
    break;
  case Proto::STRING:
    attribute.kind = NodeAttr::Kind::String, attribute.s = proto.s();
    break;
  case Proto::INTS:
    attribute.kind = NodeAttr::Kind::Ints, attribute.ints.assign(proto.ints().begin(), proto.ints().end());
    break;
  case Proto::FLOATS:
    attribute.kind = NodeAttr::Kind::Floats, attribute.floats.assign(proto.floats().begin(), proto.floats().end());
    break;
  case Proto::STRINGS:
    attribute.kind = NodeAttr::Kind::Strings, attribute.strings.assign(proto.strings().begin(), proto.strings().end());
    break;
  case Proto::TENSOR:
    attribute.kind = NodeAttr::Kind::Tensor;
    if (!attribute.reference.empty())
      break;
    return readTensor(proto.t(), fmt::format("attribute '{}' of {}", printable(proto.name()), node.describe()),
                      attribute.tensor);
  case Proto::GRAPH:
    attribute.kind = NodeAttr::Kind::Graph;
    attribute.graph = std::make_shared<Graph>();
    return readGraph(proto.g(), *attribute.graph, /*isModel=*/false);
  default: // types, sparse tensors, and whatever is newer than this build
    break;
  }
  return success();
}

LogicalResult Reader::readValueInfo(const ::onnx::ValueInfoProto &proto, ValueInfo &info) {
  info.name = proto.name();
  if (info.name.empty())
    return fail("a graph input or output has no name");
  if (!proto.type().has_tensor_type()) {
    info.problem = "not a tensor";
    return success();
  }
  const ::onnx::TypeProto::Tensor &tensor = proto.type().tensor_type();
  info.elementType = elementTypeOf(tensor.elem_type(), context);
  if (!info.elementType)
    info.problem = dataTypeName(tensor.elem_type());
  if (!tensor.has_shape())
    return success();
  if (tensor.shape().dim_size() > kMaxRank)
    return fail(
        fmt::format("'{}' has rank {}; the limit is {}", printable(info.name), tensor.shape().dim_size(), kMaxRank));
  info.shape.emplace();
  for (const auto &dim : tensor.shape().dim()) {
    Dim &result = info.shape->emplace_back();
    if (dim.has_dim_param())
      result.name = dim.dim_param();
    else if (dim.has_dim_value() && dim.dim_value() > attnc::kMaxExtent)
      return fail(
          fmt::format("'{}': extent {} is out of range: expected 0 to 2^29", printable(info.name), dim.dim_value()));
    else if (dim.has_dim_value() && dim.dim_value() >= 0) // some exporters write -1 for "dynamic"
      result.value = dim.dim_value();
  }
  return success();
}

LogicalResult Reader::findExternalData(const ::onnx::TensorProto &proto, const std::string &what, uint64_t bytes,
                                       WeightPlace &place) {
  std::string location;
  int64_t offset = 0, length = -1;
  for (const ::onnx::StringStringEntryProto &entry : proto.external_data()) {
    bool isBad = false;
    if (entry.key() == "location")
      location = entry.value();
    else if (entry.key() == "offset")
      isBad = StringRef(entry.value()).getAsInteger(10, offset) || offset < 0;
    else if (entry.key() == "length")
      isBad = StringRef(entry.value()).getAsInteger(10, length) || length < 0;
    if (isBad)
      return fail(fmt::format("{}: external {} '{}' is no size", what, entry.key(), printable(entry.value())));
  }
  // A file may have any size and nothing in it.
  externalBytes += bytes;
  if (externalBytes > physicalMemory())
    return fail(fmt::format("{}: the external data up to here has {} bytes, this machine has a memory of {}", what,
                            externalBytes, physicalMemory()));
  Expected<weights::File> opened = openExternalData(path, location, offset, length, bytes);
  if (!opened)
    return fail(what + ": " + llvm::toString(opened.takeError()));
  weights::File &known = beside[location]; // one mapping for all tensors of a file
  if (!known)
    known = std::move(*opened);
  llvm::SmallString<256> full(llvm::sys::path::parent_path(path));
  llvm::sys::path::append(full, location);
  place = {known, full.str().str(), static_cast<uint64_t>(offset), nullptr};
  return success();
}

/// Where the raw data lies that the skeleton has left out; a null file if it has not.
LogicalResult Reader::findOwnData(const ::onnx::TensorProto &proto, const std::string &what, WeightPlace &place,
                                  uint64_t &length) {
  for (const ::onnx::StringStringEntryProto &entry : proto.external_data()) {
    if (entry.key() != kOwnData)
      continue;
    auto [offset, size] = StringRef(entry.value()).split(' ');
    if (offset.getAsInteger(10, place.offset) || size.getAsInteger(10, length) ||
        place.offset > file->getBufferSize() || length > file->getBufferSize() - place.offset)
      return fail(what + ": its external data is damaged");
    place.file = file;
    place.path = path.str();
  }
  return success();
}

/// Whether `raw`, whole elements of `type`, are the numbers of a weight. Integers that the importer computes with are
/// none. Tensors of one or two different values are constants of whatever size: they are masks and fillings, which the
/// compiler looks into.
static bool isWeight(ArrayRef<char> raw, Type type) {
  size_t bytes = type.getIntOrFloatBitWidth() / 8;
  if (raw.size() < kMinWeightBytes || bytes == 0 || (isa<IntegerType>(type) && raw.size() / bytes <= kMaxTracked))
    return false;
  const char *second = nullptr;
  for (size_t at = 0; at < raw.size(); at += bytes) {
    const char *element = raw.data() + at;
    if (std::memcmp(element, raw.data(), bytes) == 0 || (second && std::memcmp(element, second, bytes) == 0))
      continue;
    if (second)
      return true;
    second = element;
  }
  return false;
}

LogicalResult Reader::readTensor(const ::onnx::TensorProto &proto, const std::string &what, Constant &constant) {
  TensorSource source;
  source.dims.assign(proto.dims().begin(), proto.dims().end());
  source.dataType = proto.data_type();
  constant.elementType = elementTypeOf(source.dataType, context);
  if (!constant.elementType) {
    constant.problem = dataTypeName(source.dataType);
    return success();
  }
  if (proto.has_segment())
    return fail(what + ": tensor segments are not part of ONNX files any more");
  Expected<uint64_t> size = byteSize(source, context);
  if (!size)
    return fail(what + ": " + llvm::toString(size.takeError()));

  WeightPlace place;
  uint64_t length = *size;
  bool isExternal = proto.data_location() == ::onnx::TensorProto::EXTERNAL;
  if (failed(isExternal ? findExternalData(proto, what, *size, place) : findOwnData(proto, what, place, length)))
    return failure();
  if (place.file)
    source.raw = ArrayRef<char>(place.file->getBufferStart() + place.offset, length);
  else if (proto.has_raw_data())
    source.raw = ArrayRef<char>(proto.raw_data().data(), proto.raw_data().size());
  source.floats = {proto.float_data().data(), static_cast<size_t>(proto.float_data_size())};
  source.int32s = {proto.int32_data().data(), static_cast<size_t>(proto.int32_data_size())};
  source.int64s = {reinterpret_cast<const int64_t *>(proto.int64_data().data()),
                   static_cast<size_t>(proto.int64_data_size())};
  source.uint64s = {reinterpret_cast<const uint64_t *>(proto.uint64_data().data()),
                    static_cast<size_t>(proto.uint64_data_size())};
  source.doubles = {proto.double_data().data(), static_cast<size_t>(proto.double_data_size())};
  Type element = storedType(constant.elementType);
  if (place.file && length == *size && isWeight(*source.raw, element)) {
    place.type = RankedTensorType::get(source.dims, element);
    constant.weight = std::move(place);
    return success();
  }
  Expected<DenseElementsAttr> attr = readTensorData(source, context);
  if (!attr)
    return fail(what + ": " + llvm::toString(attr.takeError()));
  constant.value = *attr;
  return success();
}
