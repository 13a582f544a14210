// An AOTInductor package as a torch class, so that Python runs it without holding the interpreter lock.
//
// torch's own Python binding of the loader keeps the lock; calls of a class registered with torch release it. The
// loader is part of torch's C++ interface, which has no stable ABI: this library serves exactly the torch version that
// it was compiled with, and carries it in its file name. The session does without it where it does not fit.
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>
#include <torch/custom_class.h>

namespace {

class Engine : public torch::CustomClassHolder {
 public:
  // At most num_runners calls run at once, each on an instance of its own; the weights are shared.
  Engine(const std::string& package, int64_t num_runners)
      : loader_(package, "model", /*run_single_threaded=*/false, static_cast<size_t>(num_runners)) {}

  std::vector<at::Tensor> run(std::vector<at::Tensor> inputs) { return loader_.boxed_run(std::move(inputs)); }

 private:
  torch::inductor::AOTIModelPackageLoader loader_;
};

}  // namespace

TORCH_LIBRARY(geocompile_aotinductor, library) {
  library.class_<Engine>("Engine").def(torch::init<const std::string&, int64_t>()).def("run", &Engine::run);
}
