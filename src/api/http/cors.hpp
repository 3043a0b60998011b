// CORS for the HTTP API. Immutable; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/http/http_call.hpp"

namespace api {

class Cors {
 public:
  /// `origins` as in --allowed-origins: "*" allows all, one '*' inside stands for anything; empty:
  /// CORS is off.
  explicit Cors(const std::vector<std::string>& origins) : origins_(origins) {}

  bool on() const { return !origins_.empty(); }
  /// Adds the fields of the response. True if this was a preflight, which is answered now.
  bool Apply(HttpCall& call) const;

 private:
  bool Allows(std::string_view origin) const;
  const std::vector<std::string>& origins_;
};

}  // namespace api
