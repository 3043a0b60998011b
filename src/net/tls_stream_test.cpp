// Bytes over TLS: order, back-pressure, ends; and sessions taken up again.
#include "net/test_tls.hpp"

namespace net {
namespace {

using async::Task;
using async::Wake;
using testing::Ca;
using testing::Client;
using testing::ClientOptions;
using testing::Outcome;
using testing::ReadToEnd;
using testing::ReadUpTo;
using testing::RunOnLoop;
using testing::Server;
using testing::ServerOptions;
using testing::Shake;
using testing::Soon;
using testing::Store;
using testing::Tls;
using testing::WriteAll;

TEST(Tls, BytesHeldByTheLibraryKeepTheStreamReadable) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    Outcome out = co_await Shake(Server(), Client());
    const std::string data(40'000, 'd');
    EXPECT_TRUE(co_await WriteAll(*out.pair.client, context, data));
    // A wait before each tiny read: most are for bytes that are decrypted already, for which no
    // edge will come.
    std::string got;
    char buffer[7];
    while (got.size() < data.size()) {
      if (co_await async::Readable(out.pair.server->watch(), context) != Wake::kReady) break;
      const IoResult result = out.pair.server->Read(buffer);
      got.append(buffer, result.bytes);
    }
    EXPECT_TRUE(got == data);
    char byte;
    EXPECT_EQ(out.pair.server->Read(std::span(&byte, 1)).status, Io::kWouldBlock);
    EXPECT_FALSE(out.pair.server->watch().readable());
  });
}

TEST(Tls, LargeTransferWaitsForTheReader) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    Outcome out = co_await Shake(Server(), Client());
    std::string data(24 << 20, '\0');
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 31 + (i >> 13));
    async::Gate gate;
    async::Event done;
    bool written = false;
    gate.Spawn(Store(WriteAll(*out.pair.server, context, data), written, done));
    EXPECT_FALSE(done.is_set());
    EXPECT_TRUE(co_await ReadUpTo(*out.pair.client, context, data.size()) == data);
    EXPECT_EQ(co_await done.Wait(context), Wake::kReady);
    EXPECT_TRUE(written);
    EXPECT_TRUE(co_await gate.Close(context));
  });
}

// Writes `pieces` in order with one Write a turn, as a protocol layer with a queue does.
Task<bool> WritePieces(Stream& stream, const async::Context& context, std::vector<iovec> pieces) {
  size_t first = 0;
  while (first < pieces.size()) {
    const IoResult result = stream.Write(std::span(pieces).subspan(first));
    if (result.status == Io::kError) co_return false;
    size_t n = result.bytes;
    while (first < pieces.size() && n >= pieces[first].iov_len) n -= pieces[first++].iov_len;
    if (n != 0) {
      pieces[first].iov_base = static_cast<char*>(pieces[first].iov_base) + n;
      pieces[first].iov_len -= n;
    }
    if (first < pieces.size() &&
        co_await async::Writable(stream.watch(), context) != Wake::kReady) {
      co_return false;
    }
  }
  co_return true;
}

TEST(Tls, PiecesOfAllSizesArriveInOrderThroughAFullSocket) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    Outcome out = co_await Shake(Server(), Client());
    std::string data(12 << 20, '\0');
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 7 + (i >> 11));
    std::vector<iovec> pieces;
    const size_t sizes[] = {9, 16'384, 0, 1, 9, 100, 40'000, 16'383};
    for (size_t at = 0, i = 0; at < data.size(); ++i) {
      const size_t size = std::min(sizes[i % std::size(sizes)], data.size() - at);
      pieces.push_back({data.data() + at, size});
      at += size;
    }
    async::Gate gate;
    async::Event done;
    bool written = false;
    gate.Spawn(Store(WritePieces(*out.pair.server, context, pieces), written, done));
    EXPECT_FALSE(done.is_set());
    EXPECT_TRUE(co_await ReadUpTo(*out.pair.client, context, data.size()) == data);
    EXPECT_EQ(co_await done.Wait(context), Wake::kReady);
    EXPECT_TRUE(written);
    EXPECT_TRUE(co_await gate.Close(context));
  });
}

TEST(Tls, HalfCloseLeavesTheOtherDirectionOpen) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    Outcome out = co_await Shake(Server(), Client());
    EXPECT_TRUE(co_await WriteAll(*out.pair.client, context, "question"));
    out.pair.client->ShutdownWrite();
    Io last{};
    EXPECT_EQ(co_await ReadToEnd(*out.pair.server, context, &last), "question");
    EXPECT_EQ(last, Io::kEof);
    EXPECT_TRUE(co_await WriteAll(*out.pair.server, context, "answer"));
    out.pair.server.reset();
    EXPECT_EQ(co_await ReadToEnd(*out.pair.client, context, &last), "answer");
    EXPECT_EQ(last, Io::kEof);
  });
}

// Two connections one after the other to one address; whether each took up a session.
Task<std::vector<bool>> ConnectTwice(Tls server, Tls client) {
  const async::Context context = Soon();
  std::vector<bool> resumed;
  async::Event accepted;
  std::unique_ptr<Stream> incoming;
  Listener listener(*BindTcp("127.0.0.1", 0));
  EXPECT_TRUE(listener.Start(*async::Loop::Current(), [&](auto stream) {
    incoming = std::move(stream);
    accepted.Set();
  }));
  for (int i = 0; i < 2; ++i) {
    auto dialed = co_await Dial(context, listener.address());
    EXPECT_EQ(co_await accepted.Wait(context), Wake::kReady);
    accepted.Reset();
    async::Gate gate;
    async::Event done;
    base::Status status;
    gate.Spawn(Store(incoming->AcceptTls(context, server), status, done));
    const base::Status connected = co_await (*dialed)->ConnectTls(context, client, "app.example");
    EXPECT_TRUE(connected) << connected.error().message;
    EXPECT_EQ(co_await done.Wait(context), Wake::kReady);
    EXPECT_TRUE(status) << status.error().message;
    resumed.push_back((*dialed)->tls_peer().resumed);
    EXPECT_EQ((*dialed)->tls_peer().uri_san, "spiffe://td/ns/x/app");
    EXPECT_TRUE(co_await WriteAll(*incoming, context, "x"));
    EXPECT_EQ(co_await ReadUpTo(**dialed, context, 1), "x");  // the ticket comes before it
    EXPECT_TRUE(co_await gate.Close(context));
  }
  co_return resumed;
}

TEST(Tls, ClientResumesItsSession) {
  RunOnLoop([]() -> Task<void> {
    EXPECT_EQ(co_await ConnectTwice(Server(), Client()), (std::vector<bool>{false, true}));
  });
}

TEST(Tls, ResumedSessionsAreCheckedLikeNewOnes) {
  RunOnLoop([]() -> Task<void> {
    int checks = 0;
    TlsClientOptions options = ClientOptions();
    options.check_peer = [&checks](const TlsPeer& peer, bool) -> base::Status {
      EXPECT_EQ(peer.uri_san, "spiffe://td/ns/x/app");
      ++checks;
      return {};
    };
    EXPECT_EQ(co_await ConnectTwice(Server(), Client(options)), (std::vector<bool>{false, true}));
    EXPECT_EQ(checks, 2);
  });
}

TEST(Tls, ServersThatAskForCertificatesResumeAndCheckThemAgain) {
  RunOnLoop([]() -> Task<void> {
    TlsServerOptions server = ServerOptions();
    server.client_ca_pem = Ca().pem();
    TlsClientOptions client = ClientOptions();
    client.identity = Ca().Issue({.alternative = "URI:spiffe://td/ns/x/friend"});
    int checks = 0;
    server.check_peer = [&checks](const TlsPeer& peer, bool) -> base::Status {
      EXPECT_EQ(peer.uri_san, "spiffe://td/ns/x/friend");
      ++checks;
      return {};
    };
    EXPECT_EQ(co_await ConnectTwice(Server(server), Client(client)),
              (std::vector<bool>{false, true}));
    EXPECT_EQ(checks, 2);
  });
}

}  // namespace
}  // namespace net
