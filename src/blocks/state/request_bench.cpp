#include <benchmark/benchmark.h>

#include "blocks/state/request.hpp"

namespace blocks::state {
namespace {

void SmallSave(benchmark::State& state) {
  const std::string body = R"([{"key":"key1","value":{"name":"dapr","count":3}}])";
  for (auto _ : state) benchmark::DoNotOptimize(ParseSaveRequest(body, "store"));
}
BENCHMARK(SmallSave);

void LargeSave(benchmark::State& state) {
  std::string body = "[";
  for (int i = 0; i < 100; ++i) {
    if (i > 0) body += ',';
    body += R"({"key":"key)" + std::to_string(i) + R"(","value":{"name":"dapr","list":[1,2,3]},)" +
            R"("metadata":{"ttlInSeconds":"60"}})";
  }
  body += "]";
  for (auto _ : state) benchmark::DoNotOptimize(ParseSaveRequest(body, "store"));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * body.size()));
}
BENCHMARK(LargeSave);

}  // namespace
}  // namespace blocks::state
