#include "control/placement/protocol.hpp"

#include <algorithm>

#include "base/strings.hpp"
#include "control/link/wire_writer.hpp"
#include "grpc/wire.hpp"

namespace control {
namespace {

using grpc::wire::Reader;
using grpc::wire::Type;

constexpr uint64_t kApiLevel = 20;
// A table that names more places than this for a host is not meant.
constexpr uint64_t kMaxReplicas = 10'000;
constexpr std::string_view kNames[] = {"", "report", "lock", "update", "unlock"};

std::unexpected<base::Error> Malformed() {
  return base::Fail(base::Kind::kProtocol, "placement sent a malformed message");
}

// Entry of a map: key 1, value 2.
bool ReadEntry(std::string_view message, std::string_view& key, std::string_view& value) {
  Reader reader(message);
  while (reader.Next()) {
    if (reader.Is(1, Type::kBytes)) key = reader.bytes();
    if (reader.Is(2, Type::kBytes)) value = reader.bytes();
  }
  return reader.ok();
}

bool ReadHosts(std::string_view message, std::vector<PlacementHost>& out) {
  Reader table(message);
  while (table.Next()) {
    if (!table.Is(3, Type::kBytes)) continue;
    std::string_view name, value;
    if (!ReadEntry(table.bytes(), name, value)) return false;
    PlacementHost& host = out.emplace_back();
    host.name = name;
    Reader fields(value);
    while (fields.Next()) {
      if (fields.Is(5, Type::kBytes)) host.app_id = fields.bytes();
    }
    if (!fields.ok()) return false;
  }
  std::sort(out.begin(), out.end(),
            [](const PlacementHost& a, const PlacementHost& b) { return a.name < b.name; });
  return table.ok();
}

struct Tables {
  PlacementTable::Hosts hosts;
  uint64_t version = 0;
  uint64_t replicas = 0;
};

bool ReadTables(std::string_view message, Tables& out) {
  Reader reader(message);
  while (reader.Next()) {
    if (reader.Is(1, Type::kBytes)) {
      std::string_view type, value;
      if (!ReadEntry(reader.bytes(), type, value)) return false;
      if (!ReadHosts(value, out.hosts[std::string(type)])) return false;
    }
    if (reader.Is(2, Type::kBytes)) {
      out.version = base::ParseUint<uint64_t>(reader.bytes()).value_or(0);
    }
    if (reader.Is(4, Type::kVarint)) out.replicas = reader.number();
  }
  return reader.ok() && out.replicas <= kMaxReplicas;
}

}  // namespace

std::string_view PlacementOperationName(PlacementOperation operation) {
  return kNames[static_cast<std::size_t>(operation)];
}

std::string WriteReport(const PlacementReport& report) {
  std::string out;
  wire::AddText(out, 1, report.name);
  for (const std::string& entity : report.entities) wire::AddBytes(out, 4, entity);
  wire::AddText(out, 5, report.app_id);
  wire::AddNumber(out, 7, kApiLevel);
  wire::AddText(out, 8, report.app_namespace);
  wire::AddNumber(out, 9, static_cast<uint64_t>(PlacementOperation::kReport));
  return out;
}

std::string WriteAnswer(const PlacementReport& report, PlacementOperation operation,
                        uint64_t version) {
  std::string out;
  wire::AddText(out, 5, report.app_id);
  wire::AddText(out, 8, report.app_namespace);
  wire::AddNumber(out, 9, static_cast<uint64_t>(operation));
  wire::AddPresent(out, 10, version);
  return out;
}

base::Result<PlacementOrder> ReadOrder(std::string_view message) {
  PlacementOrder out;
  Tables tables;
  Reader reader(message);
  while (reader.Next()) {
    if (reader.Is(1, Type::kBytes) && !ReadTables(reader.bytes(), tables)) return Malformed();
    if (reader.Is(2, Type::kBytes)) {
      const auto* name = std::find(std::begin(kNames) + 1, std::end(kNames), reader.bytes());
      if (name != std::end(kNames)) {
        out.operation = static_cast<PlacementOperation>(name - std::begin(kNames));
      }
    }
    if (reader.Is(3, Type::kVarint)) out.version = reader.number();
  }
  if (!reader.ok()) return Malformed();
  // Older servers number rounds in the tables alone.
  if (out.version == 0) out.version = tables.version;
  if (out.operation == PlacementOperation::kUpdate) {
    out.table = std::make_shared<const PlacementTable>(
        out.version, static_cast<uint32_t>(tables.replicas), std::move(tables.hosts));
  }
  return out;
}

}  // namespace control
