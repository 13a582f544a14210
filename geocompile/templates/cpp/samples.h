// Reads a bundle's samples: safetensors files with the tensors in.<input> and out.<output>.
#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "json.h"

namespace bundle {

// A dense, row-major tensor; `dtype` is numpy's name.
struct Tensor {
  std::string dtype;
  std::vector<int64_t> shape;
  std::vector<char> bytes;
};

// An element type, by numpy's name and by safetensors'.
struct Dtype {
  const char* name;
  const char* safetensors;
  size_t size;
};

// All that a manifest may name.
inline constexpr Dtype dtypes[] = {{"float32", "F32", 4}, {"float64", "F64", 8}, {"float16", "F16", 2},
                                   {"int64", "I64", 8},   {"int32", "I32", 4},   {"int16", "I16", 2},
                                   {"int8", "I8", 1},     {"uint8", "U8", 1},    {"bool", "BOOL", 1}};

// The dtype that has `text` as its `name` or its `safetensors`.
inline const Dtype& find_dtype(const char* Dtype::* field, const std::string& text) {
  for (const Dtype& dtype : dtypes) {
    if (dtype.*field == text) return dtype;
  }
  throw std::runtime_error("the runners have no dtype " + text);
}

inline size_t item_size(const std::string& dtype) { return find_dtype(&Dtype::name, dtype).size; }

inline int64_t num_elements(const Tensor& tensor) {
  return static_cast<int64_t>(tensor.bytes.size() / item_size(tensor.dtype));
}

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot open " + path);
  std::ostringstream content;
  content << file.rdbuf();
  return std::move(content).str();
}

// The number of bytes of a tensor, refusing a product that overflows.
inline size_t byte_size(const std::string& dtype, const std::vector<int64_t>& shape) {
  uint64_t bytes = item_size(dtype);
  for (const int64_t size : shape) {
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes)) {
      throw std::runtime_error("a shape is too large");
    }
  }
  return bytes;
}

inline Tensor read_tensor(const Json& entry, const std::string& file, size_t data_start) {
  Tensor tensor{find_dtype(&Dtype::safetensors, entry["dtype"].text()).name, {}, {}};
  for (const Json& size : entry["shape"].items()) tensor.shape.push_back(size.size());
  const auto& offsets = entry["data_offsets"].items();
  if (offsets.size() != 2) throw std::runtime_error("data_offsets must be two numbers");
  const auto begin = static_cast<uint64_t>(offsets[0].size()), end = static_cast<uint64_t>(offsets[1].size());
  if (begin > end || end > file.size() - data_start) throw std::runtime_error("data_offsets lie outside the file");
  if (end - begin != byte_size(tensor.dtype, tensor.shape)) throw std::runtime_error("shape and data differ in size");
  tensor.bytes.assign(file.data() + data_start + begin, file.data() + data_start + end);
  return tensor;
}

// Reads every tensor of a safetensors file. Throws, naming the file, on one that is malformed.
inline std::map<std::string, Tensor> read_safetensors(const std::string& path) {
  const std::string file = read_file(path);
  try {
    if (file.size() < 8) throw std::runtime_error("it is shorter than its header");
    uint64_t header_size = 0;
    for (int i = 7; i >= 0; --i) header_size = header_size << 8 | static_cast<unsigned char>(file[i]);
    if (header_size > file.size() - 8) throw std::runtime_error("it is shorter than its header");
    std::map<std::string, Tensor> tensors;
    const Json header = Json::parse(file.substr(8, header_size));
    for (const auto& [name, entry] : header.fields()) {
      if (name == "__metadata__") continue;
      tensors.emplace(name, read_tensor(entry, file, 8 + header_size));
    }
    return tensors;
  } catch (const std::exception& error) {
    throw std::runtime_error(path + " is no readable safetensors file: " + error.what());
  }
}

}  // namespace bundle
