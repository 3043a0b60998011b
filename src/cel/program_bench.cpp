// What asking a rule costs for each event, and compiling one at start.
#include <benchmark/benchmark.h>

#include <array>
#include <boost/json/parse.hpp>

#include "cel/program.hpp"

namespace cel {
namespace {

const boost::json::value& Event() {
  static const boost::json::value event = boost::json::parse(R"({
    "id": "d99b228f-6c73-4e78-8c4d-3f80a043d317", "specversion": "1.0", "source": "shop",
    "type": "order", "datacontenttype": "application/json", "topic": "orders", "pubsubname": "bus",
    "traceid": "", "traceparent": "", "tracestate": "", "time": "2024-05-06T07:08:09Z",
    "data": {"orderId": 17, "amount": 120.5, "customer": {"name": "Ann", "vip": true},
             "items": [{"sku": "a1", "n": 2}, {"sku": "b2", "n": 1}, {"sku": "c3", "n": 9}]}})");
  return event;
}

void Ask(benchmark::State& state, const char* source) {
  const auto rule = Program::Compile(source, {.variables = {"event"}});
  const std::array variables{Value::FromJson(Event())};
  for (auto _ : state) benchmark::DoNotOptimize(rule->EvaluateBool(variables));
}
BENCHMARK_CAPTURE(Ask, TypeAndAmount, "event.type == \"order\" && event.data.amount > 100.0");
BENCHMARK_CAPTURE(Ask, Type, "event.type == 'order'");
BENCHMARK_CAPTURE(Ask, Regex, "event.type.matches('^ord(er|inal)$')");
BENCHMARK_CAPTURE(Ask, Exists, "event.data.items.exists(i, i.sku == 'c3' && i.n > 5)");
BENCHMARK_CAPTURE(Ask, AbsentField, "has(event.data.coupon) && event.data.coupon == 'X'");
BENCHMARK_CAPTURE(Ask, Failure, "event.data.coupon == 'X'");

void Compile(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(Program::Compile(
        "event.type == \"order\" && event.data.amount > 100.0", {.variables = {"event"}}));
  }
}
BENCHMARK(Compile);

// Everything the steps of one evaluation can buy.
void MostExpensive(benchmark::State& state, const char* source) {
  boost::json::object event;
  boost::json::array& list = event["list"].emplace_array();
  for (int i = 0; i < 1000; ++i) list.emplace_back(i);
  event["text"] = std::string(1 << 20, 'a');
  // No two places alike, so that a regular expression's automaton meets ever new states.
  std::string mixed;
  for (uint32_t x = 1; mixed.size() < 1 << 20; x = x * 1664525 + 1013904223) {
    mixed += (x >> 24 & 1) != 0 ? 'a' : 'b';
  }
  event["mixed"] = mixed;
  const auto rule = Program::Compile(source, {.variables = {"event"}});
  const std::array variables{Value::FromJson(event)};
  for (auto _ : state) benchmark::DoNotOptimize(rule->EvaluateBool(variables));
}
BENCHMARK_CAPTURE(MostExpensive, Loops, "event.list.all(x, event.list.all(y, x * y >= 0.0))");
BENCHMARK_CAPTURE(MostExpensive, Errors, "event.list.exists(x, event.list.exists(y, event.no))");
BENCHMARK_CAPTURE(MostExpensive, Concatenation, "event.list.all(x, size(event.text + 'a') > 0)");
BENCHMARK_CAPTURE(MostExpensive, Conversion,
                  "event.list.exists(x, event.list.exists(y, duration('bad') == duration('1s')))");
BENCHMARK_CAPTURE(MostExpensive, Patterns,
                  "event.list.exists(x, 'a'.matches('(x{100}y{100}){' + '5}'))");
BENCHMARK_CAPTURE(MostExpensive, RegexText,
                  "event.list.exists(x, event.text.matches('(a|aa)+$b'))");
BENCHMARK_CAPTURE(MostExpensive, RegexStates, "event.mixed.matches('[ab]*a[ab]{20}c')");
BENCHMARK_CAPTURE(MostExpensive, RegexManyStates, "event.mixed.matches('a[ab]{40}c')");

}  // namespace
}  // namespace cel
