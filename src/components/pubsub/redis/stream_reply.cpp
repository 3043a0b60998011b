#include "components/pubsub/redis/stream_reply.hpp"

#include <algorithm>

#include "base/go_json.hpp"
#include "contracts/json_cursor.hpp"

namespace components::pubsub::redis {

namespace {

using Value = Reply::Value;

contracts::Metadata ReadMetadata(std::string_view json) {
  contracts::Metadata metadata;
  if (!base::CheckJson(json)) return metadata;
  contracts::JsonCursor cursor(json);
  if (cursor.Peek() != '{') return metadata;
  cursor.Enter();
  while (cursor.More() && metadata.size() < kMaxMetadata) {
    const std::string key = cursor.Key();
    if (cursor.Peek() == '"') {
      metadata.Set(key, cursor.String());
    } else {
      cursor.Skip();
    }
  }
  return metadata;
}

// An entry is its id and a flat list of names and values. Nullopt without an id.
std::optional<Pulled> ReadEntry(const Value& value) {
  const auto id = StreamId::Parse(value[0].text());
  if (!id) return std::nullopt;
  Pulled pulled{.id = *id};
  const Value fields = value[1];
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    const std::string_view name = fields[i].text();
    if (name == "data" && !fields[i + 1].is_nil()) {
      pulled.data = fields[i + 1].text();
      pulled.readable = true;
    } else if (name == "metadata") {
      pulled.metadata = ReadMetadata(fields[i + 1].text());
    }
  }
  return pulled;
}

// Of a Reply or a value in it.
template <class List>
std::vector<Pulled> ReadList(const List& list) {
  std::vector<Pulled> entries;
  entries.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (auto entry = ReadEntry(list[i])) entries.push_back(*std::move(entry));
  }
  return entries;
}

}  // namespace

std::vector<Pulled> ReadEntries(const Reply& reply) {
  return ReadList(reply[0][1]);
}

std::vector<Pulled> ReadClaimed(const Reply& reply) {
  return ReadList(reply);
}

std::vector<StreamId> ReadIds(const Reply& reply) {
  std::vector<StreamId> ids;
  ids.reserve(reply.size());
  for (std::size_t i = 0; i < reply.size(); ++i) {
    if (const auto id = StreamId::Parse(reply[i].text())) ids.push_back(*id);
  }
  return ids;
}

std::vector<PendingEntry> ReadPending(const Reply& reply) {
  std::vector<PendingEntry> entries;
  entries.reserve(reply.size());
  for (std::size_t i = 0; i < reply.size(); ++i) {
    const auto id = StreamId::Parse(reply[i][0].text());
    if (!id) continue;
    entries.push_back(
        {*id, std::chrono::milliseconds(std::max<int64_t>(0, reply[i][2].integer()))});
  }
  return entries;
}

std::optional<GroupState> ReadGroupState(const Reply& reply, std::string_view group) {
  for (std::size_t i = 0; i < reply.size(); ++i) {
    const Value one = reply[i];
    GroupState state;
    bool found = false;
    for (std::size_t j = 0; j + 1 < one.size(); j += 2) {
      const std::string_view name = one[j].text();
      const Value value = one[j + 1];
      if (name == "name") found = value.text() == group;
      if (name == "pending") state.pending = std::max<int64_t>(0, value.integer());
      if (name == "last-delivered-id") {
        state.last_delivered = StreamId::Parse(value.text()).value_or(StreamId{});
      }
      if (name == "lag" && value.type() == Reply::Type::kInteger) {
        state.lag = std::max<int64_t>(0, value.integer());
      }
    }
    if (found) return state;
  }
  return std::nullopt;
}

}  // namespace components::pubsub::redis
