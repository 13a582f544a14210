// Prints where each function and member that geocompile uses lies, by whichever header the compiler finds: the output
// must be the same with our own header and with the official one.
#include <cstddef>
#include <cstdio>

#include "bindings/onnxruntime/ort.h"

#define API(name) std::printf("OrtApi %zu " #name "\n", offsetof(OrtApi, name) / sizeof(void*));
#define OP(name) std::printf("OrtCustomOp %zu " #name "\n", offsetof(OrtCustomOp, name));
#define VALUE(name) std::printf("%d " #name "\n", static_cast<int>(name))

int main() {
  API_FUNCTIONS(API)
  OP_MEMBERS(OP)
  VALUE(ORT_OK);
  VALUE(ORT_FAIL);
  VALUE(ORT_INVALID_ARGUMENT);
  VALUE(ORT_LOGGING_LEVEL_WARNING);
  VALUE(ORT_LOGGING_LEVEL_ERROR);
  VALUE(OrtDeviceAllocator);
  VALUE(OrtArenaAllocator);
  VALUE(OrtMemTypeCPUInput);
  VALUE(OrtMemTypeDefault);
  VALUE(ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED);
  VALUE(ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT);
  VALUE(ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32);
  VALUE(ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64);
  VALUE(ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL);
  VALUE(ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE);
  VALUE(INPUT_OUTPUT_REQUIRED);
  VALUE(INPUT_OUTPUT_OPTIONAL);
  VALUE(INPUT_OUTPUT_VARIADIC);
}
