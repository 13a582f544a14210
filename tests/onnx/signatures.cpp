// Prints the signature and attributes of every op type that the library registers, in the words of the Python schemas.
#include <cstdio>

#include "bindings/onnxruntime/op_type.h"

using namespace geocompile::ort_binding;

namespace {

void print(const std::vector<Formal>& formals) {
  const char* separator = "";
  for (const Formal& formal : formals) {
    std::printf("%s%s: %c[", separator, formal.name, formal.type);
    for (size_t d = 0; d < formal.dims.size(); ++d) std::printf("%s%s", d ? ", " : "", formal.dims[d]);
    std::printf("]");
    separator = ", ";
  }
}

}  // namespace

int main() {
  for (const OpType& type : op_types()) {
    std::printf("%s(", type.name.c_str());
    print(type.inputs);
    std::printf(") -> (");
    print(type.outputs);
    std::printf(")");
    for (const Attribute& attribute : type.attributes)
      std::printf(" %s: %s = %g", attribute.name, attribute.is_integer ? "int" : "float", attribute.default_value);
    std::printf("\n");
  }
}
