// csr_from_coo of graphs that are sorted by buckets; what a sort means is checked where a graph is made.
#include "testing.h"

namespace testing {
namespace {

const Family family([] {},
                    [] {
                      Graph<int32_t>(5000, 5000, 2'200'000, 3);
                      Graph<int64_t>(70'001, 10, 1'100'000, 1);
                    });

}  // namespace
}  // namespace testing
