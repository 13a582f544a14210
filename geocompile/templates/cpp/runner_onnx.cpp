// Runs the ONNX engine of a bundle on its samples: runner_onnx BUNDLE LIBONNXRUNTIME [--portable]
//
// ONNX Runtime is opened at run time and called through its C ABI, so that this builds without any of its files.
#include "bundle.h"
#include "ort_c_api.h"

namespace {

const OrtApi* ort = nullptr;

void check(OrtStatus* status) {
  if (status == nullptr) return;
  const std::string message = ort->GetErrorMessage(status);
  ort->ReleaseStatus(status);
  throw std::runtime_error(message);
}

// An object of ONNX Runtime that is released when its owner goes, by an exception too.
template <typename T>
using Owned = std::unique_ptr<T, void(ORT_API_CALL*)(T*)>;

// `create` is a function of OrtApi, but for its last argument.
template <typename T, typename Create>
Owned<T> make(void(ORT_API_CALL* release)(T*), const Create& create) {
  T* object = nullptr;
  OrtStatus* const status = create(&object);
  Owned<T> owner(object, release);
  check(status);
  return owner;
}

void open_runtime(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(dlerror());
  const auto base = reinterpret_cast<const OrtApiBase* (*)()>(dlsym(library, "OrtGetApiBase"));
  if (base == nullptr) throw std::runtime_error(path + " is not ONNX Runtime: it has no OrtGetApiBase");
  ort = base()->GetApi(18);
  if (ort == nullptr) throw std::runtime_error(path + " is older than ONNX Runtime 1.18");
}

ONNXTensorElementDataType element_type(const std::string& dtype) {
  static const std::map<std::string, ONNXTensorElementDataType> types = {
      {"float32", ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT},   {"float64", ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE},
      {"float16", ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16}, {"int64", ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64},
      {"int32", ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32},     {"int16", ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16},
      {"int8", ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8},       {"uint8", ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8},
      {"bool", ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL}};
  return types.at(dtype);
}

// An OrtValue over the tensor's own memory, which must outlive it.
Owned<OrtValue> to_ort(const bundle::Tensor& tensor, const OrtMemoryInfo* memory) {
  return make<OrtValue>(ort->ReleaseValue, [&](OrtValue** value) {
    return ort->CreateTensorWithDataAsOrtValue(memory, const_cast<char*>(tensor.bytes.data()), tensor.bytes.size(),
                                               tensor.shape.data(), tensor.shape.size(), element_type(tensor.dtype),
                                               value);
  });
}

bundle::Tensor from_ort(OrtValue* value) {
  const auto info = make<OrtTensorTypeAndShapeInfo>(
      ort->ReleaseTensorTypeAndShapeInfo,
      [&](OrtTensorTypeAndShapeInfo** info) { return ort->GetTensorTypeAndShape(value, info); });
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  size_t rank = 0;
  check(ort->GetTensorElementType(info.get(), &type));
  check(ort->GetDimensionsCount(info.get(), &rank));
  std::vector<int64_t> shape(rank);
  check(ort->GetDimensions(info.get(), shape.data(), rank));
  void* data = nullptr;
  check(ort->GetTensorMutableData(value, &data));
  for (const bundle::Dtype& dtype : bundle::dtypes) {
    if (element_type(dtype.name) != type) continue;
    const char* bytes = static_cast<const char*>(data);
    return {dtype.name, shape, std::vector<char>(bytes, bytes + bundle::byte_size(dtype.name, shape))};
  }
  throw std::runtime_error("the runners have no ONNX element type " + std::to_string(type));
}

class Session {
 public:
  Session(const bundle::Bundle& bundle, bool portable)
      : env_(make<OrtEnv>(ort->ReleaseEnv,
                          [](OrtEnv** env) { return ort->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "runner", env); })),
        session_(open(bundle, portable)),
        memory_(make<OrtMemoryInfo>(ort->ReleaseMemoryInfo, [](OrtMemoryInfo** memory) {
          return ort->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, memory);
        })) {
    for (const auto& spec : bundle.manifest()["inputs"].items()) manifest_inputs_.push_back(spec["name"].text());
    size_t count = 0;
    check(ort->SessionGetInputCount(session_.get(), &count));
    for (size_t i = 0; i < count; ++i) inputs_.push_back(name(ort->SessionGetInputName, i));
    check(ort->SessionGetOutputCount(session_.get(), &count));
    for (size_t i = 0; i < count; ++i) outputs_.push_back(name(ort->SessionGetOutputName, i));
  }

  std::vector<bundle::Tensor> run(const std::vector<bundle::Tensor>& tensors) const {
    std::vector<Owned<OrtValue>> inputs, outputs;
    for (const std::string& input : inputs_) inputs.push_back(to_ort(tensors.at(position(input)), memory_.get()));
    std::vector<const OrtValue*> arguments;
    for (const auto& input : inputs) arguments.push_back(input.get());
    const std::vector<const char*> input_names = pointers(inputs_), output_names = pointers(outputs_);
    std::vector<OrtValue*> made(outputs_.size(), nullptr);
    OrtStatus* const status = ort->Run(session_.get(), nullptr, input_names.data(), arguments.data(), arguments.size(),
                                       output_names.data(), made.size(), made.data());
    for (OrtValue* output : made) outputs.emplace_back(output, ort->ReleaseValue);
    check(status);
    std::vector<bundle::Tensor> results;
    for (const auto& output : outputs) results.push_back(from_ort(output.get()));
    return results;
  }

 private:
  Owned<OrtSession> open(const bundle::Bundle& bundle, bool portable) const {
    const auto options = make<OrtSessionOptions>(
        ort->ReleaseSessionOptions, [](OrtSessionOptions** options) { return ort->CreateSessionOptions(options); });
    if (!portable) {
      for (const std::string& library : bundle.libraries("onnx")) {
        check(ort->RegisterCustomOpsLibrary_V2(options.get(), library.c_str()));
      }
    }
    return make<OrtSession>(ort->ReleaseSession, [&](OrtSession** session) {
      return ort->CreateSession(env_.get(), bundle.engine("onnx").c_str(), options.get(), session);
    });
  }

  template <typename GetName>
  std::string name(GetName get, size_t index) const {
    OrtAllocator* allocator = nullptr;
    char* text = nullptr;
    check(ort->GetAllocatorWithDefaultOptions(&allocator));
    check(get(session_.get(), index, allocator, &text));
    const std::string result = text;
    check(ort->AllocatorFree(allocator, text));
    return result;
  }

  // Where the manifest, and so each sample, has the engine's input; an unused input may be absent from the engine.
  size_t position(const std::string& input) const {
    const auto found = std::find(manifest_inputs_.begin(), manifest_inputs_.end(), input);
    if (found == manifest_inputs_.end()) throw std::runtime_error("the manifest has no input " + input);
    return static_cast<size_t>(found - manifest_inputs_.begin());
  }

  static std::vector<const char*> pointers(const std::vector<std::string>& names) {
    std::vector<const char*> result;
    for (const std::string& name : names) result.push_back(name.c_str());
    return result;
  }

  Owned<OrtEnv> env_;  // first, so that it goes last
  Owned<OrtSession> session_;
  Owned<OrtMemoryInfo> memory_;
  std::vector<std::string> manifest_inputs_, inputs_, outputs_;
};

bundle::Engine open(const bundle::Bundle& bundle, const std::vector<std::string>& arguments) {
  if (arguments.empty()) throw std::runtime_error("give the path of libonnxruntime.so as second argument");
  open_runtime(arguments[0]);
  const bool portable = arguments.size() > 1 && arguments[1] == "--portable";
  const auto session = std::make_shared<Session>(bundle, portable);
  return [session](const std::vector<bundle::Tensor>& inputs) { return session->run(inputs); };
}

}  // namespace

int main(int argc, char** argv) { return bundle::run_main(argc, argv, "BUNDLE LIBONNXRUNTIME [--portable]", open); }
