// The caller's side of the protocol between runtimes, against a peer that is made of protobuf's own
// classes and behaves as each test says.
#include "blocks/invoke/invoke_test_apps.hpp"
#include "dapr/proto/internals/v1/service_invocation.pb.h"

namespace blocks::invoke::test {
namespace {

namespace internals = dapr::proto::internals::v1;

constexpr std::string_view kStreamPath =
    "/dapr.proto.internals.v1.ServiceInvocation/CallLocalStream";

// A peer that behaves as a test says.
struct FakePeer {
  FakePeer(World& world, std::function<async::Task<grpc::CallStatus>(grpc::ServerStream&)> stream) {
    grpc::Method method;
    method.stream = std::move(stream);
    if (method.stream) service.Add(std::string(kStreamPath), std::move(method));
    grpc::Method unary;
    unary.unary = [this](grpc::ServerCall&, std::string request) -> async::Task<grpc::UnaryReply> {
      internals::InternalInvokeRequest message;
      EXPECT_TRUE(message.ParseFromString(request));
      unary_data = message.message().data().value();
      internals::InternalInvokeResponse response;
      response.mutable_status()->set_code(200);
      response.mutable_message()->mutable_data()->set_value("unary");
      co_return response.SerializeAsString();
    };
    service.Add("/dapr.proto.internals.v1.ServiceInvocation/CallLocal", std::move(unary));
    server = std::make_unique<RunningServer>(world.loops, service);
    world.resolver->table["fake.ns"] = {{"127.0.0.1", server->port}};
  }
  std::string unary_data;
  grpc::Service service{grpc::Service::Options{}};
  std::unique_ptr<RunningServer> server;
};

async::Task<grpc::CallStatus> AnswerInGoStyle(grpc::ServerStream& stream) {
  std::string body;
  internals::InternalInvokeRequestStream first;
  uint64_t seq = 0;
  bool is_first = true;
  while (true) {
    auto message = co_await stream.Read();
    EXPECT_TRUE(message);
    if (!message || !*message) break;
    internals::InternalInvokeRequestStream parsed;
    EXPECT_TRUE(parsed.ParseFromString(**message));
    EXPECT_EQ(parsed.has_request(), is_first);
    if (is_first) first = parsed;
    is_first = false;
    if (parsed.has_payload()) {
      EXPECT_EQ(parsed.payload().seq(), seq++);
      body += parsed.payload().data();
    }
  }
  internals::InternalInvokeResponseStream head;
  head.mutable_response()->mutable_status()->set_code(202);
  (*head.mutable_response()->mutable_headers())["X-Method"].add_values(
      first.request().message().method());
  head.mutable_response()->mutable_message()->set_content_type("text/go");
  head.mutable_response()->mutable_message();
  co_await stream.Write(head.SerializeAsString());
  for (std::size_t i = 0, n = 0; i < body.size(); i += 2048, ++n) {
    internals::InternalInvokeResponseStream piece;
    piece.mutable_payload()->set_data(body.substr(i, 2048));
    piece.mutable_payload()->set_seq(n);
    co_await stream.Write(piece.SerializeAsString());
  }
  co_return grpc::CallStatus();
}

TEST(Peer, SpeaksAsProtobufReads) {
  World world;
  Node caller(world, "caller");
  FakePeer peer(world, AnswerInGoStyle);
  const std::string data(100'000, 'd');
  for (const bool whole : {true, false}) {
    http::StringBody small("small");
    SlowBody large(data);
    http::Body* body = whole ? static_cast<http::Body*>(&small) : &large;
    const Answer answer = Invoke(caller, Request("fake", "POST", "the/method", body));
    ASSERT_TRUE(answer.ok) << answer.error;
    EXPECT_EQ(answer.response.status, 202);
    EXPECT_EQ(Values(answer.response.headers, "X-Method"), Texts{"the/method"});
    EXPECT_EQ(Values(answer.response.headers, "Content-Type"), Texts{"text/go"});
    EXPECT_EQ(answer.body, whole ? "small" : data);
  }
}

TEST(Peer, RetriesWhatCanBeRepeated) {
  World world;
  Node caller(world, "caller");
  int calls = 0;
  int failures = 2;
  FakePeer peer(world, [&](grpc::ServerStream& stream) -> async::Task<grpc::CallStatus> {
    if (++calls <= failures) {
      co_return std::unexpected(grpc::Status{grpc::Code::kUnavailable, "not now", {}});
    }
    co_return co_await AnswerInGoStyle(stream);
  });
  http::StringBody body("again");
  Answer answer = Invoke(caller, Request("fake", "POST", "m", &body));
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(answer.body, "again");

  // Read into memory first, because its length is known and small.
  calls = 0;
  SlowBody known("known");
  known.known = 5;
  answer = Invoke(caller, Request("fake", "POST", "m", &known));
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(answer.body, "known");

  calls = 0;
  SlowBody stream("once");
  answer = Invoke(caller, Request("fake", "POST", "m", &stream));
  EXPECT_EQ(answer.error,
            "failed to invoke, id: fake, err: rpc error: code = Unavailable desc = not now");
  EXPECT_EQ(calls, 1);

  calls = 0;
  failures = 100;
  answer = Invoke(caller, Request("fake", "GET", "m"));
  EXPECT_EQ(answer.error,
            "failed to invoke, id: fake, err: failed to invoke target fake after 3 retries. Error: "
            "rpc error: code = Unavailable desc = not now");
  EXPECT_EQ(calls, 4);
}

TEST(Peer, NoRetryOnOtherCodes) {
  World world;
  Node caller(world, "caller");
  int calls = 0;
  FakePeer peer(world, [&](grpc::ServerStream&) -> async::Task<grpc::CallStatus> {
    ++calls;
    co_return std::unexpected(grpc::Status{grpc::Code::kPermissionDenied, "no", {}});
  });
  const Answer answer = Invoke(caller, Request("fake", "GET", "m"));
  EXPECT_EQ(answer.error_id, base::ErrorId::kDirectInvokeDenied);
  EXPECT_EQ(answer.error,
            "failed to invoke, id: fake, err: rpc error: code = PermissionDenied desc = no");
  EXPECT_EQ(calls, 1);
}

TEST(Peer, OlderRuntimesGetTheUnaryCall) {
  World world;
  Node caller(world, "caller");
  FakePeer peer(world, {});
  http::StringBody body("data");
  Answer answer = Invoke(caller, Request("fake", "POST", "m", &body));
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(answer.body, "unary");
  EXPECT_EQ(peer.unary_data, "data");
  SlowBody stream("once");
  answer = Invoke(caller, Request("fake", "POST", "m", &stream));
  EXPECT_NE(answer.error.find("code = Unimplemented"), std::string::npos) << answer.error;
}

}  // namespace
}  // namespace blocks::invoke::test
