// What recording costs on the data path.
#include <benchmark/benchmark.h>

#include <string>

#include "telemetry/dapr_metrics.hpp"
#include "telemetry/exposition.hpp"
#include "telemetry/trace.hpp"

namespace telemetry {
namespace {

std::unique_ptr<InstanceMetrics> Make(Registry& registry) {
  return *InstanceMetrics::Create(registry, {.app_id = "shop", .name_space = "default"});
}

void HttpServerRequest(benchmark::State& state) {
  Registry registry(4);
  auto metrics = Make(registry);
  SetShardIndex(state.thread_index());
  double ms = 0;
  for (auto _ : state) {
    ms = ms > 90 ? 0.1 : ms + 0.7;
    metrics->HttpServerRequest("GET", "/v1.0/invoke/cart/method/orders", 200, ms, 0, 128);
  }
  SetShardIndex(-1);
}
BENCHMARK(HttpServerRequest);

void HttpServerRequestOf64Paths(benchmark::State& state) {
  Registry registry(4);
  auto metrics = Make(registry);
  SetShardIndex(0);
  std::vector<std::string> paths;
  for (int i = 0; i < 64; ++i)
    paths.push_back("/v1.0/invoke/cart/method/orders/" + std::to_string(i));
  size_t i = 0;
  for (auto _ : state) {
    metrics->HttpServerRequest("GET", paths[i++ % paths.size()], 200, 1.5, 0, 128);
  }
  SetShardIndex(-1);
}
BENCHMARK(HttpServerRequestOf64Paths);

void HttpServerRequestOffLoop(benchmark::State& state) {
  Registry registry(4);
  auto metrics = Make(registry);
  for (auto _ : state) {
    metrics->HttpServerRequest("GET", "/v1.0/invoke/cart/method/orders", 200, 1.5, 0, 128);
  }
}
BENCHMARK(HttpServerRequestOffLoop);

void StateOperation(benchmark::State& state) {
  Registry registry(4);
  auto metrics = Make(registry);
  SetShardIndex(0);
  for (auto _ : state) metrics->StateOperation("statestore", "get", true, 0.4);
  SetShardIndex(-1);
}
BENCHMARK(StateOperation);

void PathLabel(benchmark::State& state) {
  const HttpLabels labels;
  std::string scratch;
  for (auto _ : state) {
    benchmark::DoNotOptimize(labels.Path("/v1.0/state/statestore/order-12345", scratch));
  }
}
BENCHMARK(PathLabel);

void StartSpan(benchmark::State& state) {
  const Tracer tracer = Tracer::FromSamplingRate("0.1");
  for (auto _ : state) benchmark::DoNotOptimize(tracer.StartSpan());
}
BENCHMARK(StartSpan);

}  // namespace
}  // namespace telemetry
