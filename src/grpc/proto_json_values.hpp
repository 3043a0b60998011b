// The leaves of protojson: single values, and the special forms that are made of a few numbers.
// Used by proto_json.cpp only. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "grpc/descriptors.hpp"
#include "grpc/wire.hpp"

namespace grpc::proto_json {

/// One value as it stood on the wire. `bytes` of length-delimited fields, else `number`.
struct Scalar {
  uint64_t number = 0;
  std::string_view bytes;
};

/// How a type that is not length-delimited is written on the wire; kBytes for the others.
wire::Type WireTypeOf(FieldType type);
bool IsPackable(FieldType type);
/// True for zero, false and the empty text: what is left out of a message.
bool IsDefault(FieldType type, const Scalar& value);
/// False if `value` cannot be printed (text that is not UTF-8).
bool AppendScalar(FieldType type, const EnumInfo* enumeration, const Scalar& value,
                  std::string& out);
/// The same as the key of an object, which is always text.
bool AppendMapKey(FieldType type, const Scalar& value, std::string& out);
/// The order of keys of the same type: numbers by value, texts by bytes.
bool IsKeyLess(FieldType type, const Scalar& a, const Scalar& b);

/// `text` as a JSON string; false if it is not UTF-8.
bool AppendText(std::string_view text, std::string& out);
void AppendDouble(double value, std::string& out);

/// From serialized Timestamp and Duration; false if malformed or out of range.
bool AppendTimestamp(std::string_view message, std::string& out);
bool AppendDuration(std::string_view message, std::string& out);

}  // namespace grpc::proto_json
