// Runs the TorchScript engine of a bundle on its samples: runner_torchscript BUNDLE
#include <torch/script.h>

#include "bundle.h"
#include "torch_tensors.h"

namespace {

// The tensors of a result: one, or nested tuples, lists and dicts of them, in order.
void flatten(const c10::IValue& value, std::vector<bundle::Tensor>& tensors) {
  if (value.isTensor()) {
    tensors.push_back(bundle::from_torch(value.toTensor()));
  } else if (value.isTuple()) {
    for (const c10::IValue& item : value.toTuple()->elements()) flatten(item, tensors);
  } else if (value.isList()) {
    for (const c10::IValue& item : value.toListRef()) flatten(item, tensors);
  } else if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) flatten(entry.value(), tensors);
  }
}

bundle::Engine open(const bundle::Bundle& bundle, const std::vector<std::string>&) {
  bundle.open_libraries("torchscript");  // before the module, whose operators it defines
  auto module = std::make_shared<torch::jit::Module>(torch::jit::load(bundle.engine("torchscript")));
  module->eval();
  return [module](const std::vector<bundle::Tensor>& inputs) {
    const c10::InferenceMode guard;
    std::vector<c10::IValue> arguments;
    for (const at::Tensor& tensor : bundle::to_torch(inputs)) arguments.emplace_back(tensor);
    std::vector<bundle::Tensor> results;
    flatten(module->forward(std::move(arguments)), results);
    return results;
  };
}

}  // namespace

int main(int argc, char** argv) { return bundle::run_main(argc, argv, "BUNDLE", open); }
