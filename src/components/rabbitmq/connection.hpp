// Connection: one open, authenticated AMQP connection to one broker, shared by all channels of its
// loop.
//
// Frames are appended to one output buffer and go out together at the end of the loop's turn. Two
// coroutines inside serve the socket: one reads, one writes; a timer sends and watches heartbeats.
// A connection breaks once and for all, its channels with it; link.hpp makes another. Own loop's
// thread only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "async/gate.hpp"
#include "async/wait.hpp"
#include "components/rabbitmq/codec.hpp"
#include "components/rabbitmq/frame_reader.hpp"
#include "components/rabbitmq/settings.hpp"
#include "net/stream.hpp"

namespace components::rabbitmq {

class Channel;
class ChannelListener;

class Connection {
 public:
  /// Greets the broker over a connected stream of the current loop. `settings` must outlive it.
  /// Errors name the broker: kUnauthenticated (wrong credentials), kInvalidArgument (no such
  /// vhost), kTimeout, kUnavailable, kProtocol.
  static async::Task<base::Result<std::shared_ptr<Connection>>> Open(
      const async::Context& context, std::unique_ptr<net::Stream> stream, const Settings& settings);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool broken() const { return error_.has_value(); }
  /// Why it broke.
  const base::Error& error() const { return *error_; }
  /// "rabbitmq at host:port".
  const std::string& name() const { return name_; }

  /// A new channel. `listener` may be null for channels that do not consume; it must outlive the
  /// channel's use. kExhausted if the broker allows no more.
  async::Task<base::Result<std::shared_ptr<Channel>>> OpenChannel(const async::Context& context,
                                                                  ChannelListener* listener);

  /// The broker takes no messages for now (it is short of memory or disk).
  bool blocked() const { return blocked_.has_value(); }
  /// Why, if it does not.
  const std::string& blocked_reason() const { return *blocked_; }
  /// Waits until it takes messages, or is broken, or the context ends.
  async::Task<async::Wake> WaitUnblocked(const async::Context& context);

  /// How much is not yet with the kernel.
  std::size_t unsent() const { return out_.size() - out_begin_; }
  /// Bytes that were ever appended; all below `written` are with the kernel.
  uint64_t appended() const { return written_ + unsent(); }
  uint64_t written() const { return written_; }
  /// Waits until `mark` bytes are with the kernel. False: broken, or the context ended.
  async::Task<bool> WaitWritten(const async::Context& context, uint64_t mark);

  void Break(base::Error error);
  /// Says good-bye (bounded by a second), breaks it and waits until its coroutines have ended.
  async::Task<void> Close();

 private:
  friend class Channel;
  enum class State : uint8_t { kGreeting, kTuning, kOpening, kOpen, kClosing };
  struct BeatTimer : async::Timer {
    explicit BeatTimer(Connection* connection);
    Connection* connection;
  };

  Connection(std::unique_ptr<net::Stream> stream, const Settings& settings);
  async::Task<void> ReadLoop();
  async::Task<void> WriteLoop();
  bool Parse();
  base::Status OnFrame(const Frame& frame);
  base::Status OnMethod(const ServerMethod& method);
  base::Status Greet(const ServerMethod& start);
  base::Status Tune(const ServerMethod& tune);
  void OnClose(const ServerMethod& close);
  void Beat();
  base::Status Send(uint16_t channel, uint32_t id, void* method);
  /// For channels: the buffer to append to, and then Kick.
  std::string& out() { return out_; }
  void Kick();
  std::size_t max_frame() const { return max_frame_; }
  void Forget(uint16_t channel);

  const Settings& settings_;
  const std::string name_;
  async::Loop& loop_;
  std::unique_ptr<net::Stream> stream_;
  FrameReader reader_;
  std::string out_;
  std::size_t out_begin_ = 0;
  uint64_t written_ = 0;
  State state_ = State::kGreeting;
  std::optional<base::Error> error_;
  std::optional<std::string> blocked_;
  std::size_t max_frame_;
  uint16_t max_channels_ = 0;
  uint16_t last_channel_ = 0;
  std::map<uint16_t, std::shared_ptr<Channel>> channels_;

  async::Duration beat_{};  // half of the agreed interval; 0 = none
  async::TimePoint heard_;
  async::TimePoint sent_;
  BeatTimer timer_{this};

  async::Event opened_;     // or broken
  async::Event wanted_;     // by the writer: there is output
  async::Event progress_;   // something was written
  async::Event unblocked_;  // pulsed
  async::Event closed_;     // broken or the broker agreed to close
  async::Gate gate_;
};

/// What the reply code of a close means, with the broker's text.
base::Error CloseError(std::string_view name, uint16_t code, std::string_view text);

}  // namespace components::rabbitmq
