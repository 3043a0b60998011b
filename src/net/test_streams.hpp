// Small coroutines that the tests of net/ share.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "async/gate.hpp"
#include "async/loop_group.hpp"
#include "net/bind.hpp"
#include "net/listener.hpp"
#include "net/stream.hpp"

namespace net::testing {

inline void RunOnLoop(std::move_only_function<async::Task<void>()> start) {
  async::LoopGroup loops(1);
  loops.RunTaskOn(0, std::move(start));
}

/// A deadline that only a hanging test reaches.
inline async::Context Soon() {
  return async::Context(async::Loop::Current()->After(std::chrono::seconds(20)));
}

inline async::Task<bool> WriteAll(Stream& stream, const async::Context& context,
                                  std::string_view data) {
  while (!data.empty()) {
    const IoResult result = stream.Write(data);
    if (result.status == Io::kOk) {
      data.remove_prefix(result.bytes);
    } else if (result.status != Io::kWouldBlock) {
      co_return false;
    }
    if (!data.empty() && co_await async::Writable(stream.watch(), context) != async::Wake::kReady) {
      co_return false;
    }
  }
  co_return true;
}

/// Reads until `size` bytes, the end, an error or the deadline; `last` tells which.
inline async::Task<std::string> ReadUpTo(Stream& stream, const async::Context& context, size_t size,
                                         Io* last = nullptr, size_t buffer_size = 16'384) {
  std::string out;
  std::string buffer(buffer_size, '\0');
  Io status = Io::kOk;
  while (out.size() < size) {
    const IoResult result =
        stream.Read(std::span(buffer.data(), std::min(buffer.size(), size - out.size())));
    status = result.status;
    if (status == Io::kOk) {
      out.append(buffer, 0, result.bytes);
      continue;
    }
    if (status != Io::kWouldBlock) break;
    if (co_await async::Readable(stream.watch(), context) != async::Wake::kReady) break;
  }
  if (last) *last = status;
  co_return out;
}

inline async::Task<std::string> ReadToEnd(Stream& stream, const async::Context& context,
                                          Io* last = nullptr) {
  co_return co_await ReadUpTo(stream, context, SIZE_MAX, last);
}

/// Two connected streams over `socket`'s address: first the dialing side, then the accepting one.
struct Pair {
  std::unique_ptr<Stream> client;
  std::unique_ptr<Stream> server;
};
inline async::Task<Pair> Connect(Socket socket) {
  const async::Context context = Soon();
  async::Event accepted;
  Pair pair;
  Listener listener(std::move(socket));
  const base::Status started = listener.Start(*async::Loop::Current(), [&](auto stream) {
    pair.server = std::move(stream);
    accepted.Set();
  });
  EXPECT_TRUE(started);
  auto dialed = co_await Dial(context, listener.address());
  EXPECT_TRUE(dialed) << dialed.error().message;
  if (dialed) pair.client = std::move(*dialed);
  EXPECT_EQ(co_await accepted.Wait(context), async::Wake::kReady);
  co_return std::move(pair);
}
inline async::Task<Pair> ConnectTcp() {
  co_return co_await Connect(*BindTcp("127.0.0.1", 0));
}

/// Runs `task` and stores its value; for waiting on two things at once inside a Gate.
template <class T>
async::Task<void> Store(async::Task<T> task, T& into, async::Event& done) {
  into = co_await task;
  done.Set();
}

}  // namespace net::testing
