#include "cel/value.hpp"

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

namespace cel {

std::string_view KindName(Kind kind) {
  static constexpr std::array<std::string_view, 13> kNames{"dyn",
                                                           "null_type",
                                                           "bool",
                                                           "int",
                                                           "uint",
                                                           "double",
                                                           "string",
                                                           "bytes",
                                                           "list",
                                                           "map",
                                                           "type",
                                                           "google.protobuf.Timestamp",
                                                           "google.protobuf.Duration"};
  return kNames[static_cast<size_t>(kind)];
}

Value Value::FromJson(const boost::json::array& json) {
  return {Kind::kList, &json, json.size(), true};
}

Value Value::FromJson(const boost::json::object& json) {
  return {Kind::kMap, &json, json.size(), true};
}

Value Value::FromJson(const boost::json::value& json) {
  switch (json.kind()) {
    case boost::json::kind::null:
      return Null();
    case boost::json::kind::bool_:
      return Bool(json.get_bool());
    case boost::json::kind::int64:
      return Double(static_cast<double>(json.get_int64()));
    case boost::json::kind::uint64:
      return Double(static_cast<double>(json.get_uint64()));
    case boost::json::kind::double_:
      return Double(json.get_double());
    case boost::json::kind::string: {
      const boost::json::string& text = json.get_string();
      return String({text.data(), text.size()});
    }
    case boost::json::kind::array:
      return FromJson(json.get_array());
    case boost::json::kind::object:
      return FromJson(json.get_object());
  }
  return Null();
}

Value Value::Item(size_t i) const {
  return json_ ? FromJson((*pointer<boost::json::array>())[i]) : pointer<Value>()[i];
}

Value Value::Key(size_t i) const {
  if (!json_) return pointer<MapEntry>()[i].key;
  const auto key = pointer<boost::json::object>()->begin()[static_cast<std::ptrdiff_t>(i)].key();
  return String({key.data(), key.size()});
}

Value Value::Mapped(size_t i) const {
  if (!json_) return pointer<MapEntry>()[i].value;
  return FromJson(pointer<boost::json::object>()->begin()[static_cast<std::ptrdiff_t>(i)].value());
}

bool Value::Find(std::string_view key, Value& out) const {
  if (json_) {
    const boost::json::value* found =
        pointer<boost::json::object>()->if_contains({key.data(), key.size()});
    if (found == nullptr) return false;
    out = FromJson(*found);
    return true;
  }
  const MapEntry* entries = pointer<MapEntry>();
  for (size_t i = 0; i < extra_; ++i) {
    if (entries[i].key.is(Kind::kString) && entries[i].key.as_text() == key) {
      out = entries[i].value;
      return true;
    }
  }
  return false;
}

}  // namespace cel
