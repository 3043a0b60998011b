// Multicast DNS messages: read from whatever bytes the network brings, and written. Nothing of a
// message is trusted: every length is checked, compressed names can only point backwards, and the
// number of records is bounded. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "components/nameresolution/mdns/name.hpp"

namespace components::nameresolution::mdns {

enum RecordType : uint16_t {
  kTypeA = 1,
  kTypePtr = 12,
  kTypeTxt = 16,
  kTypeAaaa = 28,
  kTypeSrv = 33,
  kTypeAny = 255,
};

/// The largest message that is read, and the most questions and records in one. A message with more
/// is refused as a whole.
inline constexpr std::size_t kMaxPacket = 9000;
inline constexpr std::size_t kMaxQuestions = 128;
inline constexpr std::size_t kMaxRecords = 256;

struct Question {
  Name name;
  uint16_t type = 0;
};

/// A record of class Internet. Of other types than those above only name, type and ttl are kept.
struct Record {
  Name name;
  uint16_t type = 0;
  uint32_t ttl = 0;                // seconds; 0 = gone
  Name target;                     // PTR, SRV
  uint16_t port = 0;               // SRV
  std::vector<std::string> texts;  // TXT
  std::string address;             // A: 4 bytes, AAAA: 16 bytes
};

struct Packet {
  bool response = false;
  std::vector<Question> questions;
  std::vector<Record> records;  // of all sections in order
  std::size_t answers = 0;      // how many of them are answers: in a query, what the asker knows
};

/// None if the bytes are no message of ours to read: damaged, not a standard query or response, too
/// many records.
std::optional<Packet> ParsePacket(std::string_view bytes);

/// Asks for the instances of up to kMaxQuestions services in as few messages as fit the network.
std::vector<std::string> WriteQueries(std::span<const Name> services);

/// One instance of a service, as it is announced.
struct Instance {
  Name service;  // <app id>.local
  Name name;     // <host>:<pid>.<app id>.local
  Name host;     // what the address belongs to
  uint16_t port = 0;
  std::string text;     // the app id
  std::string address;  // 4 or 16 bytes
};
/// All records of the instance in one message; `ttl` in seconds, 0 = it goes away.
std::string WriteResponse(const Instance& instance, uint32_t ttl);

}  // namespace components::nameresolution::mdns
