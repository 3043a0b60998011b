// Multicast DNS messages: any bytes give a message within its bounds or none, and what is learnt
// from one can be written and read again.
#include <cstdint>
#include <cstdlib>

#include "components/nameresolution/mdns/cache.hpp"
#include "components/nameresolution/mdns/packet.hpp"

namespace mdns = components::nameresolution::mdns;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto check = [](bool fine) {
    if (!fine) std::abort();
  };
  const auto packet = mdns::ParsePacket({reinterpret_cast<const char*>(data), size});
  if (!packet) return 0;
  check(packet->questions.size() <= mdns::kMaxQuestions);
  check(packet->records.size() <= mdns::kMaxRecords && packet->answers <= packet->records.size());
  std::vector<mdns::Name> names;
  for (const mdns::Question& question : packet->questions) names.push_back(question.name);
  for (const mdns::Record& record : packet->records) {
    check(record.name.size() < mdns::kMaxName && record.target.size() < mdns::kMaxName);
    check(record.address.empty() || record.address.size() == 4 || record.address.size() == 16);
    check(!mdns::IsBelow(record.name, record.name));
  }
  std::size_t asked = 0;
  for (const std::string& bytes : mdns::WriteQueries(names)) {
    const auto again = mdns::ParsePacket(bytes);
    check(again.has_value());
    asked += again->questions.size();
  }
  check(asked == names.size());

  mdns::Cache cache;
  const auto now = async::TimePoint() + std::chrono::hours(1);
  check(cache.Want("cart", nullptr, now) == mdns::Cache::Wanted::kBrowse);
  mdns::Learn(*packet, true, now, cache);
  check(cache.Find("cart", now).size() <= mdns::kMaxInstances * mdns::kMaxAddresses);
  return 0;
}
