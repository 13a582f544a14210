// The parallel loop that a kernel is handed: each runtime supplies its own threads through one function pointer.
#pragma once

#include <cstdint>
#include <type_traits>

namespace geocompile {

class Parallel {
 public:
  using Task = void (*)(void* body, int64_t task);
  // Runs task(body, 0) ... task(body, tasks - 1), in any order and on any thread, and returns when all are done.
  using Launch = void (*)(void* context, int64_t tasks, Task task, void* body);

  Parallel(Launch launch, void* context, int64_t threads)
      : launch_(launch), context_(context), threads_(threads > 0 ? threads : 1) {}

  // One thread, the caller's: what unit tests use.
  static Parallel serial() {
    return Parallel(
        [](void*, int64_t tasks, Task task, void* body) {
          for (int64_t i = 0; i < tasks; ++i) task(body, i);
        },
        nullptr, 1);
  }

  // body(int64_t task) must not throw: an exception cannot cross a foreign thread pool.
  template <class Body>
  void operator()(int64_t tasks, Body&& body) const {
    if (tasks == 1) {
      body(int64_t{0});
    } else if (tasks > 1) {
      using Decayed = std::remove_reference_t<Body>;
      launch_(context_, tasks, [](void* b, int64_t task) { (*static_cast<Decayed*>(b))(task); }, (void*)&body);
    }
  }

  int64_t threads() const { return threads_; }

 private:
  Launch launch_;
  void* context_;
  int64_t threads_;
};

}  // namespace geocompile
