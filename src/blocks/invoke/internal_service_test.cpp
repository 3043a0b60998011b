// The internal port against what other runtimes send, and against what none should.
#include "blocks/invoke/invoke_test_apps.hpp"
#include "dapr/proto/internals/v1/service_invocation.pb.h"

namespace blocks::invoke::test {
namespace {

namespace internals = dapr::proto::internals::v1;
namespace common = dapr::proto::common::v1;

constexpr std::string_view kStreamPath =
    "/dapr.proto.internals.v1.ServiceInvocation/CallLocalStream";

async::Task<void> RawStream(Node& node, std::vector<std::string> messages, grpc::Status& status,
                            std::vector<std::string>& replies) {
  const async::Context context(async::Loop::Current()->After(std::chrono::seconds(10)));
  http::Origin origin;
  origin.address = *net::Address::FromIp("127.0.0.1", node.internal_server->port);
  origin.protocol = http::Protocol::kHttp2;
  grpc::ClientStream stream(grpc::Channel(node.world.clients.Here(), origin, "peer"), kStreamPath,
                            {});
  for (const std::string& message : messages) stream.Write(message);
  stream.CloseSend();
  const base::Status opened = co_await stream.Open(context);
  EXPECT_TRUE(opened);
  if (!opened) co_return;
  while (true) {
    auto message = co_await stream.Read(context);
    if (!message || !*message) break;
    replies.push_back(**message);
  }
  status = stream.status();
}

internals::InternalInvokeRequestStream RawHead() {
  internals::InternalInvokeRequestStream first;
  first.mutable_request()->set_ver(internals::V1);
  auto* message = first.mutable_request()->mutable_message();
  message->set_method("m");
  message->mutable_http_extension()->set_verb(common::HTTPExtension::POST);
  return first;
}
std::string RawPiece(std::string data, uint64_t seq) {
  internals::InternalInvokeRequestStream piece;
  piece.mutable_payload()->set_data(std::move(data));
  piece.mutable_payload()->set_seq(seq);
  return piece.SerializeAsString();
}

TEST(InternalPort, StreamAsGoSendsIt) {
  TwoNodes two;
  Seen seen;
  two.callee.Serve(Echo(seen));
  grpc::Status status;
  std::vector<std::string> replies;
  two.loops.RunTaskOn(0, [&] {
    return RawStream(
        two.callee,
        {RawHead().SerializeAsString(), RawPiece("one,", 0), RawPiece("", 1), RawPiece("two", 2)},
        status, replies);
  });
  EXPECT_TRUE(status.ok()) << status.message;
  EXPECT_EQ(seen.body, "one,two");
  ASSERT_FALSE(replies.empty());
  std::string body;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    internals::InternalInvokeResponseStream parsed;
    ASSERT_TRUE(parsed.ParseFromString(replies[i]));
    EXPECT_EQ(parsed.has_response(), i == 0);
    body += parsed.payload().data();
    if (i > 0) continue;
    EXPECT_EQ(parsed.response().status().code(), 201);
    EXPECT_EQ(parsed.response().headers().at("X-App").values_size(), 2);
    EXPECT_EQ(parsed.response().message().content_type(), "text/x-echo");
  }
  EXPECT_EQ(body, "echo:one,two");
}

TEST(InternalPort, BadStreams) {
  TwoNodes two;
  Seen seen;
  two.callee.Serve(Echo(seen));
  const std::string head = RawHead().SerializeAsString();
  internals::InternalInvokeRequestStream no_message;
  no_message.mutable_request()->set_ver(internals::V1);
  const std::pair<std::vector<std::string>, grpc::Code> kCases[] = {
      {{head, RawPiece("a", 0), RawPiece("b", 2)}, grpc::Code::kInternal},
      {{head, RawPiece("a", 0), head}, grpc::Code::kInternal},
      {{RawPiece("a", 0)}, grpc::Code::kInvalidArgument},
      {{no_message.SerializeAsString()}, grpc::Code::kInvalidArgument},
      {{}, grpc::Code::kInvalidArgument},
      {{std::string("\xff\xff")}, grpc::Code::kInvalidArgument},
  };
  for (const auto& [messages, code] : kCases) {
    grpc::Status status;
    std::vector<std::string> replies;
    two.loops.RunTaskOn(0, [&] { return RawStream(two.callee, messages, status, replies); });
    EXPECT_EQ(status.code, code) << status.message;
  }
}

async::Task<void> RawUnary(Node& node, std::string path, std::string message,
                           std::optional<grpc::UnaryResult>& out) {
  const async::Context context(async::Loop::Current()->After(std::chrono::seconds(10)));
  http::Origin origin;
  origin.address = *net::Address::FromIp("127.0.0.1", node.internal_server->port);
  grpc::Channel channel(node.world.clients.Here(), origin, "peer");
  auto result = co_await channel.Unary(context, path, {}, message);
  EXPECT_TRUE(result);
  if (result) out = std::move(*result);
}

TEST(InternalPort, CallLocalAndActors) {
  TwoNodes two;
  Seen seen;
  two.callee.Serve(Echo(seen));
  const std::string prefix = "/dapr.proto.internals.v1.ServiceInvocation/";
  auto request = RawHead().request();
  request.mutable_message()->mutable_data()->set_value("unary");
  std::optional<grpc::UnaryResult> result;
  two.loops.RunTaskOn(0, [&] {
    return RawUnary(two.callee, prefix + "CallLocal", request.SerializeAsString(), result);
  });
  ASSERT_TRUE(result && result->status.ok()) << result->status.message;
  internals::InternalInvokeResponse response;
  ASSERT_TRUE(response.ParseFromString(result->message));
  EXPECT_EQ(response.status().code(), 201);
  EXPECT_EQ(response.message().data().value(), "echo:unary");
  for (const char* name : {"CallActor", "CallActorReminder", "CallActorStream"}) {
    two.loops.RunTaskOn(0, [&] { return RawUnary(two.callee, prefix + name, "", result); });
    EXPECT_EQ(result->status.code, grpc::Code::kUnavailable) << name;
  }
}

}  // namespace
}  // namespace blocks::invoke::test
