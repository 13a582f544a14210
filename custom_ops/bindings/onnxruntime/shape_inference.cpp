#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

constexpr const char kNext[] = " + 1";
constexpr const char kAtDim[] = " at dim";

// A number, a symbolic name, or (neither) unknown.
struct Size {
  int64_t value = -1;
  std::string name;

  bool known() const { return value >= 0 || !name.empty(); }
};

using Shape = std::vector<Size>;

struct TypeAndShape {
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  Shape shape;
};

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool ends_with_next(const std::string& text) { return ends_with(text, kNext); }

// Whether the first size of a formal stands where the attribute dim says.
bool at_dim(const Formal& formal) { return ends_with(formal.dims.front(), kAtDim); }

std::string letter_of(std::string dim) {
  for (const std::string end : {kNext, kAtDim})
    if (ends_with(dim, end)) dim.resize(dim.size() - end.size());
  return dim;
}

Size plus_one(const Size& size) {
  return size.value >= 0 ? Size{size.value + 1, ""} : Size{-1, size.name.empty() ? "" : size.name + kNext};
}

Size minus_one(const Size& size) {
  if (size.value > 0) return Size{size.value - 1, ""};
  return Size{-1, ends_with_next(size.name) ? size.name.substr(0, size.name.size() - 4) : ""};
}

// ONNX Runtime shows a tensor of unknown rank as one of rank 0, which no operator here takes.
TypeAndShape input_of(const OrtApi& api, const OrtShapeInferContext* context, size_t index) {
  OrtTensorTypeAndShapeInfo* info = nullptr;
  TypeAndShape input;
  size_t rank = 0;
  check(api, api.ShapeInferContext_GetInputTypeShape(context, index, &info));
  check(api, api.GetTensorElementType(info, &input.type));
  check(api, api.GetDimensionsCount(info, &rank));
  std::vector<int64_t> values(rank);
  std::vector<const char*> names(rank);
  check(api, api.GetDimensions(info, values.data(), rank));
  check(api, api.GetSymbolicDimensions(info, names.data(), rank));
  for (size_t d = 0; d < rank; ++d) input.shape.push_back(Size{values[d], names[d] ? names[d] : ""});
  return input;
}

// The node's attribute `dim`, for an op type that has one.
int64_t dim_of(const OrtApi& api, const OpType& type, const OrtShapeInferContext* context) {
  int64_t dim = 0;
  for (const Attribute& attribute : type.attributes) {
    if (std::string(attribute.name) != "dim") continue;
    const OrtOpAttr* given = nullptr;
    size_t size = 0;
    OrtStatus* status = api.ShapeInferContext_GetAttribute(context, "dim", &given);
    if (!status) status = api.ReadOpAttr(given, ORT_OP_ATTR_INT, &dim, sizeof(dim), &size);
    if (status) api.ReleaseStatus(status);  // not written on the node: its default value
  }
  return dim;
}

// What the inputs say about the letters of a signature.
class Letters {
 public:
  explicit Letters(int64_t dim) : dim_(dim) { types_['P'] = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64; }

  void bind(const Formal& formal, const TypeAndShape& input) {
    types_.emplace(formal.type, input.type);
    Shape shape = input.shape;
    if (at_dim(formal)) {
      const size_t place = place_of_dim(shape.size());
      if (place >= shape.size()) return;  // refused when the node runs
      std::rotate(shape.begin(), shape.begin() + place, shape.begin() + place + 1);
    }
    bind_tail(formal, shape);
    bind_sizes(formal, shape);
  }

  // Nothing, if a part of the shape is not known: the C API has no way to say so of a single size.
  std::optional<TypeAndShape> resolve(const Formal& formal) {
    TypeAndShape output{types_[formal.type], {}};
    for (std::string dim : formal.dims) {
      if (dim == "...") {
        const auto tail = tails_.find(formal.type == 'P' ? 'T' : formal.type);  // places have the shape of values
        if (tail == tails_.end()) return std::nullopt;
        output.shape.insert(output.shape.end(), tail->second.begin(), tail->second.end());
      } else if (std::isdigit(static_cast<unsigned char>(dim.front()))) {
        output.shape.push_back(Size{std::stoll(dim), ""});
      } else {
        const bool next = ends_with_next(dim);
        const Size& size = sizes_[letter_of(dim)];
        output.shape.push_back(next ? plus_one(size) : size);
      }
    }
    for (const Size& size : output.shape)
      if (!size.known()) return std::nullopt;
    Shape& shape = output.shape;
    if (at_dim(formal)) std::rotate(shape.begin(), shape.begin() + 1, shape.begin() + place_of_dim(shape.size()) + 1);
    return output;
  }

 private:
  void bind_sizes(const Formal& formal, const Shape& shape) {
    for (size_t d = 0; d < formal.dims.size() && d < shape.size(); ++d) {
      std::string dim = formal.dims[d];
      if (dim == "...") return;
      const bool next = ends_with_next(dim);
      Size& size = sizes_[letter_of(dim)];
      const Size seen = next ? minus_one(shape[d]) : shape[d];
      if (seen.value >= 0 || !size.known()) size = seen;
    }
  }

  size_t place_of_dim(size_t rank) const {
    return static_cast<size_t>(dim_ < 0 ? dim_ + static_cast<int64_t>(rank) : dim_);
  }

  void bind_tail(const Formal& formal, const Shape& shape) {
    const size_t fixed = formal.dims.size() - 1;
    const bool has_tail = std::string(formal.dims.back()) == "...";
    if (has_tail && !shape.empty() && shape.size() >= fixed)
      tails_.emplace(formal.type, Shape(shape.begin() + fixed, shape.end()));
  }

  int64_t dim_;
  std::map<char, ONNXTensorElementDataType> types_;
  std::map<std::string, Size> sizes_;
  std::map<char, Shape> tails_;
};

// Sets the type too: newer versions of ONNX Runtime read both from here, 1.18 only the shape.
void set_output(const OrtApi& api, const OrtShapeInferContext* context, size_t index, const TypeAndShape& output) {
  std::vector<int64_t> values;
  std::vector<const char*> names;
  for (const Size& size : output.shape) {
    values.push_back(size.value);
    names.push_back(size.value >= 0 ? "" : size.name.c_str());
  }
  OrtTensorTypeAndShapeInfo* info = nullptr;
  check(api, api.CreateTensorTypeAndShapeInfo(&info));
  OrtStatus* status = api.SetTensorElementType(info, output.type);
  if (!status) status = api.SetDimensions(info, values.data(), values.size());
  if (!status) status = api.SetSymbolicDimensions(info, names.data(), names.size());
  if (!status) status = api.ShapeInferContext_SetOutputTypeShape(context, index, info);
  api.ReleaseTensorTypeAndShapeInfo(info);
  check(api, status);
}

}  // namespace

void infer_shapes(const OrtApi& api, const OpType& type, const OrtShapeInferContext* context) {
  size_t num_inputs = 0;
  check(api, api.ShapeInferContext_GetInputCount(context, &num_inputs));
  Letters letters(dim_of(api, type, context));
  for (size_t i = 0; i < num_inputs && i < type.inputs.size(); ++i)
    letters.bind(type.inputs[i], input_of(api, context, i));
  for (size_t i = 0; i < type.outputs.size(); ++i)
    if (const auto output = letters.resolve(type.outputs[i])) set_output(api, context, i, *output);
}

}  // namespace geocompile::ort_binding
