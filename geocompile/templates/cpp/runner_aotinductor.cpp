// Runs the AOTInductor engine of a bundle on its samples: runner_aotinductor BUNDLE
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

#include "bundle.h"
#include "torch_tensors.h"

namespace {

bundle::Engine open(const bundle::Bundle& bundle, const std::vector<std::string>&) {
  bundle.open_libraries("aotinductor");  // before the package, which calls its operators
  auto loader = std::make_shared<torch::inductor::AOTIModelPackageLoader>(bundle.engine("aotinductor"));
  return [loader](const std::vector<bundle::Tensor>& inputs) {
    const c10::InferenceMode guard;
    std::vector<bundle::Tensor> results;
    for (const at::Tensor& tensor : loader->run(bundle::to_torch(inputs)))
      results.push_back(bundle::from_torch(tensor));
    return results;
  };
}

}  // namespace

int main(int argc, char** argv) { return bundle::run_main(argc, argv, "BUNDLE", open); }
