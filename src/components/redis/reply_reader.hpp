// ReplyReader: bytes from a server to replies, with hiredis' parser. Sizes are bounded, because a
// server may be broken or an impostor. One per connection; one thread at a time.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.hpp"
#include "components/redis/reply.hpp"

struct redisReader;  // NOLINT(readability-identifier-naming)

namespace components::redis {

struct ReplyLimits {
  std::size_t max_bytes = std::size_t{128} << 20;  // of one reply
  std::size_t max_elements = 1 << 20;              // of one reply, over all its arrays
};

class ReplyReader {
 public:
  explicit ReplyReader(ReplyLimits limits = {});
  ~ReplyReader();
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  /// Takes bytes as they arrive.
  void Feed(std::string_view bytes);
  /// True and the next whole reply in `out`; false if its end has not arrived. kProtocol on bytes
  /// that are no reply, kTooLarge on a reply beyond the limits; the reader is of no use then.
  base::Result<bool> Next(Reply& out);
  /// How many bytes wait for the end of their reply.
  std::size_t waiting() const;

 private:
  struct Callbacks;
  friend struct Callbacks;
  // The place for the node that hiredis' `task` stands for.
  Reply::Node& NodeAt(std::size_t index) {
    return index == 0 ? building_.root_ : building_.nodes_[index - 1];
  }

  const ReplyLimits limits_;
  std::unique_ptr<redisReader, void (*)(redisReader*)> reader_;
  Reply building_;
  bool too_many_ = false;
};

}  // namespace components::redis
