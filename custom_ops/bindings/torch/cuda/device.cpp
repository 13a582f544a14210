#include "device.h"

#include <dlfcn.h>

namespace geocompile::torch_binding {
namespace {

std::string place_of(const Tensor& tensor) {
  if (tensor.is_cuda()) return "cuda:" + std::to_string(tensor.get_device_index());
  return tensor.is_cpu() ? "cpu" : "another kind of device";
}

int32_t common_device(const char* op, std::initializer_list<OnDevice::Named> tensors) {
  int32_t device = -1;
  std::string places;
  bool common = true;
  for (const auto& [name, tensor] : tensors) {
    if (tensor == nullptr) continue;
    const int32_t index = tensor->is_cuda() ? tensor->get_device_index() : -1;
    common = common && index >= 0 && (device < 0 || index == device);
    if (device < 0) device = index;
    places += std::string(places.empty() ? "" : ", ") + "'" + name + "' on " + place_of(*tensor);
  }
  if (common) return device;
  throw std::invalid_argument(std::string("geocompile.") + op + ": all tensors must be on one device, got " + places);
}

// torch's own function for it. It is neither in the torch that this may have been compiled with, one without CUDA, nor
// among the global symbols, since torch is loaded with RTLD_LOCAL: only the loaded library itself can be asked.
using CurrentStream = int32_t (*)(int32_t device, void** stream);

CurrentStream find_current_stream() {
  void* library = dlopen("libtorch_cuda.so", RTLD_LAZY | RTLD_NOLOAD);
  return library ? reinterpret_cast<CurrentStream>(dlsym(library, "aoti_torch_get_current_cuda_stream")) : nullptr;
}

cuda::Stream current_stream(const char* op, int32_t device) {
  static const CurrentStream ask = find_current_stream();
  void* stream = nullptr;
  if (ask == nullptr || ask(device, &stream) != 0)
    throw std::runtime_error(std::string("geocompile.") + op +
                             ": torch does not tell its CUDA stream; install torch >= 2.10 that is built with CUDA");
  return static_cast<cuda::Stream>(stream);
}

}  // namespace

OnDevice::OnDevice(const char* op, std::initializer_list<Named> tensors)
    : index_(common_device(op, tensors)), guard_(index_), stream_(current_stream(op, index_)) {}

}  // namespace geocompile::torch_binding
