// The vector conversions of halves, every half and random floats, at every width that kernels use.
#include "kernels/cpu/simd.h"
#include "testing.h"

namespace testing {
namespace {

namespace cpu = geocompile::cpu::GEOCOMPILE_ISA;

bool same(double a, double b) { return a == b ? std::signbit(a) == std::signbit(b) : a != a && b != b; }

template <class Mine, class Theirs, int kBytes>
void check_widening() {
  using V = typename cpu::Vector<float, kBytes>::type;
  constexpr int kLanes = cpu::lanes_of<V>;
  for (uint32_t first = 0; first < 65536; first += kLanes) {
    Theirs halves[kLanes], back[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) halves[lane].bits = static_cast<uint16_t>(first + lane);
    const V wide = cpu::load<V>(halves);
    cpu::store(back, wide);
    for (int lane = 0; lane < kLanes; ++lane) {
      require(same(wide[lane], value_of(Mine{halves[lane].bits})), "a half as a float");
      require(same(value_of(Mine{back[lane].bits}), wide[lane]), "and back");
    }
  }
}

template <class Mine, class Theirs, int kBytes>
void check_rounding() {
  using V = typename cpu::Vector<float, kBytes>::type;
  constexpr int kLanes = cpu::lanes_of<V>;
  for (int i = 0; i < 200000; ++i) {
    V wide;
    for (int lane = 0; lane < kLanes; ++lane) {
      auto bits = static_cast<uint32_t>(random_bits());
      if (i % 2) bits = (bits & 0x8fffffff) | 0x30000000;  // around 1e-9 to 1e5: where halves are
      if (i % 3 == 0) bits &= 0xfffff000;                  // often halfway between two halves
      std::memcpy(&wide[lane], &bits, sizeof(bits));
    }
    Theirs halves[kLanes];
    cpu::store(halves, wide);
    for (int lane = 0; lane < kLanes; ++lane)
      require(same(value_of(Mine{halves[lane].bits}), value_of(nearest<Mine>(wide[lane]))),
              "a float rounded to a half");
  }
}

template <int kBytes>
void check_width() {
  check_widening<Half, cpu::Half, kBytes>();
  check_widening<BFloat16, cpu::BFloat16, kBytes>();
  check_rounding<Half, cpu::Half, kBytes>();
  check_rounding<BFloat16, cpu::BFloat16, kBytes>();
}

const Family family([] {},
                    [] {
                      check_width<4>();
                      check_width<8>();
                      check_width<GEOCOMPILE_VECTOR_BYTES>();
                    });

}  // namespace
}  // namespace testing
