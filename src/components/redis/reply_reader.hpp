// ReplyReader: bytes from a server to replies, with hiredis' parser. Sizes are bounded, because a
// server may be broken or an impostor, and because one caller's huge answer must not take the
// memory of all. One per connection; one thread at a time.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.hpp"
#include "components/redis/reply.hpp"

struct redisReader;  // NOLINT(readability-identifier-naming)

namespace components::redis {

/// The longest text a server takes and gives, unless its proto-max-bulk-len says otherwise.
inline constexpr std::size_t kLongestText = std::size_t{512} << 20;

struct ReplyLimits {
  /// Of the texts of one reply. What may be written must be readable, with its etag.
  std::size_t max_bytes = kLongestText + 65536;
  std::size_t max_elements = 1 << 20;  // of one reply, over all its arrays
};

class ReplyReader {
 public:
  explicit ReplyReader(ReplyLimits limits = {});
  ~ReplyReader();
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  /// Takes bytes as they arrive.
  void Feed(std::string_view bytes);
  /// True and the next whole reply in `out`; false if its end has not arrived. A reply whose texts
  /// are too long is an error reply, "TOOLARGE …", and what follows it is read as ever. kProtocol
  /// on bytes that are no reply, kTooLarge on one that is not worth stepping over (too many
  /// elements); the reader is of no use then.
  base::Result<bool> Next(Reply& out);
  /// Whether the rest of something long is on its way.
  bool in_long_text() const;

 private:
  struct Callbacks;
  friend struct Callbacks;
  // The place for the node that hiredis' `task` stands for.
  Reply::Node& NodeAt(std::size_t index) {
    return index == 0 ? building_.root_ : building_.nodes_[index - 1];
  }
  std::size_t waiting() const;
  bool StepOverText();
  Reply Take();

  const ReplyLimits limits_;
  std::unique_ptr<redisReader, void (*)(redisReader*)> reader_;
  Reply building_;
  std::size_t skip_ = 0;   // bytes of a text that is stepped over, still to come
  bool too_long_ = false;  // a text of the reply at hand was left out
  bool too_many_ = false;
};

}  // namespace components::redis
