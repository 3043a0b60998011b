#include <benchmark/benchmark.h>

#include "components/state/in_memory/store.hpp"

namespace components::state::in_memory {
namespace {

void Get(benchmark::State& state) {
  Store store;
  for (int i = 0; i < 1000; ++i) {
    (void)store.SetNow({.key = "myapp||key" + std::to_string(i), .value = R"({"value":"hello"})"});
  }
  const contracts::GetRequest request{.key = "myapp||key500"};
  for (auto _ : state) benchmark::DoNotOptimize(store.GetNow(request));
}
BENCHMARK(Get);

void Set(benchmark::State& state) {
  Store store;
  for (auto _ : state) {
    benchmark::DoNotOptimize(store.SetNow({.key = "myapp||key", .value = R"({"value":"hello"})"}));
  }
}
BENCHMARK(Set);

}  // namespace
}  // namespace components::state::in_memory
