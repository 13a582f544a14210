// Prints for how many threads an operator prepares on a machine of CORES cores.
#include <cstdio>
#include <thread>

#include "bindings/onnxruntime/op_type.h"

unsigned std::thread::hardware_concurrency() noexcept { return CORES; }  // instead of the standard library's

int main() {
  using namespace geocompile::ort_binding;
  const OrtApi api{};
  const OpType type{};
  const Kernel kernel{api, type, nullptr, {}};
  std::printf("%d\n", static_cast<int>(Call(kernel, nullptr).parallel().threads()));
}
