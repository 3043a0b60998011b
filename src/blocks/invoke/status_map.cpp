#include "blocks/invoke/status_map.hpp"

#include "blocks/invoke/wire.hpp"
#include "http/message.hpp"

namespace blocks::invoke {
namespace {

constexpr std::size_t kMaxErrorText = 63;

void AppendPair(std::string& out, std::string_view key, std::string_view value) {
  wire::AppendBytes(out, 1, key);
  wire::AppendBytes(out, 2, value);
}

}  // namespace

int HttpStatusOfCode(int grpc_code) {
  switch (static_cast<grpc::Code>(grpc_code)) {
    case grpc::Code::kOk:
      return 200;
    case grpc::Code::kCancelled:
      return 408;
    case grpc::Code::kUnknown:
      return 500;
    case grpc::Code::kInvalidArgument:
      return 400;
    case grpc::Code::kDeadlineExceeded:
      return 504;
    case grpc::Code::kNotFound:
      return 404;
    case grpc::Code::kAlreadyExists:
      return 409;
    case grpc::Code::kPermissionDenied:
      return 403;
    case grpc::Code::kUnauthenticated:
      return 401;
    case grpc::Code::kResourceExhausted:
      return 429;
    case grpc::Code::kFailedPrecondition:
      return 400;
    case grpc::Code::kAborted:
      return 409;
    case grpc::Code::kOutOfRange:
      return 400;
    case grpc::Code::kUnimplemented:
      return 501;
    case grpc::Code::kInternal:
      return 500;
    case grpc::Code::kUnavailable:
      return 503;
    case grpc::Code::kDataLoss:
      return 500;
  }
  return 500;
}

grpc::Code CodeOfHttp(int status) {
  if (status >= 200 && status < 300) return grpc::Code::kOk;
  switch (status) {
    case 408:
      return grpc::Code::kCancelled;
    case 500:
      return grpc::Code::kUnknown;
    case 400:
      return grpc::Code::kInternal;
    case 504:
      return grpc::Code::kDeadlineExceeded;
    case 404:
      return grpc::Code::kNotFound;
    case 409:
      return grpc::Code::kAlreadyExists;
    case 403:
      return grpc::Code::kPermissionDenied;
    case 401:
      return grpc::Code::kUnauthenticated;
    case 429:
      return grpc::Code::kResourceExhausted;
    case 501:
      return grpc::Code::kUnimplemented;
    case 503:
      return grpc::Code::kUnavailable;
    default:
      return grpc::Code::kUnknown;
  }
}

grpc::Status StatusOfHttp(int status, std::string_view body) {
  grpc::Status out;
  out.code = CodeOfHttp(status);
  if (out.ok()) return out;
  out.message = http::ReasonPhrase(status);
  const std::string number = std::to_string(status);
  std::string info;
  wire::AppendBytes(info, 1, out.message);
  wire::AppendBytes(info, 2, "dapr.io");
  const auto append_metadata = [&info](std::string_view key, std::string_view value) {
    const std::size_t start = wire::Open(info, 3);
    AppendPair(info, key, value);
    wire::Close(info, start);
  };
  append_metadata("http.code", number);
  append_metadata("http.error_message", body.substr(0, kMaxErrorText));
  std::string any;
  AppendPair(any, "type.googleapis.com/google.rpc.ErrorInfo", info);
  wire::AppendNumber(out.details, 1, static_cast<uint64_t>(out.code));
  wire::AppendBytes(out.details, 2, out.message);
  wire::AppendBytes(out.details, 3, any);
  return out;
}

}  // namespace blocks::invoke
