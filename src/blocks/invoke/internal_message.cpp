#include "blocks/invoke/internal_message.hpp"

#include <array>
#include <vector>

#include "base/base64.hpp"
#include "base/strings.hpp"
#include "blocks/invoke/header_translation.hpp"
#include "blocks/invoke/wire.hpp"

namespace blocks::invoke {
namespace {

using wire::Type;

// HTTPExtension.Verb
constexpr std::array<std::string_view, 10> kVerbs = {"",       "GET",     "HEAD",    "POST",  "PUT",
                                                     "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};

int VerbNumber(std::string_view verb) {
  for (std::size_t i = 1; i < kVerbs.size(); ++i) {
    if (verb == kVerbs[i]) return static_cast<int>(i);
  }
  return 0;
}

// Go writes binary values in padded base64; on a gRPC connection padding is optional.
std::size_t Padding(std::string_view name, std::string_view value) {
  if (name.size() <= 4 || !http::NameEquals(name.substr(name.size() - 4), "-bin")) return 0;
  return (4 - value.size() % 4) % 4;
}

// One entry of map<string, ListStringValue> with one value.
void AppendEntry(std::string& out, int field, std::string_view key, std::string_view value) {
  const std::size_t list = wire::BytesSize(value.size());
  out += wire::Tag(field, Type::kBytes);
  wire::AppendVarint(out, wire::BytesSize(key.size()) + wire::BytesSize(list));
  wire::AppendBytes(out, 1, key);
  out += wire::Tag(2, Type::kBytes);
  wire::AppendVarint(out, list);
  wire::AppendBytes(out, 1, value);
}

// All fields as entries; fields of one name become one entry with a list. `canonical`: names in Go's
// form, else as they are. `skip` is a predicate on names.
template <class Skip>
void AppendHeaders(std::string& out, int field, const http::Headers& headers, bool canonical,
                   Skip skip) {
  const std::size_t count = headers.size();
  std::vector<bool> done(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (done[i]) continue;
    const auto [name, value] = headers[i];
    if (name.empty() || skip(name)) continue;
    std::size_t list = wire::BytesSize(value.size() + Padding(name, value));
    for (std::size_t j = i + 1; j < count; ++j) {
      const auto [other, more] = headers[j];
      if (!http::NameEquals(name, other)) continue;
      done[j] = true;
      list += wire::BytesSize(more.size() + Padding(name, more));
    }
    out += wire::Tag(field, Type::kBytes);
    wire::AppendVarint(out, wire::BytesSize(name.size()) + wire::BytesSize(list));
    out += wire::Tag(1, Type::kBytes);
    wire::AppendVarint(out, name.size());
    if (canonical) {
      AppendCanonicalName(name, out);
    } else {
      out += name;
    }
    out += wire::Tag(2, Type::kBytes);
    wire::AppendVarint(out, list);
    for (std::size_t j = i; j < count; ++j) {
      const auto [other, more] = headers[j];
      if (j != i && !http::NameEquals(name, other)) continue;
      const std::size_t padding = Padding(name, more);
      out += wire::Tag(1, Type::kBytes);
      wire::AppendVarint(out, more.size() + padding);
      out += more;
      out.append(padding, '=');
    }
  }
}

// Reads one map entry into fields. Values that no HTTP message can hold are left out.
bool ReadEntry(std::string_view bytes, http::Headers& out) {
  std::string_view key;
  std::string_view list;
  wire::Reader reader(bytes);
  while (reader.Next()) {
    if (reader.Is(1, Type::kBytes)) key = reader.bytes();
    if (reader.Is(2, Type::kBytes)) list = reader.bytes();
  }
  if (!reader.ok()) return false;
  const bool pseudo = !key.empty() && key.front() == ':';
  if (!IsFieldName(pseudo ? key.substr(1) : key)) return true;
  wire::Reader values(list);
  while (values.Next()) {
    if (values.Is(1, Type::kBytes) && IsFieldValue(values.bytes())) out.Add(key, values.bytes());
  }
  return values.ok();
}

std::string_view ReadAny(std::string_view any) {
  std::string_view value;
  wire::Reader reader(any);
  while (reader.Next()) {
    if (reader.Is(2, Type::kBytes)) value = reader.bytes();
  }
  return value;
}

// dapr.proto.common.v1.InvokeRequest
void AppendMessage(const InvokeRequest& request, std::string_view data, bool with_data,
                   std::string& out) {
  if (!request.method.empty()) wire::AppendBytes(out, 1, request.method);
  if (with_data) {
    out += wire::Tag(2, Type::kBytes);
    wire::AppendVarint(out, data.empty() ? 0 : wire::BytesSize(data.size()));
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

}  // namespace

void AppendRequest(const InvokeRequest& request, const CallNames& names, std::string_view data,
                   std::string& out) {
  out.reserve(out.size() + request.headers.bytes() + request.headers.size() * 12 +
              request.method.size() + request.query.size() + data.size() + 320);
  wire::AppendNumber(out, 1, 1);  // ver = V1
  AppendEntry(out, 2, "destination-app-id", names.callee_app_id);
  AppendEntry(out, 2, "dapr-caller-app-id", names.caller_app_id);
  AppendEntry(out, 2, "dapr-caller-namespace", names.caller_namespace);
  AppendEntry(out, 2, "dapr-callee-app-id", names.callee_app_id);
  if (request.grpc_origin) {
    AppendEntry(out, 2, "content-type", "application/grpc");
    if (!request.authority.empty()) AppendEntry(out, 2, ":authority", request.authority);
  }
  AppendHeaders(out, 2, request.headers, !request.grpc_origin, [&](std::string_view name) {
    switch (name.size()) {
      case 11: return http::NameEquals(name, "dapr-app-id");
      case 12: return request.grpc_origin && http::NameEquals(name, "content-type");
      case 14: return http::NameEquals(name, "dapr-api-token");
      case 18:
        return http::NameEquals(name, "destination-app-id") ||
               (request.grpc_origin && http::NameEquals(name, "dapr-caller-app-id")) ||
               (request.grpc_origin && http::NameEquals(name, "dapr-callee-app-id"));
      case 21: return request.grpc_origin && http::NameEquals(name, "dapr-caller-namespace");
      default: return false;
    }
  });
  const std::size_t start = wire::Open(out, 3);
  AppendMessage(request, data, !data.empty(), out);
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

void AppendResponse(const InvokeResponse& response, const http::Headers* trailers,
                    std::string_view data, std::string& out) {
  out.reserve(out.size() + response.headers.bytes() + response.headers.size() * 12 + data.size() +
              160);
  const bool http = response.grpc_code < 0;
  const std::size_t status = wire::Open(out, 1);
  const int code = http ? response.status : response.grpc_code;
  if (code != 0) wire::AppendNumber(out, 1, static_cast<uint64_t>(code));
  if (!response.grpc_message.empty()) wire::AppendBytes(out, 2, response.grpc_message);
  if (!response.grpc_details.empty()) {
    wire::Reader reader(response.grpc_details);
    while (reader.Next()) {
      if (reader.Is(3, Type::kBytes)) wire::AppendBytes(out, 3, reader.bytes());
    }
  }
  wire::Close(out, status);
  AppendHeaders(out, 2, response.headers, http, [](std::string_view) { return false; });
  if (trailers) {
    AppendHeaders(out, 3, *trailers, http, [](std::string_view name) {
      return name.starts_with("grpc-");
    });
  }
  const std::size_t message = wire::Open(out, 4);
  if (!data.empty()) {
    out += wire::Tag(1, Type::kBytes);
    wire::AppendVarint(out, wire::BytesSize(data.size()));
    wire::AppendBytes(out, 2, data);
  }
  if (!response.content_type.empty()) wire::AppendBytes(out, 2, response.content_type);
  wire::Close(out, message);
}

base::Result<DecodedResponse> DecodeResponse(std::string_view bytes) {
  DecodedResponse out;
  InvokeResponse& response = out.response;
  int code = 0;
  std::string details;
  bool ok = true;
  response.headers.Reserve(16, bytes.size());
  wire::Reader reader(bytes);
  while (ok && reader.Next()) {
    if (reader.type() != Type::kBytes) continue;
    switch (reader.field()) {
      case 1: {
        wire::Reader status(reader.bytes());
        while (status.Next()) {
          if (status.Is(1, Type::kVarint)) code = static_cast<int>(status.number());
          if (status.Is(2, Type::kBytes)) response.grpc_message = status.bytes();
          if (status.Is(3, Type::kBytes)) wire::AppendBytes(details, 3, status.bytes());
        }
        ok = status.ok();
        break;
      }
      case 2: ok = ReadEntry(reader.bytes(), response.headers); break;
      case 3: ok = ReadEntry(reader.bytes(), out.trailers); break;
      case 4: {
        wire::Reader message(reader.bytes());
        while (message.Next()) {
          if (message.Is(1, Type::kBytes)) out.data = ReadAny(message.bytes());
          if (message.Is(2, Type::kBytes) && IsFieldValue(message.bytes())) {
            response.content_type = message.bytes();
          }
        }
        ok = message.ok();
        break;
      }
      default: break;
    }
  }
  if (!ok || !reader.ok() || code < 0 || code > 999) {
    return base::Fail(base::Kind::kInternal, "the peer's InternalInvokeResponse is malformed");
  }
  if (code >= 100) {
    response.status = code;
    return out;
  }
  response.grpc_code = code;
  if (!details.empty()) {
    if (code != 0) wire::AppendNumber(response.grpc_details, 1, static_cast<uint64_t>(code));
    if (!response.grpc_message.empty()) {
      wire::AppendBytes(response.grpc_details, 2, response.grpc_message);
    }
    response.grpc_details += details;
  }
  return out;
}

void AppendOnInvoke(const InvokeRequest& request, std::string_view data, std::string& out) {
  out.reserve(out.size() + data.size() + request.method.size() + request.query.size() + 128);
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
