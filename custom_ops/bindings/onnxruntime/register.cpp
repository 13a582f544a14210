// RegisterCustomOps, the entry point that ONNX Runtime looks up, and the C struct that it is handed for each op type.
#include <deque>
#include <map>
#include <memory>
#include <mutex>

#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

// One op type for one pair of dtypes. ONNX Runtime chooses among those of one name by the types of a node's inputs.
struct CustomOp : OrtCustomOp {
  CustomOp(const OrtApi& api, const OpType& type, ONNXTensorElementDataType value, ONNXTensorElementDataType index);

  // The first input of each letter chooses; the others are left to our own checks, whose messages name the argument.
  ONNXTensorElementDataType input_type(size_t i) const {
    for (size_t earlier = 0; earlier < i; ++earlier)
      if (type.inputs[earlier].type == type.inputs[i].type) return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    return dtype_of(type.inputs[i].type);
  }

  ONNXTensorElementDataType dtype_of(char letter) const {
    if (letter == 'P') return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
    return letter == 'T' ? value : letter == 'I' ? index : ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  }

  const OrtApi& api;
  const OpType& type;
  ONNXTensorElementDataType value, index;
};

const CustomOp& self(const OrtCustomOp* op) { return *static_cast<const CustomOp*>(op); }

// A node need not write an attribute that has its default value. One of another type is refused: ONNX Runtime has one
// error code for both, so that only the words of its message tell which it is.
double read_attribute(const OrtApi& api, const OrtKernelInfo* info, const OpType& type, const Attribute& attribute) {
  float real = 0;
  int64_t integer = 0;
  OrtStatus* status = attribute.is_integer ? api.KernelInfoGetAttribute_int64(info, attribute.name, &integer)
                                           : api.KernelInfoGetAttribute_float(info, attribute.name, &real);
  if (!status) return attribute.is_integer ? static_cast<double>(integer) : static_cast<double>(real);
  const std::string reason = api.GetErrorMessage(status);
  api.ReleaseStatus(status);
  if (reason.find("No attribute with") != std::string::npos) return attribute.default_value;
  throw std::invalid_argument("geocompile." + type.name + ": attribute '" + attribute.name + "' must be " +
                              (attribute.is_integer ? "an int" : "a float") + " (ONNX Runtime reports: " + reason +
                              ")");
}

OrtStatus* ORT_API_CALL create_kernel(const OrtCustomOp* op, const OrtApi*, const OrtKernelInfo* info, void** out) {
  const CustomOp& custom = self(op);
  return guarded(custom.api, [&] {
    auto kernel = std::make_unique<Kernel>(Kernel{custom.api, custom.type, nullptr, {}});
    for (const Attribute& attribute : custom.type.attributes)
      kernel->attributes.push_back(read_attribute(custom.api, info, custom.type, attribute));
    check(custom.api, custom.api.KernelInfoGetAllocator(info, OrtMemTypeDefault, &kernel->allocator));
    *out = kernel.release();
  });
}

void ORT_API_CALL destroy_kernel(void* data) {
  std::unique_ptr<Kernel> kernel(static_cast<Kernel*>(data));
  if (kernel) kernel->api.ReleaseAllocator(kernel->allocator);
}

OrtStatus* ORT_API_CALL compute(void* data, OrtKernelContext* context) {
  const Kernel& kernel = *static_cast<const Kernel*>(data);
  return guarded(kernel.api, [&] { kernel.type.compute(Call(kernel, context)); });
}

// ONNX Runtime drops the status that this returns. Shapes that cannot be told are found when the node runs.
OrtStatus* ORT_API_CALL infer(const OrtCustomOp* op, OrtShapeInferContext* context) {
  const CustomOp& custom = self(op);
  OrtStatus* status = guarded(custom.api, [&] { infer_shapes(custom.api, custom.type, context); });
  if (status) custom.api.ReleaseStatus(status);
  return nullptr;
}

CustomOp::CustomOp(const OrtApi& api_, const OpType& type_, ONNXTensorElementDataType value_,
                   ONNXTensorElementDataType index_)
    : OrtCustomOp{}, api(api_), type(type_), value(value_), index(index_) {
  version = kApiVersion;
  GetName = [](const OrtCustomOp* op) { return self(op).type.name.c_str(); };
  GetExecutionProviderType = [](const OrtCustomOp*) -> const char* { return "CPUExecutionProvider"; };
  GetInputTypeCount = [](const OrtCustomOp* op) { return self(op).type.inputs.size(); };
  GetOutputTypeCount = [](const OrtCustomOp* op) { return self(op).type.outputs.size(); };
  GetInputType = [](const OrtCustomOp* op, size_t i) { return self(op).input_type(i); };
  GetOutputType = [](const OrtCustomOp* op, size_t i) { return self(op).dtype_of(self(op).type.outputs[i].type); };
  GetInputCharacteristic = [](const OrtCustomOp*, size_t) { return INPUT_OUTPUT_REQUIRED; };
  GetOutputCharacteristic = [](const OrtCustomOp*, size_t) { return INPUT_OUTPUT_REQUIRED; };
  GetInputMemoryType = [](const OrtCustomOp*, size_t) { return OrtMemTypeDefault; };
  GetStartVersion = [](const OrtCustomOp*) { return 1; };
  CreateKernelV2 = create_kernel;
  KernelDestroy = destroy_kernel;
  KernelComputeV2 = compute;
  InferOutputShapeFn = infer;
}

// Everything that is registered with one ONNX Runtime library.
class Registry {
 public:
  explicit Registry(const OrtApi& api) : types_(op_types()) {
    for (const OpType& type : types_) add(api, type);
    check(api, api.CreateCustomOpDomain("geocompile", &domain_));
    for (const CustomOp& op : ops_) check(api, api.CustomOpDomain_Add(domain_, &op));
  }

  OrtCustomOpDomain* domain() const { return domain_; }

 private:
  void add(const OrtApi& api, const OpType& type) {
    bool has_values = false, has_indices = false;
    for (const Formal& input : type.inputs) {
      has_values |= input.type == 'T';
      has_indices |= input.type == 'I';
    }
    for (auto index : {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32}) {
      for (auto value : {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE,
                         ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16, ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16}) {
        ops_.emplace_back(api, type, value, index);
        if (!has_values) break;  // one form for each index dtype
      }
      if (!has_indices) break;  // and one for each value dtype
    }
  }

  std::vector<OpType> types_;
  std::deque<CustomOp> ops_;  // a deque: addresses stay
  OrtCustomOpDomain* domain_ = nullptr;
};

// Sessions keep pointers into a registry for as long as they live, so a registry is never destroyed. A process may
// hold more than one ONNX Runtime, and a domain belongs to the one that made it.
const Registry& registry_of(const OrtApi& api) {
  static auto* const mutex = new std::mutex;
  static auto* const registries = new std::map<const OrtApi*, std::unique_ptr<const Registry>>;
  const std::lock_guard<std::mutex> lock(*mutex);
  auto& registry = (*registries)[&api];
  if (!registry) registry = std::make_unique<const Registry>(api);
  return *registry;
}

}  // namespace
}  // namespace geocompile::ort_binding

#ifdef _WIN32
#define GEOCOMPILE_EXPORT __declspec(dllexport)
#else
#define GEOCOMPILE_EXPORT __attribute__((visibility("default")))
#endif

extern "C" GEOCOMPILE_EXPORT OrtStatus* ORT_API_CALL RegisterCustomOps(OrtSessionOptions* options,
                                                                       const OrtApiBase* base) {
  using namespace geocompile::ort_binding;
  const OrtApi* api = base->GetApi(kApiVersion);
  if (!api) {  // CreateStatus is the first function of every version
    const std::string message = std::string("geocompile: ONNX Runtime 1.18 or later is needed, this is ") +
                                base->GetVersionString() + "; upgrade onnxruntime";
    return base->GetApi(1)->CreateStatus(ORT_FAIL, message.c_str());
  }
  return guarded(*api, [&] { check(*api, api->AddCustomOpDomain(options, registry_of(*api).domain())); });
}
