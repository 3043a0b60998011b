// protojson of any bytes as any type: either an error, or text that is JSON.
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>

#include "base/go_json.hpp"
#include "grpc/descriptors.hpp"
#include "grpc/proto_json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static constexpr std::string_view kTypes[] = {
      "google.rpc.Status",
      "google.protobuf.Struct",
      "google.protobuf.Value",
      "google.protobuf.Any",
      "google.protobuf.Timestamp",
      "google.protobuf.Duration",
      "google.protobuf.FloatValue",
      "dapr.proto.internals.v1.InternalInvokeRequest",
      "dapr.proto.runtime.v1.GetMetadataResponse",
      "dapr.proto.runtime.v1.TopicEventBulkRequest",
      "dapr.proto.runtime.v1.ConversationRequestAlpha2",
      "grpc.reflection.v1.ServerReflectionResponse",
  };
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  std::string out;
  if (AppendProtoJson(grpc::DescriptorIndex::BuiltIn(), kTypes[data[0] % std::size(kTypes)], bytes,
                      out)) {
    if (!base::CheckJson(out)) std::abort();
  } else if (!out.empty()) {
    std::abort();
  }
  // Bytes that are no descriptors must not hurt either.
  if (data[0] == 255) (void)grpc::DescriptorIndex::Parse(bytes);
  return 0;
}
