// The instances this process announces, and which of them a query asks for. Each is told at most
// ten times a second on one network, whoever asks and however often. Home loop only.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "async/timer.hpp"
#include "components/nameresolution/mdns/packet.hpp"

namespace components::nameresolution::mdns {

class Responder {
 public:
  static constexpr auto kLeastGap = std::chrono::milliseconds(100);

  /// Adds an instance; it stays where it is.
  const Instance& Add(Instance instance);
  const std::deque<Instance>& all() const { return instances_; }

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
  bool IsKnown(const Packet& query, const Instance& instance) const;

  std::deque<Instance> instances_;
  std::deque<std::vector<Told>> told_;               // of the instances, by index
  std::multimap<std::string, std::size_t> by_name_;  // NameKey of any of its names
  bool planned_ = false;                             // TakeLate will be called
};

}  // namespace components::nameresolution::mdns
