#include "telemetry/trace.hpp"

#include <algorithm>
#include <span>

#include "base/hex.hpp"
#include "base/random.hpp"
#include "base/strings.hpp"

namespace telemetry {
namespace {

constexpr double kDefaultRate = 1e-4;

template <size_t N>
bool IsZero(const std::array<uint8_t, N>& id) {
  return std::ranges::all_of(id, [](uint8_t byte) { return byte == 0; });
}

// Lower-case digits only: the standard has receivers refuse upper-case ones.
int LowerHexValue(char c) {
  return c >= 'A' && c <= 'F' ? -1 : base::HexValue(c);
}

bool ReadHex(std::string_view text, std::span<uint8_t> out) {
  for (size_t i = 0; i < out.size(); ++i) {
    const int high = LowerHexValue(text[2 * i]);
    const int low = LowerHexValue(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return true;
}

template <size_t N>
std::string Hex(const std::array<uint8_t, N>& bytes) {
  return base::HexEncode({reinterpret_cast<const char*>(bytes.data()), N});
}

template <size_t N>
void FillId(std::array<uint8_t, N>& id) {
  do {
    base::FillRandom(id);
  } while (IsZero(id));
}

bool IsLower(char c) {
  return c >= 'a' && c <= 'z';
}
bool IsStateKeyChar(char c) {
  return IsLower(c) || base::IsDigit(c) || c == '_' || c == '-' || c == '*' || c == '/';
}

bool IsStateKey(std::string_view key) {
  const size_t at = key.find('@');
  const auto chars = [](std::string_view part) {
    return !part.empty() && std::ranges::all_of(part, IsStateKeyChar);
  };
  if (at == std::string_view::npos) {
    return key.size() <= 256 && chars(key) && (IsLower(key[0]) || base::IsDigit(key[0]));
  }
  const std::string_view tenant = key.substr(0, at);
  const std::string_view system = key.substr(at + 1);
  return tenant.size() <= 241 && system.size() <= 14 && chars(tenant) && chars(system) &&
         (IsLower(tenant[0]) || base::IsDigit(tenant[0])) && IsLower(system[0]);
}

bool IsStateValue(std::string_view value) {
  return !value.empty() && value.size() <= 256 && value.back() != ' ' &&
         std::ranges::all_of(value,
                             [](char c) { return c >= 0x20 && c <= 0x7E && c != ',' && c != '='; });
}

std::string_view TrimBlanks(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t");
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(" \t") - start + 1);
}

}  // namespace

bool TraceContext::IsValid() const {
  return !IsZero(trace_id) && !IsZero(span_id);
}

std::optional<TraceContext> ParseTraceparent(std::string_view header) {
  constexpr size_t kSize = 55;  // vv-<32>-<16>-ff
  header = TrimBlanks(header);
  if (header.size() < kSize || header[2] != '-' || header[35] != '-' || header[52] != '-') {
    return std::nullopt;
  }
  std::array<uint8_t, 1> version;
  std::array<uint8_t, 1> flags;
  TraceContext context;
  if (!ReadHex(header, version) || !ReadHex(header.substr(3), context.trace_id) ||
      !ReadHex(header.substr(36), context.span_id) || !ReadHex(header.substr(53), flags)) {
    return std::nullopt;
  }
  if (version[0] == 0xFF || (version[0] == 0 && header.size() != kSize) ||
      (header.size() > kSize && header[kSize] != '-')) {
    return std::nullopt;
  }
  context.flags = version[0] == 0 ? flags[0] : flags[0] & 1;
  if (!context.IsValid()) return std::nullopt;
  return context;
}

std::optional<TraceContext> ParseTraceContext(std::string_view traceparent,
                                              std::string_view tracestate) {
  auto context = ParseTraceparent(traceparent);
  tracestate = TrimBlanks(tracestate);
  if (context && !tracestate.empty() && IsValidTracestate(tracestate)) {
    context->tracestate = tracestate;
  }
  return context;
}

std::string FormatTraceparent(const TraceContext& context) {
  const TraceContext none;
  const TraceContext& shown = context.IsValid() ? context : none;
  const std::array<uint8_t, 1> flags = {shown.flags};
  return base::StrCat("00-", Hex(shown.trace_id), "-", Hex(shown.span_id), "-", Hex(flags));
}

bool IsValidTracestate(std::string_view header) {
  constexpr size_t kMaxBytes = 512;
  constexpr size_t kMaxMembers = 32;
  if (header.size() > kMaxBytes) return false;
  std::array<std::string_view, kMaxMembers> keys;
  size_t count = 0;
  for (const std::string_view part : base::SplitView(header, ',')) {
    // Trailing blanks may belong to the separator; leading ones always do.
    const std::string_view member = TrimBlanks(part);
    if (member.empty()) continue;
    const size_t equals = member.find('=');
    if (equals == std::string_view::npos || count == kMaxMembers) return false;
    const std::string_view key = member.substr(0, equals);
    if (!IsStateKey(key) || !IsStateValue(member.substr(equals + 1))) return false;
    if (std::find(keys.begin(), keys.begin() + count, key) != keys.begin() + count) return false;
    keys[count++] = key;
  }
  return count > 0;
}

std::string EncodeTraceBin(const TraceContext& context) {
  std::string out;
  out.reserve(29);
  out += '\0';  // version
  out += '\0';
  out.append(reinterpret_cast<const char*>(context.trace_id.data()), context.trace_id.size());
  out += '\1';
  out.append(reinterpret_cast<const char*>(context.span_id.data()), context.span_id.size());
  out += '\2';
  out += static_cast<char>(context.flags);
  return out;
}

std::optional<TraceContext> DecodeTraceBin(std::string_view bytes) {
  constexpr size_t kSize = 29;
  if (bytes.size() < kSize || bytes[0] != 0 || bytes[1] != 0 || bytes[18] != 1 || bytes[27] != 2) {
    return std::nullopt;
  }
  TraceContext context;
  std::copy_n(bytes.begin() + 2, context.trace_id.size(), context.trace_id.begin());
  std::copy_n(bytes.begin() + 19, context.span_id.size(), context.span_id.begin());
  context.flags = static_cast<uint8_t>(bytes[28]);
  if (!context.IsValid()) return std::nullopt;
  return context;
}

std::string TraceIdHex(const TraceContext& context) {
  return Hex(context.trace_id);
}
std::string SpanIdHex(const TraceContext& context) {
  return Hex(context.span_id);
}

Tracer Tracer::FromSamplingRate(std::string_view sampling_rate) {
  Tracer tracer;
  tracer.rate_ = std::clamp(base::ParseDouble(sampling_rate).value_or(kDefaultRate), 0.0, 1.0);
  return tracer;
}

bool Tracer::ShouldSample(const std::array<uint8_t, 16>& trace_id) const {
  const double rate = sampling_rate();
  if (rate >= 1) return true;
  // The lower half of the id, without its top bit, against the same share of that range: the rule
  // of the OpenTelemetry libraries, so that runtimes with one rate agree on each trace.
  uint64_t value = 0;
  for (size_t i = 8; i < 16; ++i) value = value << 8 | trace_id[i];
  return (value >> 1) < static_cast<uint64_t>(rate * 9223372036854775808.0);
}

TraceContext Tracer::StartSpan(const TraceContext& parent) const {
  if (!enabled()) return parent;
  TraceContext context;
  if (parent.IsValid()) {
    context = parent;
    context.flags = parent.flags & 1;
  } else {
    FillId(context.trace_id);
    context.flags = ShouldSample(context.trace_id) ? 1 : 0;
  }
  FillId(context.span_id);
  return context;
}

}  // namespace telemetry
