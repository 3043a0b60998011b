#include "blocks/invoke/internal_message.hpp"

#include <array>

#include "blocks/invoke/header_translation.hpp"
#include "blocks/invoke/internal_metadata.hpp"
#include "blocks/invoke/wire.hpp"

namespace blocks::invoke {
namespace {

using wire::Type;

// HTTPExtension.Verb
constexpr std::array<std::string_view, 10> kVerbs = {
    "", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};

int VerbNumber(std::string_view verb) {
  for (std::size_t i = 1; i < kVerbs.size(); ++i) {
    if (verb == kVerbs[i]) return static_cast<int>(i);
  }
  return 0;
}

// dapr.proto.common.v1.InvokeRequest
void AppendMessage(const InvokeRequest& request, std::string_view data, bool with_data,
                   std::string& out) {
  if (!request.method.empty()) wire::AppendBytes(out, 1, request.method);
  if (with_data) {
    const std::string_view type = request.data_type_url;
    out += wire::Tag(2, Type::kBytes);
    wire::AppendVarint(out, (type.empty() ? 0 : wire::BytesSize(type.size())) +
                                (data.empty() ? 0 : wire::BytesSize(data.size())));
    if (!type.empty()) wire::AppendBytes(out, 1, type);
    if (!data.empty()) wire::AppendBytes(out, 2, data);
  }
  if (const auto type = request.headers.Get("content-type")) wire::AppendBytes(out, 3, *type);
  const int verb = VerbNumber(request.verb);
  if (verb != 0 || !request.query.empty()) {
    const std::size_t size =
        (verb ? 2 : 0) + (request.query.empty() ? 0 : wire::BytesSize(request.query.size()));
    out += wire::Tag(4, Type::kBytes);
    wire::AppendVarint(out, size);
    if (verb) wire::AppendNumber(out, 1, static_cast<uint64_t>(verb));
    if (!request.query.empty()) wire::AppendBytes(out, 2, request.query);
  }
}

bool ReadMessage(std::string_view bytes, InvokeRequest& out, std::string_view& data,
                 std::string_view& content_type) {
  wire::Reader reader(bytes);
  while (reader.Next()) {
    if (reader.Is(1, Type::kBytes)) {
      out.method = reader.bytes();
    } else if (reader.Is(2, Type::kBytes)) {
      data = ReadAny(reader.bytes());
      out.data_type_url = ReadTypeUrl(reader.bytes());
    } else if (reader.Is(3, Type::kBytes)) {
      content_type = reader.bytes();
    } else if (reader.Is(4, Type::kBytes)) {
      wire::Reader extension(reader.bytes());
      while (extension.Next()) {
        if (extension.Is(1, Type::kVarint) && extension.number() < kVerbs.size()) {
          out.verb = kVerbs[extension.number()];
        } else if (extension.Is(2, Type::kBytes)) {
          out.query = extension.bytes();
        }
      }
      if (!extension.ok()) return false;
    }
  }
  return reader.ok();
}

// What never goes to another runtime, or was written already.
bool SkipOfAll(std::string_view name) {
  switch (name.size()) {
    case 11:
      return http::NameEquals(name, "dapr-app-id");
    case 14:
      return http::NameEquals(name, "dapr-api-token");
    case 18:
      return http::NameEquals(name, "destination-app-id");
    default:
      return false;
  }
}
// In metadata a key is there once, so what the caller's runtime writes replaces the caller's own.
bool SkipOfGrpc(std::string_view name) {
  switch (name.size()) {
    case 12:
      return http::NameEquals(name, "content-type");
    case 18:
      return http::NameEquals(name, "destination-app-id") ||
             http::NameEquals(name, "dapr-caller-app-id") ||
             http::NameEquals(name, "dapr-callee-app-id");
    case 21:
      return http::NameEquals(name, "dapr-caller-namespace");
    default:
      return SkipOfAll(name);
  }
}

}  // namespace

void AppendRequest(const InvokeRequest& request, const CallNames& names, std::string_view data,
                   std::string& out) {
  out.reserve(out.size() + request.headers.bytes() + request.headers.size() * 12 +
              request.method.size() + request.query.size() + request.data_type_url.size() +
              data.size() + 320);
  wire::AppendNumber(out, 1, 1);  // ver = V1
  AppendEntry(out, 2, "destination-app-id", names.callee_app_id);
  AppendEntry(out, 2, "dapr-caller-app-id", names.caller_app_id);
  AppendEntry(out, 2, "dapr-caller-namespace", names.caller_namespace);
  AppendEntry(out, 2, "dapr-callee-app-id", names.callee_app_id);
  if (request.grpc_origin) {
    AppendEntry(out, 2, "content-type", "application/grpc");
    if (!request.authority.empty()) AppendEntry(out, 2, ":authority", request.authority);
  }
  AppendHeaders(out, 2, request.headers, !request.grpc_origin,
                request.grpc_origin ? SkipOfGrpc : SkipOfAll);
  const std::size_t start = wire::Open(out, 3);
  // A stream carries the data apart, but not what type it is of.
  AppendMessage(request, data, !data.empty() || !request.data_type_url.empty(), out);
  wire::Close(out, start);
}

base::Result<DecodedRequest> DecodeRequest(std::string_view bytes) {
  DecodedRequest out;
  InvokeRequest& request = out.request;
  std::string_view content_type;
  bool has_message = false;
  request.headers.Reserve(24, bytes.size());
  wire::Reader reader(bytes);
  bool ok = true;
  while (ok && reader.Next()) {
    if (reader.Is(2, Type::kBytes)) {
      ok = ReadEntry(reader.bytes(), request.headers);
    } else if (reader.Is(3, Type::kBytes)) {
      has_message = true;
      ok = ReadMessage(reader.bytes(), request, out.data, content_type);
    }
  }
  if (!ok || !reader.ok()) {
    return base::Fail(base::Kind::kInvalidArgument,
                      "parsing InternalInvokeRequest error: the message is malformed");
  }
  if (!has_message) {
    return base::Fail(base::Kind::kInvalidArgument,
                      "parsing InternalInvokeRequest error: message is nil");
  }
  while (!request.method.empty() && request.method.front() == '/') request.method.erase(0, 1);
  for (const auto& [name, value] : request.headers) {
    if (name == "content-type" && value.starts_with("application/grpc")) request.grpc_origin = true;
    // Names in lower case are written by the calling runtime, others come from its client.
    if (name == "dapr-caller-app-id" && out.caller.app_id.empty()) out.caller.app_id = value;
    if (name == "dapr-caller-namespace" && out.caller.app_namespace.empty()) {
      out.caller.app_namespace = value;
    }
  }
  if (request.grpc_origin || !content_type.empty()) {
    const std::string type(IsFieldValue(content_type) ? content_type : std::string_view());
    request.headers.Remove("content-type");
    if (!type.empty()) request.headers.Add("content-type", type);
  }
  return out;
}

void AppendOnInvoke(const InvokeRequest& request, std::string_view data, std::string& out) {
  out.reserve(out.size() + data.size() + request.method.size() + request.query.size() +
              request.data_type_url.size() + 128);
  AppendMessage(request, data, true, out);
}

base::Result<OnInvokeReply> ParseOnInvokeReply(std::string_view bytes) {
  OnInvokeReply reply;
  wire::Reader reader(bytes);
  while (reader.Next()) {
    if (reader.Is(1, Type::kBytes)) reply.data = ReadAny(reader.bytes());
    if (reader.Is(2, Type::kBytes) && IsFieldValue(reader.bytes())) {
      reply.content_type = reader.bytes();
    }
  }
  if (!reader.ok()) {
    return base::Fail(base::Kind::kInternal, "the app's answer to OnInvoke is malformed");
  }
  return reply;
}

}  // namespace blocks::invoke
