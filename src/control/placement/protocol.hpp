// Placement's gRPC messages (dapr.proto.placement.v1), written and read without generated classes.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "control/placement/table.hpp"

namespace control {

inline constexpr std::string_view kReportPath =
    "/dapr.proto.placement.v1.Placement/ReportDaprStatus";

/// The numbers of HostOperation.
enum class PlacementOperation : uint8_t { kUnknown, kReport, kLock, kUpdate, kUnlock };

/// "lock", as placement writes it and metrics name it.
std::string_view PlacementOperationName(PlacementOperation operation);

struct PlacementReport {
  std::string name;  // "ip:port" of the internal gRPC port
  std::string app_id;
  std::string app_namespace;
  std::vector<std::string> entities;  // actor types
};

/// Who we are and what we host.
std::string WriteReport(const PlacementReport& report);
/// That we are done with `operation` of round `version`.
std::string WriteAnswer(const PlacementReport& report, PlacementOperation operation,
                        uint64_t version);

struct PlacementOrder {
  PlacementOperation operation = PlacementOperation::kUnknown;
  uint64_t version = 0;
  std::shared_ptr<const PlacementTable> table;  // of an update
};
/// kProtocol if it is malformed.
base::Result<PlacementOrder> ReadOrder(std::string_view message);

}  // namespace control
