// Reads a bundle and checks an engine on its samples: what the three runners share.
#pragma once

#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "json.h"
#include "samples.h"

namespace bundle {

// An IEEE half; the compiler may have no type for it.
struct Half {
  uint16_t bits;
  operator double() const {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double magnitude = std::ldexp(exponent == 0 ? fraction : fraction + 1024, (exponent == 0 ? 1 : exponent) - 25);
    if (exponent == 31) magnitude = fraction == 0 ? INFINITY : NAN;
    return bits >> 15 ? -magnitude : magnitude;
  }
};

// Runs the engine: the inputs in the manifest's order, the outputs flat.
using Engine = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

class Bundle {
 public:
  explicit Bundle(std::string folder)
      : folder_(std::move(folder)), manifest_(Json::parse(read_file(folder_ + "/manifest.json"))) {
    if (manifest_["schema_version"].size() > 1) {
      throw std::runtime_error("the bundle is newer than these runners: use the cpp folder beside its manifest");
    }
  }

  const Json& manifest() const { return manifest_; }

  // The path of the engine's file.
  std::string engine(const std::string& target) const { return path(find(target)["file"].text()); }

  // The paths of the operator libraries that the engine needs.
  std::vector<std::string> libraries(const std::string& target) const {
    std::vector<std::string> paths;
    for (const Json& library : find(target)["libraries"].items()) paths.push_back(path(library.text()));
    return paths;
  }

  // Loads the operator libraries of a libtorch engine into this process; they register themselves.
  void open_libraries(const std::string& target) const {
    for (const std::string& library : libraries(target)) {
      if (dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) throw std::runtime_error(dlerror());
    }
  }

  // Runs every sample, prints the largest error per output; true when all agree.
  bool check(const Engine& run) const {
    bool agrees = true;
    for (const Json& sample : manifest_["samples"].items()) {
      const auto tensors = read_safetensors(path(sample.text()));
      std::vector<Tensor> inputs;
      for (const Json& spec : manifest_["inputs"].items()) inputs.push_back(take(tensors, "in." + spec["name"].text()));
      const std::vector<Tensor> results = run(inputs);
      const auto& outputs = manifest_["outputs"].items();
      if (results.size() != outputs.size()) throw std::runtime_error("the engine gave another number of outputs");
      for (size_t i = 0; i < outputs.size(); ++i) {
        const std::string& name = outputs[i]["name"].text();
        std::printf("%s %s: ", sample.text().c_str(), name.c_str());
        agrees &= compare(results[i], take(tensors, "out." + name), manifest_["tolerances"][name]);
      }
    }
    return agrees;
  }

 private:
  const Json& find(const std::string& target) const {
    for (const Json& engine : manifest_["engines"].items()) {
      if (engine["target"].text() == target && engine["device"].text() == "cpu") return engine;
    }
    throw std::runtime_error("the bundle has no engine " + target + " for the CPU");
  }

  std::string path(const std::string& name) const {
    if (name.empty() || name[0] == '/' || name.find("..") != std::string::npos) {
      throw std::runtime_error("'" + name + "' is not a path inside the bundle");
    }
    return folder_ + "/" + name;
  }

  static const Tensor& take(const std::map<std::string, Tensor>& tensors, const std::string& name) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) throw std::runtime_error("the sample lacks the tensor " + name);
    return found->second;
  }

  static bool compare(const Tensor& result, const Tensor& expected, const Json& tolerance) {
    if (result.dtype != expected.dtype || result.shape != expected.shape) {
      std::printf("another dtype or shape than expected\n");
      return false;
    }
    const double atol = tolerance["atol"].number(), rtol = tolerance["rtol"].number();
    if (result.dtype == "float32") return compare_values<float>(result, expected, atol, rtol);
    if (result.dtype == "float64") return compare_values<double>(result, expected, atol, rtol);
    if (result.dtype == "float16") return compare_values<Half>(result, expected, atol, rtol);
    const bool equal = result.bytes == expected.bytes;
    std::printf("%s\n", equal ? "equal" : "differs");
    return equal;
  }

  template <typename T>
  static bool compare_values(const Tensor& result, const Tensor& expected, double atol, double rtol) {
    double worst = 0;
    bool agrees = true;
    for (int64_t i = 0; i < num_elements(result); ++i) {
      const double a = value<T>(result, i), b = value<T>(expected, i);
      if (a == b || (std::isnan(a) && std::isnan(b))) continue;
      const double error = std::fabs(a - b);
      agrees &= error <= atol + rtol * std::fabs(b);  // false for a NaN
      worst = std::isnan(error) ? error : std::max(worst, error);
    }
    std::printf("max error %g\n", worst);
    return agrees;
  }

  template <typename T>
  static double value(const Tensor& tensor, int64_t i) {
    T element;
    std::memcpy(&element, tensor.bytes.data() + i * sizeof(T), sizeof(T));
    return static_cast<double>(element);
  }

  std::string folder_;
  Json manifest_;
};

// The main function of a runner: `open` makes an engine of the bundle in argv[1] and further arguments.
inline int run_main(int argc, char** argv, const char* usage,
                    const std::function<Engine(const Bundle&, const std::vector<std::string>&)>& open) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s %s\n", argv[0], usage);
    return 2;
  }
  try {
    const Bundle bundle(argv[1]);
    return bundle.check(open(bundle, std::vector<std::string>(argv + 2, argv + argc))) ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 2;
  }
}

}  // namespace bundle
