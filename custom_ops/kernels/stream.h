// The stream that a CUDA kernel is handed, known by name only: files that the CPU build reads see no CUDA header.
#pragma once

struct CUstream_st;

namespace geocompile::cuda {

using Stream = CUstream_st*;  // cudaStream_t

}  // namespace geocompile::cuda
