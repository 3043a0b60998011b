// The Prometheus text format 0.0.4 of a registry, as Go's client library prints it. Runs on the
// thread that serves the metrics port; recording is never blocked by it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "telemetry/registry.hpp"

namespace telemetry {

inline constexpr std::string_view kExpositionContentType =
    "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";

/// Prints every family that has a sample, sorted by name, its series sorted by labels, then the
/// process_* families. `sink` gets the text in pieces of some 64 KiB, at least one piece.
void WriteExposition(const Registry& registry, const std::function<void(std::string_view)>& sink);
std::string Exposition(const Registry& registry);

/// The process_* families (process_metrics.cpp), sorted by name.
void AppendProcessMetrics(std::string& out);

/// Appends `name="value"`, with a comma before it unless `out` is empty, escaping the value.
void AppendLabel(std::string& out, std::string_view name, std::string_view value);

/// Appends a number as Go's strconv does with format 'g' and the shortest precision.
void AppendGoFloat(std::string& out, double value);

/// Appends the HELP and TYPE lines of a family.
void AppendFamilyHeader(std::string& out, std::string_view name, std::string_view help, Type type);

}  // namespace telemetry
