#include "blocks/invoke/header_translation.hpp"

#include <array>

#include "base/base64.hpp"
#include "base/strings.hpp"
#include "grpc/status.hpp"

namespace blocks::invoke {
namespace {

using http::NameEquals;

bool EndsWithBin(std::string_view name) {
  return name.size() > 4 && NameEquals(name.substr(name.size() - 4), "-bin");
}
bool StartsWith(std::string_view name, std::string_view prefix) {
  return name.size() >= prefix.size() && NameEquals(name.substr(0, prefix.size()), prefix);
}

enum class Fate : unsigned char { kKeep, kDrop, kContentType, kBaggage, kConnection };

// By length first: most names are done with after one comparison or none.
Fate FateTowardHttp(std::string_view name, Direction direction) {
  const auto drop_if = [](bool drop) { return drop ? Fate::kDrop : Fate::kKeep; };
  const bool request = direction == Direction::kRequest;
  switch (name.size()) {
    case 2:
      return drop_if(NameEquals(name, "te"));
    case 6:
      return drop_if(request && NameEquals(name, "expect"));
    case 7:
      if (NameEquals(name, "baggage")) return Fate::kBaggage;
      return drop_if(NameEquals(name, "trailer") || NameEquals(name, "upgrade"));
    case 10:
      if (NameEquals(name, "connection")) return Fate::kConnection;
      return drop_if(NameEquals(name, "keep-alive") || IsTraceField(name));
    case 11:
      return drop_if(IsTraceField(name) || (request && NameEquals(name, "dapr-app-id")));
    case 12:
      return NameEquals(name, "content-type") ? Fate::kContentType : Fate::kKeep;
    case 14:
      return drop_if(
          (request && (NameEquals(name, "content-length") || NameEquals(name, "dapr-api-token"))) ||
          IsTraceField(name) || NameEquals(name, "http2-settings"));
    case 16:
      return drop_if(NameEquals(name, "proxy-connection"));
    case 17:
      return drop_if(NameEquals(name, "transfer-encoding"));
    case 18:
      return drop_if(NameEquals(name, "destination-app-id") ||
                     NameEquals(name, "proxy-authenticate"));
    case 19:
      return drop_if(NameEquals(name, "proxy-authorization"));
    default:
      return Fate::kKeep;
  }
}

// True if a Connection field lists `name`.
bool IsConnectionToken(const http::Headers& headers, std::string_view name) {
  for (const auto& [field, value] : headers) {
    if (!NameEquals(field, "connection")) continue;
    std::size_t begin = 0;
    while (begin <= value.size()) {
      std::size_t end = value.find(',', begin);
      if (end == std::string_view::npos) end = value.size();
      if (NameEquals(base::Trim(value.substr(begin, end - begin)), name)) return true;
      begin = end + 1;
    }
  }
  return false;
}

// True if Connection says more than how long to keep the connection.
bool NamesTokens(std::string_view connection) {
  return !connection.empty() && !NameEquals(connection, "keep-alive") &&
         !NameEquals(connection, "close");
}

constexpr std::array<std::string_view, 28> kHttpFields = {"accept",
                                                          "accept-charset",
                                                          "accept-language",
                                                          "accept-ranges",
                                                          "connection",
                                                          "keep-alive",
                                                          "proxy-connection",
                                                          "transfer-encoding",
                                                          "upgrade",
                                                          "cache-control",
                                                          "content-type",
                                                          "content-length",
                                                          "cookie",
                                                          "date",
                                                          "expect",
                                                          "from",
                                                          "host",
                                                          "if-match",
                                                          "if-modified-since",
                                                          "if-none-match",
                                                          "if-schedule-tag-match",
                                                          "if-unmodified-since",
                                                          "max-forwards",
                                                          "origin",
                                                          "pragma",
                                                          "referer",
                                                          "via",
                                                          "warning"};

bool IsHttpField(std::string_view name) {
  for (const std::string_view each : kHttpFields) {
    if (each.size() == name.size() && NameEquals(each, name)) return true;
  }
  return false;
}

// What gRPC writes itself or may not be sent over HTTP/2.
bool IsReservedForGrpc(std::string_view name) {
  static constexpr std::array<std::string_view, 12> kNames = {
      "content-type",         "user-agent",     "te",           "grpc-encoding",
      "grpc-accept-encoding", "grpc-timeout",   "grpc-message", "grpc-status",
      "grpc-message-type",    "content-length", "host",         "grpc-status-details-bin"};
  if (name.front() == ':') return true;
  for (const std::string_view each : kNames) {
    if (NameEquals(each, name)) return true;
  }
  return http::IsHopByHop(name);
}

}  // namespace

bool IsTraceField(std::string_view name) {
  switch (name.size()) {
    case 10:
      return NameEquals(name, "tracestate");
    case 11:
      return NameEquals(name, "traceparent");
    case 14:
      return NameEquals(name, "grpc-trace-bin");
    default:
      return false;
  }
}

void CopyToHttp(const http::Headers& from, Direction direction, bool content_type,
                http::Headers& to) {
  bool tokens = false;
  bool baggage = false;
  for (const auto& [name, value] : from) {
    if (name.size() == 10 && NameEquals(name, "connection") && NamesTokens(value)) tokens = true;
  }
  std::string renamed;
  for (const auto& [name, value] : from) {
    if (name.empty()) continue;
    switch (FateTowardHttp(name, direction)) {
      case Fate::kDrop:
      case Fate::kConnection:
        continue;
      case Fate::kContentType:
        if (!content_type) continue;
        break;
      case Fate::kBaggage:
        if (std::exchange(baggage, true)) continue;
        break;
      case Fate::kKeep:
        break;
    }
    if (EndsWithBin(name)) continue;
    if (tokens && IsConnectionToken(from, name)) continue;
    if (name.front() == ':') {
      if (NameEquals(name, ":method") || NameEquals(name, ":scheme") || NameEquals(name, ":path") ||
          NameEquals(name, ":authority")) {
        to.Add(renamed.assign("dapr-").append(name.substr(1)), value);
      }
      continue;
    }
    if (StartsWith(name, "grpc-")) {
      to.Add(renamed.assign("dapr-").append(base::ToLower(name)), value);
      continue;
    }
    to.Add(name, value);
  }
}

void StripHopByHop(http::Headers& headers) {
  bool found = false;
  bool tokens = false;
  for (const auto& [name, value] : headers) {
    if (!http::IsHopByHop(name)) continue;
    found = true;
    tokens = tokens || (NameEquals(name, "connection") && NamesTokens(value));
  }
  if (!found) return;
  http::Headers kept;
  kept.Reserve(headers.size(), headers.bytes());
  for (const auto& [name, value] : headers) {
    if (http::IsHopByHop(name) || (tokens && IsConnectionToken(headers, name))) continue;
    kept.Add(name, value);
  }
  headers = std::move(kept);
}

void CopyToGrpc(const http::Headers& from, bool grpc_origin, http::Headers& to) {
  std::string lower;
  for (const auto& [name, value] : from) {
    if (name.empty() || IsTraceField(name) || NameEquals(name, "destination-app-id") ||
        NameEquals(name, "dapr-app-id") || NameEquals(name, "dapr-api-token")) {
      continue;
    }
    lower.clear();
    if (!grpc_origin && IsHttpField(name)) {
      lower = "dapr-";
    } else if (IsReservedForGrpc(name)) {
      continue;
    }
    for (const char c : name) lower += base::LowerChar(c);
    if (EndsWithBin(lower)) {
      if (!grpc::DecodeBinary(value)) continue;
    }
    to.Add(lower, value);
  }
}

void AddTrace(const contracts::Call& call, const http::Headers& from, bool grpc,
              http::Headers& to) {
  if (!call.trace || !call.trace->IsValid()) {
    for (const auto& [name, value] : from) {
      if (!IsTraceField(name) || (!grpc && EndsWithBin(name))) continue;
      to.Add(base::ToLower(name), value);
    }
    return;
  }
  to.Add("traceparent", telemetry::FormatTraceparent(*call.trace));
  if (!call.trace->tracestate.empty()) to.Add("tracestate", call.trace->tracestate);
  if (grpc) to.Add("grpc-trace-bin", base::Base64EncodeRaw(telemetry::EncodeTraceBin(*call.trace)));
}

std::optional<telemetry::TraceContext> TraceOf(const http::Headers& metadata) {
  if (const auto binary = metadata.Get("grpc-trace-bin")) {
    if (const auto bytes = grpc::DecodeBinary(*binary)) {
      if (auto context = telemetry::DecodeTraceBin(*bytes)) return context;
    }
  }
  const auto parent = metadata.Get("traceparent");
  if (!parent) return std::nullopt;
  return telemetry::ParseTraceContext(*parent, metadata.Get("tracestate").value_or(""));
}

}  // namespace blocks::invoke
