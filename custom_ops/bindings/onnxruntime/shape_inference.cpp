#include <map>
#include <optional>

#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

constexpr const char kNext[] = " + 1";

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

bool ends_with_next(const std::string& text) {
  return text.size() >= 4 && text.compare(text.size() - 4, 4, kNext) == 0;
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

// What the inputs say about the letters of a signature.
class Letters {
 public:
  void bind(const Formal& formal, const TypeAndShape& input) {
    types_.emplace(formal.type, input.type);
    bind_tail(formal, input.shape);
    bind_sizes(formal, input.shape);
  }

  // Nothing, if a part of the shape is not known: the C API has no way to say so of a single size.
  std::optional<TypeAndShape> resolve(const Formal& formal) {
    TypeAndShape output{types_[formal.type], {}};
    for (std::string dim : formal.dims) {
      if (dim == "...") {
        const auto tail = tails_.find(formal.type);
        if (tail == tails_.end()) return std::nullopt;
        output.shape.insert(output.shape.end(), tail->second.begin(), tail->second.end());
      } else {
        const bool next = ends_with_next(dim);
        const Size& size = sizes_[next ? dim.substr(0, dim.size() - 4) : dim];
        output.shape.push_back(next ? plus_one(size) : size);
      }
    }
    for (const Size& size : output.shape)
      if (!size.known()) return std::nullopt;
    return output;
  }

 private:
  void bind_sizes(const Formal& formal, const Shape& shape) {
    for (size_t d = 0; d < formal.dims.size() && d < shape.size(); ++d) {
      std::string dim = formal.dims[d];
      if (dim == "...") return;
      const bool next = ends_with_next(dim);
      Size& size = sizes_[next ? dim.substr(0, dim.size() - 4) : dim];
      const Size seen = next ? minus_one(shape[d]) : shape[d];
      if (seen.value >= 0 || !size.known()) size = seen;
    }
  }

  void bind_tail(const Formal& formal, const Shape& shape) {
    const size_t fixed = formal.dims.size() - 1;
    const bool has_tail = std::string(formal.dims.back()) == "...";
    if (has_tail && !shape.empty() && shape.size() >= fixed)
      tails_.emplace(formal.type, Shape(shape.begin() + fixed, shape.end()));
  }

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
  Letters letters;
  for (size_t i = 0; i < num_inputs && i < type.inputs.size(); ++i)
    letters.bind(type.inputs[i], input_of(api, context, i));
  for (size_t i = 0; i < type.outputs.size(); ++i)
    if (const auto output = letters.resolve(type.outputs[i])) set_output(api, context, i, *output);
}

}  // namespace geocompile::ort_binding
