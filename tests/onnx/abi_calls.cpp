// Calls every function of ort_c_api.h in a real ONNX Runtime: one with another meaning at that position would fail.
// It is itself a custom op library: registering it runs the calls, whatever file the runtime came in.
// Compiled with LIBRARY (path of libgeocompile_ort.so) and MODEL (path of a model of one abi.Probe node).
#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "bindings/onnxruntime/ort.h"

namespace {

const OrtApi* api = nullptr;

#define REQUIRE(condition)                                        \
  if (!(condition)) {                                             \
    std::printf("failed at line %d: " #condition "\n", __LINE__); \
    std::exit(1);                                                 \
  }
#define CALL(name, ...)                                        \
  if (OrtStatus* status = api->name(__VA_ARGS__)) {            \
    std::printf(#name ": %s\n", api->GetErrorMessage(status)); \
    std::exit(1);                                              \
  }

// An operator that reads what it is given by every function of the kernel's and of shape inference's side.
struct Probe : OrtCustomOp {
  Probe();
  static inline std::atomic<int> tasks{0};
  static inline int inferred = 0;
};

OrtStatus* create(const OrtCustomOp*, const OrtApi*, const OrtKernelInfo* info, void** kernel) {
  float alpha = 0;
  int64_t beta = 0;
  CALL(KernelInfoGetAttribute_float, info, "alpha", &alpha)
  CALL(KernelInfoGetAttribute_int64, info, "beta", &beta)
  REQUIRE(alpha == 0.5f && beta == -7)
  OrtAllocator* allocator = nullptr;
  CALL(KernelInfoGetAllocator, info, OrtMemTypeDefault, &allocator)
  *kernel = allocator;
  return nullptr;
}

OrtStatus* compute(void* kernel, OrtKernelContext* context) {
  auto* allocator = static_cast<OrtAllocator*>(kernel);
  const OrtValue* input = nullptr;
  OrtValue* output = nullptr;
  void *in = nullptr, *out = nullptr, *scratch = nullptr;
  const int64_t sizes[] = {1, 3};
  CALL(KernelContext_GetInput, context, 0, &input)
  CALL(KernelContext_GetOutput, context, 0, sizes, 2, &output)
  CALL(GetTensorMutableData, const_cast<OrtValue*>(input), &in)
  CALL(GetTensorMutableData, output, &out)
  std::memcpy(out, in, 3 * sizeof(float));
  CALL(AllocatorAlloc, allocator, 1000, &scratch)
  std::memset(scratch, 1, 1000);
  CALL(AllocatorFree, allocator, scratch)
  const auto task = [](void* data, size_t i) { static_cast<std::atomic<int>*>(data)->fetch_add(int(i)); };
  CALL(KernelContext_ParallelFor, context, task, 100, 0, &Probe::tasks)
  return nullptr;
}

OrtStatus* infer(const OrtCustomOp*, OrtShapeInferContext* context) {
  size_t count = 0, rank = 0;
  OrtTensorTypeAndShapeInfo* info = nullptr;
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  CALL(ShapeInferContext_GetInputCount, context, &count)
  CALL(ShapeInferContext_GetInputTypeShape, context, 0, &info)
  CALL(GetTensorElementType, info, &type)
  CALL(GetDimensionsCount, info, &rank)
  REQUIRE(count == 1 && type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT && rank == 2)
  int64_t sizes[2] = {0, 0};
  const char* names[2] = {nullptr, nullptr};
  CALL(GetDimensions, info, sizes, 2)
  CALL(GetSymbolicDimensions, info, names, 2)
  REQUIRE(sizes[1] == 3 && std::strcmp(names[0], "rows") == 0)
  const OrtOpAttr* attribute = nullptr;
  int64_t beta = 0;
  size_t length = 0;
  CALL(ShapeInferContext_GetAttribute, context, "beta", &attribute)
  CALL(ReadOpAttr, attribute, ORT_OP_ATTR_INT, &beta, sizeof(beta), &length)
  REQUIRE(beta == -7)
  OrtTensorTypeAndShapeInfo* result = nullptr;
  const int64_t result_sizes[] = {-1, 3};
  const char* result_names[] = {"rows", ""};
  CALL(CreateTensorTypeAndShapeInfo, &result)
  CALL(SetTensorElementType, result, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT)
  CALL(SetDimensions, result, result_sizes, 2)
  CALL(SetSymbolicDimensions, result, result_names, 2)
  CALL(ShapeInferContext_SetOutputTypeShape, context, 0, result)
  api->ReleaseTensorTypeAndShapeInfo(result);
  ++Probe::inferred;
  return nullptr;
}

Probe::Probe() : OrtCustomOp{} {
  version = geocompile::ort_binding::kApiVersion;
  GetName = [](const OrtCustomOp*) { return "Probe"; };
  GetExecutionProviderType = [](const OrtCustomOp*) { return "CPUExecutionProvider"; };
  GetInputTypeCount = GetOutputTypeCount = [](const OrtCustomOp*) { return size_t{1}; };
  GetInputType = GetOutputType = [](const OrtCustomOp*, size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; };
  GetInputCharacteristic = GetOutputCharacteristic = [](const OrtCustomOp*, size_t) { return INPUT_OUTPUT_REQUIRED; };
  GetInputMemoryType = [](const OrtCustomOp*, size_t) { return OrtMemTypeDefault; };
  GetStartVersion = [](const OrtCustomOp*) { return 1; };
  CreateKernelV2 = create;
  KernelDestroy = [](void* kernel) { api->ReleaseAllocator(static_cast<OrtAllocator*>(kernel)); };
  KernelComputeV2 = compute;
  InferOutputShapeFn = infer;
}

void run(OrtSession* session, const OrtMemoryInfo* memory, const char* expected_name) {
  OrtAllocator* allocator = nullptr;
  size_t inputs = 0, outputs = 0;
  char *input_name = nullptr, *output_name = nullptr;
  CALL(GetAllocatorWithDefaultOptions, &allocator)
  CALL(SessionGetInputCount, session, &inputs)
  CALL(SessionGetOutputCount, session, &outputs)
  CALL(SessionGetInputName, session, 0, allocator, &input_name)
  CALL(SessionGetOutputName, session, 0, allocator, &output_name)
  REQUIRE(inputs == 1 && outputs == 1 && std::string(expected_name) == input_name)
  float x[] = {1, 2, 3};
  const int64_t sizes[] = {1, 3};
  OrtValue *input = nullptr, *output = nullptr;
  CALL(CreateTensorWithDataAsOrtValue, memory, x, sizeof(x), sizes, 2, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &input)
  CALL(Run, session, nullptr, &input_name, &input, 1, &output_name, 1, &output)
  OrtTensorTypeAndShapeInfo* info = nullptr;
  size_t rank = 0;
  void* data = nullptr;
  CALL(GetTensorTypeAndShape, output, &info)
  CALL(GetDimensionsCount, info, &rank)
  CALL(GetTensorMutableData, output, &data)
  REQUIRE(rank == 2 && static_cast<float*>(data)[2] == 3)
  api->ReleaseTensorTypeAndShapeInfo(info);
  api->ReleaseValue(output);
  api->ReleaseValue(input);
  CALL(AllocatorFree, allocator, input_name)
  CALL(AllocatorFree, allocator, output_name)
}

// Options, sessions and runs, as a C++ application uses them. Before 1.20 a Python process cannot: there the
// environment of the Python package is not the one of the C API, and a second one is refused.
bool make_sessions(const OrtCustomOpDomain* probes) {
  OrtEnv* env = nullptr;
  OrtMemoryInfo* memory = nullptr;
  OrtSessionOptions* options = nullptr;
  OrtSession *from_file = nullptr, *from_memory = nullptr;
  CALL(CreateSessionOptions, &options)
  CALL(SetIntraOpNumThreads, options, 2)
  CALL(RegisterCustomOpsLibrary_V2, options, LIBRARY)
  CALL(AddCustomOpDomain, options, const_cast<OrtCustomOpDomain*>(probes))
  CALL(CreateCpuMemoryInfo, OrtArenaAllocator, OrtMemTypeDefault, &memory)
  if (OrtStatus* status = api->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "abi", &env)) {
    REQUIRE(std::strstr(api->GetErrorMessage(status), "Only one instance of LoggingManager"))
    return false;
  }
  std::ifstream file(MODEL, std::ios::binary);
  const std::string model{std::istreambuf_iterator<char>(file), {}};
  CALL(CreateSession, env, MODEL, options, &from_file)
  CALL(CreateSessionFromArray, env, model.data(), model.size(), options, &from_memory)
  run(from_file, memory, "x");
  run(from_memory, memory, "x");
  REQUIRE(Probe::tasks == 2 * 4950 && Probe::inferred > 0)
  api->ReleaseSession(from_memory);
  api->ReleaseSession(from_file);
  api->ReleaseSessionOptions(options);
  api->ReleaseMemoryInfo(memory);
  api->ReleaseEnv(env);
  return true;
}

}  // namespace

// The caller's own session gets the probe too, and runs it.
extern "C" OrtStatus* RegisterCustomOps(OrtSessionOptions* options, const OrtApiBase* base) {
  REQUIRE(std::strlen(base->GetVersionString()) >= 5)
  api = base->GetApi(geocompile::ort_binding::kApiVersion);
  REQUIRE(api)
  OrtStatus* status = api->CreateStatus(ORT_FAIL, "as it should");
  REQUIRE(std::string(api->GetErrorMessage(status)) == "as it should")
  api->ReleaseStatus(status);

  static const Probe probe;
  OrtCustomOpDomain* domain = nullptr;
  CALL(CreateCustomOpDomain, "abi", &domain)
  CALL(CustomOpDomain_Add, domain, &probe)
  CALL(AddCustomOpDomain, options, domain)
  std::printf(make_sessions(domain) ? "sessions answered\n" : "no second environment\n");
  std::fflush(stdout);
  return nullptr;
}
