// The one form of every error that a kernel or its checks throw.
#pragma once

#include <sstream>

namespace geocompile {

// Throws Error with the message "geocompile.<op>: " and the parts. Functions in headers that kernels share are static:
// the linker must not hand one instruction set's copy to another's callers.
template <class Error, class... Parts>
[[noreturn]] static inline void refuse(const char* op, const Parts&... parts) {
  std::ostringstream message;
  message << "geocompile." << op << ": ";
  (message << ... << parts);
  throw Error(message.str());
}

}  // namespace geocompile
