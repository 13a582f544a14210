// One source, several instruction sets: CMake compiles the files that include this once for each, with
// GEOCOMPILE_ISA naming the namespace; dispatch.cpp picks one when the library is loaded.
#pragma once

#ifndef GEOCOMPILE_ISA
#define GEOCOMPILE_ISA generic
#endif

#if defined(__AVX512F__)
#define GEOCOMPILE_VECTOR_BYTES 64
#define GEOCOMPILE_VECTOR_REGISTERS 32
#elif defined(__AVX2__)
#define GEOCOMPILE_VECTOR_BYTES 32
#define GEOCOMPILE_VECTOR_REGISTERS 16
#else
#define GEOCOMPILE_VECTOR_BYTES 16
#define GEOCOMPILE_VECTOR_REGISTERS 16
#endif
