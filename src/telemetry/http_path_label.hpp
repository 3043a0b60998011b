// The labels `path` and `method` of the HTTP metrics: how a request's path is reduced so that ids
// and keys do not each make a series of their own. Immutable after Create; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "telemetry/path_pattern.hpp"

namespace telemetry {

struct HttpLabelOptions {
  bool increased_cardinality = true;       // metrics.http.increasedCardinality
  std::vector<std::string> path_matching;  // metrics.http.pathMatching
  bool exclude_verbs = false;              // metrics.http.excludeVerbs
};

class HttpLabels {
 public:
  HttpLabels() = default;  // the defaults of the options

  /// Fails on a bad or conflicting pattern, naming it.
  static base::Result<HttpLabels> Create(const HttpLabelOptions& options);

  /// The label for a decoded path without query. The result points into `path`, this object or
  /// `scratch`, which may be overwritten.
  std::string_view Path(std::string_view path, std::string& scratch) const;

  /// The label for a method: itself, UNKNOWN when it is no standard one, empty when verbs are
  /// excluded.
  std::string_view Method(std::string_view method) const;

  bool increased_cardinality() const { return increased_cardinality_; }

 private:
  bool increased_cardinality_ = true;
  bool exclude_verbs_ = false;
  PathPatterns patterns_;
};

/// `path` with the variable parts of Dapr's own routes replaced, whatever the options; points into
/// `path` or `scratch`.
std::string_view ReducePath(std::string_view path, std::string& scratch);

}  // namespace telemetry
