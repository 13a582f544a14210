#include "memory.h"

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

}  // namespace geocompile
