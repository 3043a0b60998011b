// Listener: accepts the connections of one listening socket on one loop and hands each one on as a
// Stream. When descriptors run out it pauses, warns once and comes back by itself. Own loop's
// thread only.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "async/loop.hpp"
#include "base/result.hpp"
#include "net/address.hpp"
#include "net/socket.hpp"
#include "net/stream.hpp"

namespace net {

class Listener {
 public:
  using OnAccept = std::function<void(std::unique_ptr<Stream>)>;
  /// Told when accepting fails, at most once a minute; the text names the address. Must not destroy
  /// the listener.
  using OnWarning = std::function<void(const std::string&)>;

  /// Takes a socket of bind.hpp.
  explicit Listener(Socket socket);
  ~Listener() { Stop(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// Begins to accept on `loop` (current thread). `on_accept` runs inside the loop's turn, must not
  /// block, and may stop or destroy the listener.
  base::Status Start(async::Loop& loop, OnAccept on_accept, OnWarning on_warning = {});
  /// Closes the socket; connections not yet accepted are refused. Removes the file of a Unix socket
  /// unless somebody else's is there by now. Safe to call twice.
  void Stop();

  const Address& address() const { return address_; }
  uint16_t port() const { return address_.port(); }

 private:
  struct Edge : async::Waiter {
    explicit Edge(Listener* listener);
    Listener* listener;
  };
  struct Pause : async::Timer {
    explicit Pause(Listener* listener);
    Listener* listener;
  };
  void AcceptBatch();
  void Warn(const std::string& text);

  Socket socket_;
  async::FdWatch watch_;
  Address address_;
  dev_t file_device_ = 0;
  ino_t file_inode_ = 0;  // of the Unix socket's file; 0 = there is none
  async::Loop* loop_ = nullptr;
  OnAccept on_accept_;
  OnWarning on_warning_;
  Edge edge_{this};
  Pause pause_{this};
  async::Duration back_off_{};
  async::TimePoint quiet_until_{};
  bool* gone_ = nullptr;  // set when stopped during a batch
};

}  // namespace net
