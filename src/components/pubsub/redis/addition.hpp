// Addition: the XADD command for one message, put together without a copy of its data.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "components/pubsub/redis/settings.hpp"
#include "components/redis/command.hpp"
#include "contracts/metadata.hpp"

namespace components::pubsub::redis {

using components::redis::Arg;

class Addition {
 public:
  /// `topic` and `data` are borrowed. A stream is trimmed by length or by age; Redis takes only one
  /// of them, and length goes first.
  Addition(const Settings& settings, std::string_view topic, std::string_view data,
           const contracts::Metadata& metadata);
  Addition(const Addition&) = delete;
  Addition& operator=(const Addition&) = delete;

  std::span<const Arg> args() const { return std::span(args_).first(count_); }

 private:
  void Put(Arg arg) { args_[count_++] = arg; }

  std::array<Arg, 10> args_;
  std::size_t count_ = 0;
  std::string trim_;
  std::string metadata_;
};

}  // namespace components::pubsub::redis
