// The part of ONNX Runtime's C ABI that geocompile uses, for machines without the official onnxruntime_c_api.h.
//
// ONNX Runtime promises that OrtApi only grows at its end, so a function is found by its position. Positions that are
// skipped here are named nowhere; a test calls every function declared here in the library of the installed
// onnxruntime, and compares the offsets with the official header where that is at hand. Names and types are the
// official ones, so that the same source compiles with either header.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ORT_API_VERSION 18  // onnxruntime 1.18

#ifdef _WIN32
#define ORT_API_CALL __stdcall
typedef wchar_t ORTCHAR_T;
#else
#define ORT_API_CALL
typedef char ORTCHAR_T;
#endif

extern "C" {

typedef struct OrtAllocator OrtAllocator;
typedef struct OrtCustomOp OrtCustomOp;
typedef struct OrtCustomOpDomain OrtCustomOpDomain;
typedef struct OrtEnv OrtEnv;
typedef struct OrtKernelContext OrtKernelContext;
typedef struct OrtKernelInfo OrtKernelInfo;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtOpAttr OrtOpAttr;
typedef struct OrtRunOptions OrtRunOptions;
typedef struct OrtSession OrtSession;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtShapeInferContext OrtShapeInferContext;
typedef struct OrtStatus OrtStatus;
typedef struct OrtTensorTypeAndShapeInfo OrtTensorTypeAndShapeInfo;
typedef struct OrtValue OrtValue;
typedef OrtStatus* OrtStatusPtr;  // null: success

typedef enum OrtErrorCode { ORT_OK = 0, ORT_FAIL = 1, ORT_INVALID_ARGUMENT = 2 } OrtErrorCode;
typedef enum OrtLoggingLevel { ORT_LOGGING_LEVEL_WARNING = 2, ORT_LOGGING_LEVEL_ERROR = 3 } OrtLoggingLevel;
typedef enum OrtAllocatorType { OrtDeviceAllocator = 0, OrtArenaAllocator = 1 } OrtAllocatorType;
typedef enum OrtMemType { OrtMemTypeCPUInput = -2, OrtMemTypeDefault = 0 } OrtMemType;
typedef enum OrtOpAttrType { ORT_OP_ATTR_UNDEFINED = 0, ORT_OP_ATTR_INT = 1 } OrtOpAttrType;
typedef enum ONNXTensorElementDataType {
  ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED = 0,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT = 1,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 = 2,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8 = 3,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16 = 5,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 = 6,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 = 7,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL = 9,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 = 10,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE = 11,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16 = 16
} ONNXTensorElementDataType;
typedef enum OrtCustomOpInputOutputCharacteristic {
  INPUT_OUTPUT_REQUIRED = 0,
  INPUT_OUTPUT_OPTIONAL,
  INPUT_OUTPUT_VARIADIC
} OrtCustomOpInputOutputCharacteristic;

// A function of OrtApi that returns a status, and a run of positions [from, to) that geocompile does not use.
#define ORT_FUNCTION(name, ...) OrtStatusPtr(ORT_API_CALL* name)(__VA_ARGS__)
#define ORT_SKIP(from, to) void* skipped_##from[(to) - (from)]

typedef struct OrtApi {
  ORT_FUNCTION(CreateStatus, OrtErrorCode code, const char* message);  // 0
  ORT_SKIP(1, 2);
  const char*(ORT_API_CALL* GetErrorMessage)(const OrtStatus* status);               // 2
  ORT_FUNCTION(CreateEnv, OrtLoggingLevel level, const char* log_id, OrtEnv** out);  // 3
  ORT_SKIP(4, 7);
  ORT_FUNCTION(CreateSession, const OrtEnv* env, const ORTCHAR_T* path, const OrtSessionOptions* options,
               OrtSession** out);  // 7
  ORT_FUNCTION(CreateSessionFromArray, const OrtEnv* env, const void* model, size_t bytes,
               const OrtSessionOptions* options, OrtSession** out);  // 8
  ORT_FUNCTION(Run, OrtSession* session, const OrtRunOptions* options, const char* const* input_names,
               const OrtValue* const* inputs, size_t num_inputs, const char* const* output_names, size_t num_outputs,
               OrtValue** outputs);                             // 9
  ORT_FUNCTION(CreateSessionOptions, OrtSessionOptions** out);  // 10
  ORT_SKIP(11, 24);
  ORT_FUNCTION(SetIntraOpNumThreads, OrtSessionOptions* options, int num_threads);  // 24
  ORT_SKIP(25, 26);
  ORT_FUNCTION(CreateCustomOpDomain, const char* name, OrtCustomOpDomain** out);           // 26
  ORT_FUNCTION(CustomOpDomain_Add, OrtCustomOpDomain* domain, const OrtCustomOp* op);      // 27
  ORT_FUNCTION(AddCustomOpDomain, OrtSessionOptions* options, OrtCustomOpDomain* domain);  // 28
  ORT_SKIP(29, 30);
  ORT_FUNCTION(SessionGetInputCount, const OrtSession* session, size_t* out);   // 30
  ORT_FUNCTION(SessionGetOutputCount, const OrtSession* session, size_t* out);  // 31
  ORT_SKIP(32, 36);
  ORT_FUNCTION(SessionGetInputName, const OrtSession* session, size_t index, OrtAllocator* allocator,
               char** out);  // 36
  ORT_FUNCTION(SessionGetOutputName, const OrtSession* session, size_t index, OrtAllocator* allocator,
               char** out);  // 37
  ORT_SKIP(38, 49);
  ORT_FUNCTION(CreateTensorWithDataAsOrtValue, const OrtMemoryInfo* memory, void* data, size_t bytes,
               const int64_t* sizes, size_t rank, ONNXTensorElementDataType type, OrtValue** out);  // 49
  ORT_SKIP(50, 51);
  ORT_FUNCTION(GetTensorMutableData, OrtValue* value, void** out);  // 51
  ORT_SKIP(52, 57);
  ORT_FUNCTION(CreateTensorTypeAndShapeInfo, OrtTensorTypeAndShapeInfo** out);                                   // 57
  ORT_FUNCTION(SetTensorElementType, OrtTensorTypeAndShapeInfo* info, ONNXTensorElementDataType type);           // 58
  ORT_FUNCTION(SetDimensions, OrtTensorTypeAndShapeInfo* info, const int64_t* sizes, size_t rank);               // 59
  ORT_FUNCTION(GetTensorElementType, const OrtTensorTypeAndShapeInfo* info, ONNXTensorElementDataType* out);     // 60
  ORT_FUNCTION(GetDimensionsCount, const OrtTensorTypeAndShapeInfo* info, size_t* out);                          // 61
  ORT_FUNCTION(GetDimensions, const OrtTensorTypeAndShapeInfo* info, int64_t* sizes, size_t rank);               // 62
  ORT_FUNCTION(GetSymbolicDimensions, const OrtTensorTypeAndShapeInfo* info, const char* names[], size_t rank);  // 63
  ORT_SKIP(64, 65);
  ORT_FUNCTION(GetTensorTypeAndShape, const OrtValue* value, OrtTensorTypeAndShapeInfo** out);  // 65
  ORT_SKIP(66, 69);
  ORT_FUNCTION(CreateCpuMemoryInfo, OrtAllocatorType allocator, OrtMemType type, OrtMemoryInfo** out);  // 69
  ORT_SKIP(70, 75);
  ORT_FUNCTION(AllocatorAlloc, OrtAllocator* allocator, size_t bytes, void** out);  // 75
  ORT_FUNCTION(AllocatorFree, OrtAllocator* allocator, void* memory);               // 76
  ORT_SKIP(77, 78);
  ORT_FUNCTION(GetAllocatorWithDefaultOptions, OrtAllocator** out);  // 78
  ORT_SKIP(79, 85);
  ORT_FUNCTION(KernelInfoGetAttribute_float, const OrtKernelInfo* info, const char* name, float* out);    // 85
  ORT_FUNCTION(KernelInfoGetAttribute_int64, const OrtKernelInfo* info, const char* name, int64_t* out);  // 86
  ORT_SKIP(87, 90);
  ORT_FUNCTION(KernelContext_GetInput, const OrtKernelContext* context, size_t index, const OrtValue** out);  // 90
  ORT_FUNCTION(KernelContext_GetOutput, OrtKernelContext* context, size_t index, const int64_t* sizes, size_t rank,
               OrtValue** out);                           // 91
  void(ORT_API_CALL* ReleaseEnv)(OrtEnv*);                // 92
  void(ORT_API_CALL* ReleaseStatus)(OrtStatus*);          // 93
  void(ORT_API_CALL* ReleaseMemoryInfo)(OrtMemoryInfo*);  // 94
  void(ORT_API_CALL* ReleaseSession)(OrtSession*);        // 95
  void(ORT_API_CALL* ReleaseValue)(OrtValue*);            // 96
  ORT_SKIP(97, 99);
  void(ORT_API_CALL* ReleaseTensorTypeAndShapeInfo)(OrtTensorTypeAndShapeInfo*);  // 99
  void(ORT_API_CALL* ReleaseSessionOptions)(OrtSessionOptions*);                  // 100
  ORT_SKIP(101, 132);
  void(ORT_API_CALL* ReleaseAllocator)(OrtAllocator*);  // 132
  ORT_SKIP(133, 228);
  ORT_FUNCTION(RegisterCustomOpsLibrary_V2, OrtSessionOptions* options, const ORTCHAR_T* path);  // 228
  ORT_SKIP(229, 267);
  ORT_FUNCTION(ShapeInferContext_GetInputCount, const OrtShapeInferContext* context, size_t* out);  // 267
  ORT_FUNCTION(ShapeInferContext_GetInputTypeShape, const OrtShapeInferContext* context, size_t index,
               OrtTensorTypeAndShapeInfo** out);  // 268; stays the context's
  ORT_FUNCTION(ShapeInferContext_GetAttribute, const OrtShapeInferContext* context, const char* name,
               const OrtOpAttr** out);  // 269; stays the context's
  ORT_FUNCTION(ShapeInferContext_SetOutputTypeShape, const OrtShapeInferContext* context, size_t index,
               const OrtTensorTypeAndShapeInfo* info);                                                     // 270
  ORT_FUNCTION(SetSymbolicDimensions, OrtTensorTypeAndShapeInfo* info, const char* names[], size_t rank);  // 271
  ORT_FUNCTION(ReadOpAttr, const OrtOpAttr* attribute, OrtOpAttrType type, void* data, size_t length,
               size_t* out);  // 272; lengths in bytes
  ORT_SKIP(273, 274);
  ORT_FUNCTION(KernelContext_ParallelFor, const OrtKernelContext* context, void (*body)(void*, size_t), size_t total,
               size_t num_batches, void* data);  // 274
  ORT_SKIP(275, 278);
  ORT_FUNCTION(KernelInfoGetAllocator, const OrtKernelInfo* info, OrtMemType type, OrtAllocator** out);  // 278
} OrtApi;

#undef ORT_FUNCTION
#undef ORT_SKIP

typedef struct OrtApiBase {
  const OrtApi*(ORT_API_CALL* GetApi)(uint32_t version);  // null if the runtime is older
  const char*(ORT_API_CALL* GetVersionString)(void);
} OrtApiBase;

// An operator as ONNX Runtime calls it; members behind the one that `version` knows are not read.
struct OrtCustomOp {
  uint32_t version;
  void*(ORT_API_CALL* CreateKernel)(const OrtCustomOp* op, const OrtApi* api, const OrtKernelInfo* info);
  const char*(ORT_API_CALL* GetName)(const OrtCustomOp* op);
  const char*(ORT_API_CALL* GetExecutionProviderType)(const OrtCustomOp* op);
  ONNXTensorElementDataType(ORT_API_CALL* GetInputType)(const OrtCustomOp* op, size_t index);
  size_t(ORT_API_CALL* GetInputTypeCount)(const OrtCustomOp* op);
  ONNXTensorElementDataType(ORT_API_CALL* GetOutputType)(const OrtCustomOp* op, size_t index);
  size_t(ORT_API_CALL* GetOutputTypeCount)(const OrtCustomOp* op);
  void(ORT_API_CALL* KernelCompute)(void* kernel, OrtKernelContext* context);
  void(ORT_API_CALL* KernelDestroy)(void* kernel);
  OrtCustomOpInputOutputCharacteristic(ORT_API_CALL* GetInputCharacteristic)(const OrtCustomOp* op, size_t index);
  OrtCustomOpInputOutputCharacteristic(ORT_API_CALL* GetOutputCharacteristic)(const OrtCustomOp* op, size_t index);
  OrtMemType(ORT_API_CALL* GetInputMemoryType)(const OrtCustomOp* op, size_t index);
  int(ORT_API_CALL* GetVariadicInputMinArity)(const OrtCustomOp* op);
  int(ORT_API_CALL* GetVariadicInputHomogeneity)(const OrtCustomOp* op);
  int(ORT_API_CALL* GetVariadicOutputMinArity)(const OrtCustomOp* op);
  int(ORT_API_CALL* GetVariadicOutputHomogeneity)(const OrtCustomOp* op);
  OrtStatusPtr(ORT_API_CALL* CreateKernelV2)(const OrtCustomOp* op, const OrtApi* api, const OrtKernelInfo* info,
                                             void** kernel);
  OrtStatusPtr(ORT_API_CALL* KernelComputeV2)(void* kernel, OrtKernelContext* context);
  OrtStatusPtr(ORT_API_CALL* InferOutputShapeFn)(const OrtCustomOp* op, OrtShapeInferContext* context);
  int(ORT_API_CALL* GetStartVersion)(const OrtCustomOp* op);
  int(ORT_API_CALL* GetEndVersion)(const OrtCustomOp* op);
  size_t(ORT_API_CALL* GetMayInplace)(int** input_index, int** output_index);
  void(ORT_API_CALL* ReleaseMayInplace)(int* input_index, int* output_index);
  size_t(ORT_API_CALL* GetAliasMap)(int** input_index, int** output_index);
  void(ORT_API_CALL* ReleaseAliasMap)(int* input_index, int* output_index);
};

}  // extern "C"
