// What invocation itself costs per call: headers and messages, without any socket.
#include <benchmark/benchmark.h>

#include "blocks/invoke/frames.hpp"
#include "blocks/invoke/header_translation.hpp"
#include "blocks/invoke/internal_message.hpp"
#include "blocks/invoke/invoke_block.hpp"

namespace blocks::invoke {
namespace {

http::Headers Browser() {
  http::Headers headers;
  headers.Add("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36");
  headers.Add("accept", "*/*");
  headers.Add("accept-encoding", "gzip, deflate");
  headers.Add("content-type", "application/json");
  headers.Add("content-length", "64");
  headers.Add("connection", "keep-alive");
  headers.Add("x-request-id", "0123456789abcdef");
  headers.Add("authorization", "Bearer 0123456789abcdef0123456789abcdef");
  return headers;
}

InvokeRequest SomeRequest() {
  InvokeRequest request;
  request.target = "callee";
  request.method = "orders/1234";
  request.query = "full=true";
  request.verb = "POST";
  request.headers = Browser();
  return request;
}

void BM_CopyToHttp(benchmark::State& state) {
  const http::Headers from = Browser();
  for (auto _ : state) {
    http::Headers to;
    to.Reserve(from.size() + 4, from.bytes() + 192);
    CopyToHttp(from, Direction::kRequest, true, to);
    benchmark::DoNotOptimize(to);
  }
}
BENCHMARK(BM_CopyToHttp);

void BM_AppRequestHead(benchmark::State& state) {
  const InvokeRequest request = SomeRequest();
  for (auto _ : state) {
    auto head = AppRequestHead(contracts::Call(), request);
    benchmark::DoNotOptimize(head);
  }
}
BENCHMARK(BM_AppRequestHead);

void BM_EncodeRequest(benchmark::State& state) {
  const InvokeRequest request = SomeRequest();
  for (auto _ : state) {
    std::string out;
    AppendRequest(request, {"caller", "default", "callee"}, {}, out);
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(BM_EncodeRequest);

void BM_DecodeRequest(benchmark::State& state) {
  std::string bytes;
  AppendRequest(SomeRequest(), {"caller", "default", "callee"}, {}, bytes);
  for (auto _ : state) {
    auto decoded = DecodeRequest(bytes);
    benchmark::DoNotOptimize(decoded);
  }
}
BENCHMARK(BM_DecodeRequest);

void BM_EncodeAndDecodeResponse(benchmark::State& state) {
  InvokeResponse response;
  response.headers.Add("Content-Type", "application/json");
  response.headers.Add("Content-Length", "64");
  response.headers.Add("Date", "Mon, 01 Jan 2024 00:00:00 GMT");
  response.headers.Add("Server", "app");
  response.content_type = "application/json";
  for (auto _ : state) {
    std::string out;
    AppendResponse(response, nullptr, {}, out);
    auto decoded = DecodeResponse(out);
    benchmark::DoNotOptimize(decoded);
  }
}
BENCHMARK(BM_EncodeAndDecodeResponse);

}  // namespace
}  // namespace blocks::invoke
