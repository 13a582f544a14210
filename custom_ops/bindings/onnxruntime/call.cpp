#include "call.h"

#include <algorithm>
#include <new>
#include <thread>

#include "kernels/memory.h"
#include "op_type.h"

namespace geocompile::ort_binding {
namespace {

// A counting sort waits for memory: more parts than this gain little where there are threads for them.
constexpr int64_t kMostAssumedThreads = 8;

DType dtype_of(ONNXTensorElementDataType type) {
  switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT: return DType::kFloat32;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE: return DType::kFloat64;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32: return DType::kInt32;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64: return DType::kInt64;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16: return DType::kFloat16;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16: return DType::kBFloat16;
    default: return DType::kOther;
  }
}

// The loop of one parallel region: what the kernel handed over, in the form that ONNX Runtime calls.
struct Region {
  Parallel::Task task;
  void* body;
};

// A range of a region runs on the session's own threads. Failing to start them is no error of the kernel: no task has
// run then, and the caller's thread does them all.
void launch(const OrtApi& api, const OrtKernelContext* context, int64_t tasks, Region region) {
  const auto run = [](void* data, size_t task) {
    const auto* r = static_cast<const Region*>(data);
    r->task(r->body, static_cast<int64_t>(task));
  };
  OrtStatus* status = api.KernelContext_ParallelFor(context, run, static_cast<size_t>(tasks), 0, &region);
  if (!status) return;
  api.ReleaseStatus(status);
  for (int64_t task = 0; task < tasks; ++task) region.task(region.body, task);
}

}  // namespace

Input::Input(const OrtApi& api, const OrtValue* value, const char* name) : name_(name) {
  OrtTensorTypeAndShapeInfo* shape = nullptr;
  check(api, api.GetTensorTypeAndShape(value, &shape));
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  size_t rank = 0;
  OrtStatus* status = api.GetTensorElementType(shape, &type);
  if (!status) status = api.GetDimensionsCount(shape, &rank);
  sizes_.resize(rank);
  if (!status) status = api.GetDimensions(shape, sizes_.data(), rank);
  api.ReleaseTensorTypeAndShapeInfo(shape);
  check(api, status);
  dtype_ = dtype_of(type);
  void* data = nullptr;
  check(api, api.GetTensorMutableData(const_cast<OrtValue*>(value), &data));
  data_ = data;
}

Workspace::Workspace(const Kernel& kernel, size_t bytes) : kernel_(kernel) {
  if (bytes == 0) return;
  check(kernel.api, kernel.api.AllocatorAlloc(kernel.allocator, bytes, &data_));
  if (!data_) throw std::bad_alloc();
  use_huge_pages(data_, bytes);
}

Workspace::~Workspace() {
  if (!data_) return;
  if (OrtStatus* status = kernel_.api.AllocatorFree(kernel_.allocator, data_)) kernel_.api.ReleaseStatus(status);
}

Input Call::input(size_t index) const {
  const OrtValue* value = nullptr;
  check(kernel_.api, kernel_.api.KernelContext_GetInput(context_, index, &value));
  const char* name = kernel_.type.inputs[index].name;
  if (!value) throw std::invalid_argument("geocompile." + kernel_.type.name + ": input '" + name + "' is missing");
  return Input(kernel_.api, value, name);
}

std::optional<Input> Call::input_if(bool present, size_t index) const {
  return present ? std::optional<Input>(input(index)) : std::nullopt;
}

void* Call::output(size_t index, const std::vector<int64_t>& sizes) const {
  OrtValue* value = nullptr;
  check(kernel_.api, kernel_.api.KernelContext_GetOutput(context_, index, sizes.data(), sizes.size(), &value));
  void* data = nullptr;
  check(kernel_.api, kernel_.api.GetTensorMutableData(value, &data));
  return data;
}

// Attributes are kept as doubles: the largest numbers are rounded, and must not be rounded out of range.
int64_t Call::integer(size_t index) const {
  constexpr double kLargest = 9223372036854774784.0;  // the last double before 2^63
  return static_cast<int64_t>(std::clamp(attribute(index), -kLargest, kLargest));
}

// The C API does not tell how many threads a session has, so the machine's cores stand for them, up to a bound: the
// number sizes work and scratch memory, and a session of one thread on a large machine should not pay for 64. Results
// do not depend on it.
Parallel Call::parallel() const {
  static const int64_t threads = std::min<int64_t>(std::thread::hardware_concurrency(), kMostAssumedThreads);
  return Parallel(
      [](void* self, int64_t tasks, Parallel::Task task, void* body) {
        const auto* call = static_cast<const Call*>(self);
        launch(call->kernel_.api, call->context_, tasks, Region{task, body});
      },
      const_cast<Call*>(this), threads);
}

}  // namespace geocompile::ort_binding
