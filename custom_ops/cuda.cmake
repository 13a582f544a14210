# The CUDA kernels and their torch library, where nvcc is found. What runs them is looked for when they are loaded.
set(GEOCOMPILE_CUDA AUTO CACHE STRING "Build the CUDA kernels: ON, OFF, or AUTO where nvcc works")
set_property(CACHE GEOCOMPILE_CUDA PROPERTY STRINGS AUTO ON OFF)
# 75 alone serves every GPU from Turing on: the driver compiles its PTX for newer ones when it loads the library. Wheels
# that should start at once take all-major, which compiles six times as long.
set(GEOCOMPILE_CUDA_ARCHITECTURES 75 CACHE STRING "As CMAKE_CUDA_ARCHITECTURES: 75, native, all-major, ...")

if(NOT GEOCOMPILE_CUDA)
  message(STATUS "GEOCOMPILE_CUDA is off: libgeocompile_torch_cuda.so is left out")
  return()
endif()

find_program(GEOCOMPILE_NVCC nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES bin)
if(GEOCOMPILE_NVCC AND NOT DEFINED ENV{CUDACXX})
  set(ENV{CUDACXX} ${GEOCOMPILE_NVCC})
endif()
include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  if(GEOCOMPILE_CUDA STREQUAL "ON")
    message(FATAL_ERROR "GEOCOMPILE_CUDA is ON, but no nvcc was found that works; name one by CUDACXX")
  endif()
  message(STATUS "nvcc was not found: libgeocompile_torch_cuda.so is left out")
  return()
endif()
set(CMAKE_CUDA_ARCHITECTURES ${GEOCOMPILE_CUDA_ARCHITECTURES})
enable_language(CUDA)

file(GLOB GEOCOMPILE_CUDA_SOURCES CONFIGURE_DEPENDS kernels/cuda/*.cu)
add_library(geocompile_cuda STATIC ${GEOCOMPILE_CUDA_SOURCES})
target_include_directories(geocompile_cuda PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_compile_options(geocompile_cuda PRIVATE -Xcompiler=-Wall,-Wextra)
set_target_properties(geocompile_cuda PROPERTIES CUDA_STANDARD 17 CUDA_STANDARD_REQUIRED ON
                                                 CUDA_VISIBILITY_PRESET hidden CUDA_RUNTIME_LIBRARY Static)

if(GEOCOMPILE_TORCH)
  file(GLOB GEOCOMPILE_TORCH_CUDA_SOURCES CONFIGURE_DEPENDS bindings/torch/cuda/*.cpp)
  add_library(geocompile_torch_cuda SHARED ${GEOCOMPILE_TORCH_CUDA_SOURCES})
  target_link_libraries(geocompile_torch_cuda PRIVATE geocompile_cuda ${CMAKE_DL_LIBS})
  geocompile_torch_library(geocompile_torch_cuda)
endif()
