#include "control/scheduler/protocol.hpp"

#include <algorithm>

#include "control/link/wire_writer.hpp"
#include "grpc/wire.hpp"

namespace control {
namespace {

using grpc::wire::Reader;
using grpc::wire::Type;

// JobTargetType
constexpr uint64_t kJob = 0;
constexpr uint64_t kActorReminder = 1;

std::unexpected<base::Error> Malformed() {
  return base::Fail(base::Kind::kProtocol, "the scheduler sent a malformed message");
}

// Takes texts out of a message: `fields` are pairs of field number and where it goes.
struct TextField {
  uint32_t number;
  std::string* text;
};

bool ReadTexts(std::string_view message, std::initializer_list<TextField> fields) {
  Reader reader(message);
  while (reader.Next()) {
    for (const TextField& field : fields) {
      if (reader.Is(field.number, Type::kBytes)) *field.text = reader.bytes();
    }
  }
  return reader.ok();
}

}  // namespace

std::string WriteWatch(std::string_view app_id, std::string_view app_namespace,
                       const JobInterest& interest) {
  std::string initial;
  wire::AddText(initial, 1, app_id);
  wire::AddText(initial, 2, app_namespace);
  for (const std::string& type : interest.actor_types) wire::AddBytes(initial, 3, type);
  if (interest.app_jobs) wire::AddPresent(initial, 4, kJob);
  if (!interest.actor_types.empty()) wire::AddPresent(initial, 4, kActorReminder);
  std::string out;
  wire::AddBytes(out, 1, initial);
  return out;
}

std::string WriteResult(uint64_t id, bool done) {
  std::string result;
  wire::AddNumber(result, 1, id);
  wire::AddNumber(result, 2, done ? 0 : 1);
  std::string out;
  wire::AddBytes(out, 2, result);
  return out;
}

base::Result<TriggeredJob> ReadJob(std::string_view message) {
  TriggeredJob out;
  std::string metadata;
  std::string any;
  std::string target;
  if (!ReadTexts(message, {{1, &out.name}, {3, &any}, {4, &metadata}}) ||
      !ReadTexts(any, {{1, &out.data_type}, {2, &out.data}}) ||
      !ReadTexts(metadata, {{1, &out.app_id}, {2, &out.app_namespace}, {3, &target}})) {
    return Malformed();
  }
  Reader reader(message);
  while (reader.Next()) {
    if (reader.Is(2, Type::kVarint)) out.id = reader.number();
  }
  Reader targets(target);
  while (targets.Next()) {
    if (!targets.Is(2, Type::kBytes)) continue;
    out.reminder = true;
    if (!ReadTexts(targets.bytes(), {{1, &out.actor_id}, {2, &out.actor_type}})) return Malformed();
  }
  if (!targets.ok()) return Malformed();
  return out;
}

base::Result<std::vector<std::string>> ReadHosts(std::string_view message) {
  std::vector<std::string> out;
  Reader reader(message);
  while (reader.Next()) {
    if (!reader.Is(1, Type::kBytes)) continue;
    std::string address;
    if (!ReadTexts(reader.bytes(), {{1, &address}})) return Malformed();
    if (!address.empty()) out.push_back(std::move(address));
  }
  if (!reader.ok()) return Malformed();
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace control
