#include "net/listener.hpp"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fstream>

#include "net/test_streams.hpp"

namespace net {
namespace {

using async::Task;
using async::Wake;
using std::chrono::milliseconds;
using testing::RunOnLoop;
using testing::Soon;

std::string TempSocket(const char* name) {
  return ::testing::TempDir() + "net_listener_" + std::to_string(getpid()) + "_" + name;
}

// The error of a connection to `port` that may have `local` alone for its own.
int ConnectFrom(uint16_t local, uint16_t port) {
  constexpr int kLocalPortRange = 51;  // IP_LOCAL_PORT_RANGE, which older headers lack
  const Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const uint32_t range = static_cast<uint32_t>(local) << 16 | local;
  if (setsockopt(socket.fd(), IPPROTO_IP, kLocalPortRange, &range, sizeof range) != 0) return -1;
  const Address to = *Address::FromIp("127.0.0.1", port);
  return connect(socket.fd(), to.data(), to.size()) == 0 ? 0 : errno;
}

TEST(Bind, AHeldPortIsGivenToNoConnection) {
  const Socket server = *BindTcp("127.0.0.1", 0);
  const uint16_t port = LocalPort(*BindTcp("127.0.0.1", 0));
  for (const char* host : {"", "127.0.0.1"}) {
    Socket held = HoldPort(host, port);
    ASSERT_TRUE(held);
    const int error = ConnectFrom(port, LocalPort(server));
    if (error == -1) GTEST_SKIP() << "the kernel is older than 6.3";
    EXPECT_EQ(error, EADDRNOTAVAIL);
    EXPECT_EQ(ConnectFrom(port, port), EADDRNOTAVAIL);
    // Somebody else who listens there is not hindered, and is noticed.
    const auto sockets = BindTcpShared(host, port, 2);
    ASSERT_TRUE(sockets) << sockets.error().message;
    EXPECT_FALSE(HoldPort(host, port));
  }
  EXPECT_FALSE(HoldPort("", 0));
  EXPECT_FALSE(HoldPort("nowhere", port));
  EXPECT_EQ(ConnectFrom(port, LocalPort(server)), 0);
}

TEST(Bind, PortInUseIsSaidInTheWordsOfUsers) {
  const Socket first = *BindTcp("127.0.0.1", 0);
  const uint16_t port = LocalPort(first);
  EXPECT_NE(port, 0);
  const auto second = BindTcp("127.0.0.1", port);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, base::Kind::kAlreadyExists);
  EXPECT_EQ(second.error().message,
            "listen tcp 127.0.0.1:" + std::to_string(port) + ": bind: address already in use");
  EXPECT_EQ(BindTcp("no.such.host", 1).error().kind, base::Kind::kInvalidArgument);
  EXPECT_EQ(BindTcp("192.0.2.1", 0).error().kind, base::Kind::kUnavailable);
  EXPECT_TRUE(BindTcp("localhost", 0));
}

TEST(Bind, SharedPortIsOneOfOursAlone) {
  const auto sockets = BindTcpShared("127.0.0.1", 0, 3);
  ASSERT_TRUE(sockets) << sockets.error().message;
  ASSERT_EQ(sockets->size(), 3u);
  const uint16_t port = LocalPort(sockets->front());
  for (const Socket& socket : *sockets) EXPECT_EQ(LocalPort(socket), port);
  // Not even somebody who shares as well gets in from outside.
  EXPECT_EQ(BindTcpShared("127.0.0.1", port, 3).error().kind, base::Kind::kAlreadyExists);
  EXPECT_EQ(BindTcp("127.0.0.1", port).error().kind, base::Kind::kAlreadyExists);
}

TEST(Bind, EmptyHostServesBothFamilies) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    Listener listener(*BindTcp("", 0));
    std::unique_ptr<Stream> incoming;
    async::Event accepted;
    EXPECT_TRUE(listener.Start(*async::Loop::Current(), [&](auto stream) {
      incoming = std::move(stream);
      accepted.Set();
    }));
    auto dialed = co_await Dial(context, *Address::FromIp("127.0.0.1", listener.port()));
    EXPECT_TRUE(dialed);
    EXPECT_EQ(co_await accepted.Wait(context), Wake::kReady);
    EXPECT_EQ(incoming->peer().ip(), "127.0.0.1");  // not ::ffff:127.0.0.1
  });
}

TEST(Bind, RetriesWhileTheAddressIsInUse) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    int calls = 0;
    const std::function<base::Result<int>()> bind = [&calls]() -> base::Result<int> {
      if (++calls < 2) return base::Fail(base::Kind::kAlreadyExists, "in use");
      return 7;
    };
    EXPECT_EQ(*co_await BindWithRetry<int>(context, bind), 7);
    EXPECT_EQ(calls, 2);
    const std::function<base::Result<int>()> denied = [&calls]() -> base::Result<int> {
      ++calls;
      return base::Fail(base::Kind::kPermissionDenied, "no");
    };
    EXPECT_EQ((co_await BindWithRetry<int>(context, denied)).error().kind,
              base::Kind::kPermissionDenied);
    EXPECT_EQ(calls, 3);
    const std::function<base::Result<int>()> never = []() -> base::Result<int> {
      return base::Fail(base::Kind::kAlreadyExists, "in use");
    };
    EXPECT_EQ((co_await BindWithRetry<int>(context, never, milliseconds(10))).error().message,
              "in use");
  });
}

TEST(BindUnix, ReplacesOnlyDeadSocketFiles) {
  const std::string path = TempSocket("stale");
  {
    const Socket dead = *BindUnix(path);  // closed without a Listener: the file stays
  }
  struct stat file;
  ASSERT_EQ(lstat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0660u);
  const auto alive = BindUnix(path, 0600);
  ASSERT_TRUE(alive) << alive.error().message;
  ASSERT_EQ(lstat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
  const auto second = BindUnix(path);
  EXPECT_EQ(second.error().kind, base::Kind::kAlreadyExists);
  EXPECT_EQ(second.error().message, "listen unix " + path + ": bind: address already in use");
  unlink(path.c_str());

  const std::string precious = TempSocket("file");
  std::ofstream(precious) << "data";
  EXPECT_FALSE(BindUnix(precious));
  EXPECT_EQ(lstat(precious.c_str(), &file), 0);
  unlink(precious.c_str());
}

TEST(Listener, RemovesItsOwnSocketFileOnly) {
  const std::string path = TempSocket("own");
  struct stat file;
  {
    const Listener listener(*BindUnix(path));
    EXPECT_EQ(lstat(path.c_str(), &file), 0);
  }
  EXPECT_NE(lstat(path.c_str(), &file), 0);
  {
    const Listener listener(*BindUnix(path));
    unlink(path.c_str());
    std::ofstream(path) << "somebody else's";
  }
  EXPECT_EQ(lstat(path.c_str(), &file), 0);
  unlink(path.c_str());
}

TEST(Listener, AcceptsManyAndStops) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    Listener listener(*BindTcp("127.0.0.1", 0));
    const Address address = listener.address();
    constexpr size_t kMany = 300;  // more than one batch
    std::vector<std::unique_ptr<Stream>> dialed, incoming;
    for (size_t i = 0; i < kMany; ++i) {
      auto stream = co_await Dial(context, address);
      EXPECT_TRUE(stream);
      if (stream) dialed.push_back(std::move(*stream));
    }
    async::Event all;
    EXPECT_TRUE(listener.Start(*async::Loop::Current(), [&](auto stream) {
      incoming.push_back(std::move(stream));
      if (incoming.size() == kMany) all.Set();
    }));
    EXPECT_EQ(co_await all.Wait(context), Wake::kReady);
    listener.Stop();
    listener.Stop();
    EXPECT_EQ((co_await Dial(context, address)).error().kind, base::Kind::kUnreachable);
  });
}

TEST(Listener, MayBeDestroyedByItsCallback) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    auto listener = std::make_unique<Listener>(*BindTcp("127.0.0.1", 0));
    async::Event gone;
    auto first = co_await Dial(context, listener->address());
    auto second = co_await Dial(context, listener->address());
    EXPECT_TRUE(listener->Start(*async::Loop::Current(), [&](auto) {
      listener.reset();
      gone.Set();
    }));
    EXPECT_EQ(co_await gone.Wait(context), Wake::kReady);
    EXPECT_FALSE(listener);
  });
}

TEST(Listener, PausesWhileDescriptorsRunOut) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    Listener listener(*BindTcp("127.0.0.1", 0));
    auto dialed = co_await Dial(context, listener.address());
    EXPECT_TRUE(dialed);
    rlimit before;
    getrlimit(RLIMIT_NOFILE, &before);
    const int lowest_free = dup(0);
    close(lowest_free);
    rlimit full = before;
    full.rlim_cur = static_cast<rlim_t>(lowest_free);

    async::Event warned, accepted;
    std::vector<std::string> warnings;
    std::unique_ptr<Stream> incoming;
    setrlimit(RLIMIT_NOFILE, &full);
    const base::Status started = listener.Start(
        *async::Loop::Current(),
        [&](auto stream) {
          incoming = std::move(stream);
          accepted.Set();
        },
        [&](const std::string& text) {
          warnings.push_back(text);
          warned.Set();
        });
    const Wake told = co_await warned.Wait(context);
    // Over the first pauses nothing more is said and nothing is accepted.
    const Wake early =
        co_await accepted.Wait(async::Context(async::Loop::Current()->After(milliseconds(200))));
    setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_TRUE(started);
    EXPECT_EQ(told, Wake::kReady);
    EXPECT_EQ(early, Wake::kTimeout);
    EXPECT_EQ(co_await accepted.Wait(context), Wake::kReady);
    EXPECT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings[0].find("too many open files"), std::string::npos) << warnings[0];
  });
}

Task<void> BeServedMany(Address target) {
  const async::Context context = Soon();
  for (int i = 0; i < 64; ++i) {
    auto stream = co_await Dial(context, target);
    EXPECT_TRUE(stream);
    if (!stream) break;
    EXPECT_EQ(co_await testing::ReadUpTo(**stream, context, 2), "hi");  // somebody serves it
  }
}

TEST(Listener, LoopsShareAPort) {
  constexpr int kLoops = 2;
  std::vector<Socket> sockets = *BindTcpShared("127.0.0.1", 0, kLoops);
  const Address address = LocalAddress(sockets[0]);
  async::LoopGroup loops(kLoops);
  std::vector<std::unique_ptr<Listener>> listeners(kLoops);
  std::vector<std::vector<std::unique_ptr<Stream>>> incoming(kLoops);
  for (int i = 0; i < kLoops; ++i) {
    loops.RunOn(i, [&, i] {
      listeners[i] = std::make_unique<Listener>(std::move(sockets[i]));
      EXPECT_TRUE(listeners[i]->Start(loops.at(i), [&, i](std::unique_ptr<Stream> stream) {
        EXPECT_EQ(async::Loop::Current(), &loops.at(i));
        EXPECT_EQ(stream->Write("hi").status, Io::kOk);
        incoming[i].push_back(std::move(stream));
      }));
    });
  }
  loops.RunTaskOn(0, [address] { return BeServedMany(address); });
  for (int i = 0; i < kLoops; ++i) {
    loops.RunOn(i, [&, i] {
      EXPECT_FALSE(incoming[i].empty());
      incoming[i].clear();
      listeners[i].reset();
    });
  }
}

}  // namespace
}  // namespace net
