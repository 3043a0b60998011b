// The answering half of internal_message.hpp.
#include "blocks/invoke/header_translation.hpp"
#include "blocks/invoke/internal_message.hpp"
#include "blocks/invoke/internal_metadata.hpp"
#include "blocks/invoke/wire.hpp"

namespace blocks::invoke {

using wire::Type;

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
  AppendHeaders(out, 2, response.headers, http, nullptr);
  if (trailers) {
    AppendHeaders(out, 3, *trailers, http,
                  [](std::string_view name) { return name.starts_with("grpc-"); });
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
      case 2:
        ok = ReadEntry(reader.bytes(), response.headers);
        break;
      case 3:
        ok = ReadEntry(reader.bytes(), out.trailers);
        break;
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
      default:
        break;
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

}  // namespace blocks::invoke
