// ONNX Runtime's C API, by the official header where the build was given one, and what turns its status into errors.
#pragma once

#ifdef GEOCOMPILE_OFFICIAL_ORT_HEADER
#include <onnxruntime_c_api.h>
#else
#include "ort_c_api.h"
#endif

#include <stdexcept>
#include <string>

namespace geocompile::ort_binding {

constexpr uint32_t kApiVersion = 18;  // what is asked for, whichever header is used: onnxruntime 1.18 and later

// Throws what ONNX Runtime reports.
inline void check(const OrtApi& api, OrtStatus* status) {
  if (!status) return;
  const std::string message = api.GetErrorMessage(status);
  api.ReleaseStatus(status);
  throw std::runtime_error("geocompile: ONNX Runtime reports: " + message);
}

// No exception may cross the C boundary: runs a function and turns what it throws into a status. ORT_INVALID_ARGUMENT
// is for arguments that the operator refuses, ORT_FAIL for all else.
template <class Function>
OrtStatus* guarded(const OrtApi& api, Function&& function) noexcept {
  try {
    function();
    return nullptr;
  } catch (const std::invalid_argument& error) {
    return api.CreateStatus(ORT_INVALID_ARGUMENT, error.what());
  } catch (const std::out_of_range& error) {
    return api.CreateStatus(ORT_INVALID_ARGUMENT, error.what());
  } catch (const std::bad_alloc&) {
    return api.CreateStatus(ORT_FAIL, "geocompile: out of memory");
  } catch (const std::exception& error) {
    return api.CreateStatus(ORT_FAIL, error.what());
  } catch (...) {
    return api.CreateStatus(ORT_FAIL, "geocompile: unknown error");
  }
}

}  // namespace geocompile::ort_binding
