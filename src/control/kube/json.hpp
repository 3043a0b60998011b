// Members of Kubernetes objects, where absent, null and of another type mean the same. Private to
// control/kube/.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

namespace control::kube {

inline const boost::json::object* ObjectAt(const boost::json::object& in, std::string_view key) {
  const auto* value = in.if_contains(key);
  return value ? value->if_object() : nullptr;
}

inline const boost::json::string* TextAt(const boost::json::object* in, std::string_view key) {
  const auto* value = in ? in->if_contains(key) : nullptr;
  return value ? value->if_string() : nullptr;
}

inline std::string TextOf(const boost::json::object* in, std::string_view key) {
  const auto* text = TextAt(in, key);
  return text ? std::string(*text) : std::string();
}

}  // namespace control::kube
