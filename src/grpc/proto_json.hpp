// Serialized messages as protojson, the JSON that protobuf prescribes, printed straight from the
// wire format with the descriptors of descriptors.hpp. Pure; any thread.
//
// What a reader sees: json names of fields in the order of their declaration, fields with their
// default value left out, 64-bit integers as strings, bytes in base64, enums by name (by number if
// it has none), maps sorted by key, the special forms of google.protobuf.Any, Timestamp, Duration,
// Struct, Value, ListValue and the wrappers. No white space. Fields that are not declared are left
// out.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "grpc/descriptors.hpp"

namespace grpc {

/// Messages nested deeper than this are refused.
inline constexpr int kMaxJsonMessageDepth = 100;

/// Appends the message of type `type` (full name) to `out`. Safe on hostile bytes: time and memory
/// grow with their number alone, memory up to some hundred bytes for each byte while it runs: bound
/// the size of what callers send. Fails with kInvalidArgument on malformed bytes, text that is not
/// UTF-8, an Any whose type is not in `index`, values out of the range of their special form, and
/// too deep nesting; `out` is then as before.
base::Status AppendProtoJson(const DescriptorIndex& index, std::string_view type,
                             std::string_view message, std::string& out);

}  // namespace grpc
