// W3C trace context: what travels in traceparent, tracestate and grpc-trace-bin, and how a span's
// context is derived from its parent's. Everything here takes hostile input. Pure but for random
// numbers; any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace telemetry {

struct TraceContext {
  std::array<uint8_t, 16> trace_id{};
  std::array<uint8_t, 8> span_id{};
  uint8_t flags = 0;
  std::string tracestate;  // valid or empty

  /// Both ids are non-zero.
  bool IsValid() const;
  bool Sampled() const { return (flags & 1) != 0; }
  bool operator==(const TraceContext&) const = default;
};

/// The context of a traceparent header; none when it is malformed or names a zero id. Versions
/// after 00 are read as far as 00 defines them. The tracestate is left empty.
std::optional<TraceContext> ParseTraceparent(std::string_view header);

/// Both headers; a malformed tracestate is dropped without touching the rest.
std::optional<TraceContext> ParseTraceContext(std::string_view traceparent,
                                              std::string_view tracestate);

/// Version 00, 55 characters; all ids zero when the context is not valid.
std::string FormatTraceparent(const TraceContext& context);

/// At most 32 members and 512 bytes, every key and value well-formed, no key twice.
bool IsValidTracestate(std::string_view header);

/// grpc-trace-bin: OpenCensus's binary form, 29 bytes (not yet base64).
std::string EncodeTraceBin(const TraceContext& context);
/// None when the version, a field or its length is wrong, or an id is zero.
std::optional<TraceContext> DecodeTraceBin(std::string_view bytes);

/// Lower-case hexadecimal ids, for spans and logs.
std::string TraceIdHex(const TraceContext& context);
std::string SpanIdHex(const TraceContext& context);

/// Decides which requests are traced and makes the contexts of their spans. Any thread, also while
/// another tracer is assigned to it: what has begun goes on as it began.
class Tracer {
 public:
  /// A tracer that makes no spans: contexts pass through as they are.
  Tracer() = default;
  Tracer(const Tracer& other) : rate_(other.sampling_rate()) {}
  Tracer& operator=(const Tracer& other) {
    rate_.store(other.sampling_rate(), std::memory_order_relaxed);
    return *this;
  }

  /// `sampling_rate` as in the Configuration: a number from 0 to 1; empty or unreadable = 0.0001,
  /// "0" = tracing is off.
  static Tracer FromSamplingRate(std::string_view sampling_rate);

  bool enabled() const { return sampling_rate() > 0; }
  double sampling_rate() const { return rate_.load(std::memory_order_relaxed); }

  /// The context of a new span below `parent`: same trace, tracestate and sampling decision, new
  /// span id. Without a valid parent a new trace, sampled at the rate. When tracing is off, the
  /// parent itself.
  TraceContext StartSpan(const TraceContext& parent = {}) const;

  /// Whether a trace without parent is sampled; equal on every runtime with the same rate.
  bool ShouldSample(const std::array<uint8_t, 16>& trace_id) const;

 private:
  std::atomic<double> rate_{0};
};

}  // namespace telemetry
