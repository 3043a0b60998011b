// The instances this process announces, and which of them a query asks for. Each is told at most
// ten times a second on one network, whoever asks and however often. Home loop only.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "async/timer.hpp"
#include "components/nameresolution/mdns/packet.hpp"

namespace components::nameresolution::mdns {

class Responder {
 public:
  static constexpr auto kLeastGap = std::chrono::milliseconds(100);

  /// Adds an instance, in place of the one with the same text (app id). Pointers to that end.
  const Instance& Add(Instance instance);
  /// The instance with this text, or null.
  const Instance* Find(std::string_view text) const;
  void Remove(std::string_view text);
  std::vector<const Instance*> all() const;

  /// What to answer at once to a query that came by this interface. What was told there a moment
  /// ago is kept for TakeLate, which must be called kLeastGap later if `late` is set.
  struct Answers {
    std::vector<const Instance*> now;
    bool late = false;
  };
  Answers Answer(const Packet& query, unsigned interface, async::TimePoint now);
  struct Late {
    const Instance* instance;
    unsigned interface;
  };
  std::vector<Late> TakeLate(async::TimePoint now);

 private:
  // When an instance was last told on one network.
  struct Told {
    unsigned interface = 0;
    async::TimePoint at{};
    bool late = false;
  };
  struct Own {
    Instance instance;
    std::vector<Told> told;
  };
  bool IsKnown(const Packet& query, const Instance& instance) const;

  std::map<std::string, Own, std::less<>> own_;  // by text
  std::multimap<std::string, Own*> by_name_;     // NameKey of any of its names
  bool planned_ = false;                         // TakeLate will be called
};

}  // namespace components::nameresolution::mdns
