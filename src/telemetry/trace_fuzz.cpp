// Feeds hostile header values to the trace parsers and checks that what they accept survives a
// round trip.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "telemetry/baggage.hpp"
#include "telemetry/trace.hpp"

namespace {

void Check(bool good) {
  if (!good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t line = input.find('\n');
  const std::string_view first = input.substr(0, line);
  const std::string_view second = line == std::string_view::npos ? "" : input.substr(line + 1);

  if (const auto context = telemetry::ParseTraceContext(first, second)) {
    Check(context->IsValid());
    Check(context->tracestate.empty() || telemetry::IsValidTracestate(context->tracestate));
    const auto again =
        telemetry::ParseTraceContext(telemetry::FormatTraceparent(*context), context->tracestate);
    Check(again && *again == *context);
  }
  if (const auto context = telemetry::DecodeTraceBin(input)) {
    Check(telemetry::EncodeTraceBin(*context) == input.substr(0, 29));
  }
  (void)telemetry::IsValidTracestate(input);
  (void)telemetry::ValidateBaggage(input);
  return 0;
}
