#include "memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>

namespace geocompile {

double available_memory() {
  constexpr double kAddressSpace = 1ull << 47;
  std::ifstream file("/proc/meminfo");
  double kilobytes = 0;
  for (std::string name; file >> name;) {
    double value = 0;
    if ((name == "MemAvailable:" || name == "SwapFree:") && file >> value) kilobytes += value;
  }
  return kilobytes > 0 ? 1024 * kilobytes : kAddressSpace;
}

void use_huge_pages(void* memory, size_t bytes) {
  constexpr size_t kWorthIt = 8 << 20;  // a few huge pages; what is smaller mostly stays with the process
  if (bytes < kWorthIt) return;
  const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(memory) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(memory) + bytes) / page * page;
  madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);  // an advice: that it was refused is no error
}

}  // namespace geocompile
