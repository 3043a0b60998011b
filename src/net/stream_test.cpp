#include "net/stream.hpp"

#include <sys/socket.h>

#include "net/test_streams.hpp"

namespace net {
namespace {

using async::Task;
using async::Wake;
using std::chrono::milliseconds;
using testing::Connect;
using testing::ConnectTcp;
using testing::Pair;
using testing::ReadToEnd;
using testing::ReadUpTo;
using testing::RunOnLoop;
using testing::Soon;
using testing::Store;
using testing::WriteAll;

std::string TempSocket(const char* name) {
  return ::testing::TempDir() + "net_test_" + std::to_string(getpid()) + "_" + name;
}

Task<void> EchoOnce(Pair pair) {
  const async::Context context = Soon();
  EXPECT_TRUE(co_await WriteAll(*pair.client, context, "ping"));
  EXPECT_EQ(co_await ReadUpTo(*pair.server, context, 4), "ping");
  EXPECT_TRUE(co_await WriteAll(*pair.server, context, "pong!"));
  EXPECT_EQ(co_await ReadUpTo(*pair.client, context, 5), "pong!");
}

TEST(Stream, CarriesBytesOverTcp) {
  RunOnLoop([]() -> Task<void> {
    Pair pair = co_await ConnectTcp();
    EXPECT_EQ(pair.client->local(), pair.server->peer());
    EXPECT_EQ(pair.client->peer(), pair.server->local());
    EXPECT_FALSE(pair.client->is_tls());
    co_await EchoOnce(std::move(pair));
  });
}

TEST(Stream, CarriesBytesOverUnixSockets) {
  RunOnLoop([]() -> Task<void> {
    Pair pair = co_await Connect(*BindUnix(TempSocket("echo")));
    EXPECT_TRUE(pair.server->local().is_unix());
    co_await EchoOnce(std::move(pair));
    co_await EchoOnce(co_await Connect(*BindUnix("@" + TempSocket("abstract"))));
  });
}

TEST(Stream, ShortReadAndEmptySocketClearTheHint) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    Pair pair = co_await ConnectTcp();
    std::string buffer(10, '\0');
    EXPECT_EQ(pair.server->Read(buffer).status, Io::kWouldBlock);
    EXPECT_FALSE(pair.server->watch().readable());
    EXPECT_TRUE(co_await WriteAll(*pair.client, context, "abcdefghijkl"));
    EXPECT_EQ(co_await async::Readable(pair.server->watch(), context), Wake::kReady);
    EXPECT_EQ(pair.server->Read(buffer).bytes, 10u);
    EXPECT_TRUE(pair.server->watch().readable());  // a full buffer says nothing about the rest
    EXPECT_EQ(pair.server->Read(buffer).bytes, 2u);
    EXPECT_FALSE(pair.server->watch().readable());
  });
}

TEST(Stream, PeekTakesNothing) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    Pair pair = co_await ConnectTcp();
    EXPECT_TRUE(co_await WriteAll(*pair.client, context, "PRI"));
    std::string buffer(8, '\0');
    EXPECT_EQ(pair.server->Peek(buffer).status, Io::kOk);
    EXPECT_FALSE(pair.server->watch().readable());  // so that a sniffer waits for more
    EXPECT_TRUE(co_await WriteAll(*pair.client, context, " * HTTP"));
    EXPECT_EQ(co_await async::Readable(pair.server->watch(), context), Wake::kReady);
    EXPECT_EQ(pair.server->Peek(buffer).bytes, 8u);
    EXPECT_EQ(buffer, "PRI * HT");
    EXPECT_EQ(co_await ReadUpTo(*pair.server, context, 10), "PRI * HTTP");
  });
}

TEST(Stream, EndThatArrivedWithTheDataIsSeenAfterAShortRead) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    Pair pair = co_await ConnectTcp();
    std::string buffer(100, '\0');
    EXPECT_EQ(pair.server->Read(buffer).status, Io::kWouldBlock);
    EXPECT_TRUE(co_await WriteAll(*pair.client, context, "bye"));
    pair.client->ShutdownWrite();
    EXPECT_EQ(co_await async::Readable(pair.server->watch(), context), Wake::kReady);
    EXPECT_EQ(pair.server->Read(buffer).bytes, 3u);
    EXPECT_EQ(co_await async::Readable(pair.server->watch(), context), Wake::kReady);
    EXPECT_EQ(pair.server->Read(buffer).status, Io::kEof);
  });
}

TEST(Stream, HalfCloseLeavesTheOtherDirectionOpen) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    Pair pair = co_await ConnectTcp();
    EXPECT_TRUE(co_await WriteAll(*pair.client, context, "question"));
    pair.client->ShutdownWrite();
    Io last{};
    EXPECT_EQ(co_await ReadToEnd(*pair.server, context, &last), "question");
    EXPECT_EQ(last, Io::kEof);
    EXPECT_TRUE(co_await WriteAll(*pair.server, context, "answer"));
    pair.server.reset();
    EXPECT_EQ(co_await ReadToEnd(*pair.client, context, &last), "answer");
    EXPECT_EQ(last, Io::kEof);
    EXPECT_EQ(pair.client->Write("x").status, Io::kError);  // and no SIGPIPE
  });
}

TEST(Stream, WritesPiecesInOrder) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    Pair pair = co_await ConnectTcp();
    std::string a = "one,", b, c = "two";
    const iovec pieces[] = {{a.data(), a.size()}, {b.data(), 0}, {c.data(), c.size()}};
    EXPECT_EQ(pair.client->Write(pieces).bytes, 7u);
    EXPECT_EQ(co_await ReadUpTo(*pair.server, context, 7), "one,two");
    // More pieces than one system call takes.
    const std::vector<iovec> many(3000, iovec{c.data(), c.size()});
    EXPECT_EQ(pair.client->Write(many).bytes, 9000u);
    EXPECT_EQ((co_await ReadUpTo(*pair.server, context, 9000)).size(), 9000u);
  });
}

std::string Pattern(size_t size) {
  std::string out(size, '\0');
  uint32_t state = 1;
  for (char& c : out) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return out;
}

TEST(Stream, LargeTransferWaitsForTheReader) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    Pair pair = co_await ConnectTcp();
    const std::string data = Pattern(32 << 20);
    async::Gate gate;
    async::Event done;
    bool written = false;
    gate.Spawn(Store(WriteAll(*pair.client, context, data), written, done));
    EXPECT_FALSE(done.is_set());  // nobody has read: it has to wait
    EXPECT_FALSE(pair.client->watch().writable());
    const std::string received = co_await ReadUpTo(*pair.server, context, data.size());
    EXPECT_EQ(co_await done.Wait(context), Wake::kReady);
    EXPECT_TRUE(written);
    EXPECT_TRUE(received == data);
    EXPECT_TRUE(co_await gate.Close(context));
  });
}

TEST(Stream, AbortWakesWaitersOnBothSides) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    Pair pair = co_await ConnectTcp();
    async::Gate gate;
    async::Event mine, theirs, writer;
    std::string a, b;
    bool written = true;
    const std::string flood(32 << 20, 'x');
    gate.Spawn(Store(ReadUpTo(*pair.client, context, 1), a, mine));
    gate.Spawn(Store(WriteAll(*pair.client, context, flood), written, writer));
    EXPECT_FALSE(mine.is_set());
    EXPECT_FALSE(writer.is_set());
    pair.client->Abort();
    pair.client->Abort();
    EXPECT_EQ(co_await mine.Wait(context), Wake::kReady);
    EXPECT_EQ(co_await writer.Wait(context), Wake::kReady);
    EXPECT_FALSE(written);
    Io last{};
    co_await ReadToEnd(*pair.server, context, &last);
    EXPECT_NE(last, Io::kWouldBlock);
    char byte;
    EXPECT_EQ(pair.client->Read(std::span(&byte, 1)).status, Io::kError);
    EXPECT_TRUE(co_await gate.Close(context));
  });
}

TEST(Stream, ResetOnCloseIsAnErrorForThePeer) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    Pair pair = co_await ConnectTcp();
    pair.client->SetResetOnClose();
    pair.client.reset();
    Io last{};
    co_await ReadToEnd(*pair.server, context, &last);
    EXPECT_EQ(last, Io::kError);
  });
}

TEST(Dial, SaysWhyInTheWordsOfUsers) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    uint16_t port = 0;
    {
      const Socket closed = *BindTcp("127.0.0.1", 0);
      port = LocalPort(closed);
    }
    auto refused = co_await Dial(context, *Address::FromIp("127.0.0.1", port));
    EXPECT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, base::Kind::kUnreachable);
    EXPECT_EQ(refused.error().message,
              "dial tcp 127.0.0.1:" + std::to_string(port) + ": connect: connection refused");
    auto missing = co_await Dial(context, *Address::FromUnixPath("/nonexistent/x.sock"));
    EXPECT_EQ(missing.error().kind, base::Kind::kUnreachable);
    EXPECT_EQ(missing.error().message,
              "dial unix /nonexistent/x.sock: connect: no such file or directory");
  });
}

TEST(Dial, EndsWithItsContext) {
  RunOnLoop([]() -> Task<void> {
    async::Loop& loop = *async::Loop::Current();
    // A full Unix backlog is the one place where connect waits without a network.
    const std::string path = TempSocket("full");
    const Socket socket = *BindUnix(path);
    listen(socket.fd(), 0);
    const Address address = *Address::FromUnixPath(path);
    auto first = co_await Dial(Soon(), address);
    EXPECT_TRUE(first);
    const async::Context brief(loop.After(milliseconds(20)));
    auto late = co_await Dial(brief, address);
    EXPECT_EQ(late.error().kind, base::Kind::kTimeout);
    EXPECT_EQ(late.error().message, "dial unix " + path + ": i/o timeout");
    async::CancelToken token;
    token.Cancel();
    const async::Context canceled(async::kForever, &token);
    EXPECT_EQ((co_await Dial(canceled, address)).error().kind, base::Kind::kCanceled);
    unlink(path.c_str());
  });
}

}  // namespace
}  // namespace net
