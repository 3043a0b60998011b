// FrameReader: cuts what arrives from an AMQP 0-9-1 broker into frames. Pure; trusts nothing: a
// frame beyond the agreed size or without its end mark is an error. First stop of received bytes;
// connection.cpp takes the frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace components::rabbitmq {

enum class FrameType : uint8_t { kMethod = 1, kHeader = 2, kBody = 3, kHeartbeat = 8 };

struct Frame {
  FrameType type = FrameType::kMethod;
  uint16_t channel = 0;
  std::string_view payload;  // good until the reader's next call
};

/// Bytes of a frame around its payload: type, channel, size and the end mark.
inline constexpr std::size_t kFrameOverhead = 8;

class FrameReader {
 public:
  /// `max_frame` bounds whole frames; may be changed while frames are read.
  explicit FrameReader(std::size_t max_frame) : max_frame_(max_frame) {}
  void set_max_frame(std::size_t max_frame) { max_frame_ = max_frame; }

  /// Adds received bytes. Take all frames out with Next before the next Feed.
  void Feed(std::string_view bytes);
  /// True: `frame` is filled. False: more bytes are needed. kProtocol: these are no frames, nothing
  /// may be read any more.
  base::Result<bool> Next(Frame& frame);
  /// Bytes kept of a frame that has not come whole.
  std::size_t waiting() const { return buffer_.size() - begin_; }

 private:
  std::size_t max_frame_;
  std::string buffer_;
  std::size_t begin_ = 0;
};

/// Appends a frame's beginning for a payload of `size` bytes; AppendFrameEnd comes after that.
void AppendFrameHead(std::string& out, FrameType type, uint16_t channel, std::size_t size);
void AppendFrameEnd(std::string& out);

}  // namespace components::rabbitmq
