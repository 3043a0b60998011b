// The client against a server that plays sentry.
#include "control/sentry/sentry.hpp"

#include <gtest/gtest.h>

#include "dapr/proto/sentry/v1/sentry.pb.h"
#include "grpc/server.hpp"
#include "http/server.hpp"
#include "net/bind.hpp"
#include "net/listener.hpp"
#include "net/test_tls.hpp"

namespace control {
namespace {

namespace proto = dapr::proto::sentry::v1;
using net::testing::TestCa;

constexpr const char* kSentryId = "spiffe://cp/ns/dapr-system/dapr-sentry";

const TestCa& Root() {
  static const TestCa kRoot;
  return kRoot;
}

class Sentry {
 public:
  explicit Sentry(const std::string& id = kSentryId) : service_({}) {
    service_.Add("/dapr.proto.sentry.v1.CA/SignCertificate",
                 {.try_unary = [this](grpc::ServerCall& call,
                                      std::string_view request) -> std::optional<grpc::UnaryReply> {
                   EXPECT_TRUE(asked.ParseFromString(std::string(request)));
                   authority = call.exchange().request().authority;
                   client_id = call.exchange().peer_identity();
                   if (!refusal.ok()) return std::unexpected(refusal);
                   proto::SignCertificateResponse response;
                   response.set_workload_certificate(answer);
                   return response.SerializeAsString();
                 }});
    auto tls = net::TlsContext::Server(
        {.identity = Root().Issue({.alternative = "URI:" + id}), .alpn = {"h2"}});
    EXPECT_TRUE(tls);
    async::Loop& loop = *async::Loop::Current();
    server_ = http::MakeServer(loop, service_);
    listener_ = std::make_unique<net::Listener>(*net::BindTcp("127.0.0.1", 0));
    EXPECT_TRUE(listener_->Start(loop, [this, tls = *tls](std::unique_ptr<net::Stream> stream) {
      server_->Serve(std::move(stream), tls, nullptr);
    }));
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(listener_->port()); }
  async::Task<void> Close() {
    listener_->Stop();
    const async::Context soon = net::testing::Soon();
    co_await server_->Drain(soon);
  }

  proto::SignCertificateRequest asked;
  std::string authority, client_id;
  std::string answer = "chain";
  grpc::Status refusal;

 private:
  grpc::Service service_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<net::Listener> listener_;
};

async::Task<base::Result<std::string>> Ask(const std::string& address,
                                           const std::string& anchors = Root().pem()) {
  async::Loop& loop = *async::Loop::Current();
  auto client = http::MakeClient(loop);
  net::Resolver resolver(loop);
  SentryClient sentry({.address = address, .spiffe_id = kSentryId}, *client, resolver);
  const IdentityRequest request{.app_id = "cart",
                                .app_namespace = "shop",
                                .request_pem = "csr",
                                .token = {"secret", TokenValidator::kJwks},
                                .jwt_audiences = {"a", "b"}};
  const async::Context context = net::testing::Soon();
  auto result = co_await sentry.Issue(context, request, anchors);
  co_await client->Close(context);
  co_return result;
}

TEST(SentryClient, AsksAsDaprDoes) {
  net::testing::RunOnLoop([]() -> async::Task<void> {
    Sentry sentry;
    const auto chain = co_await Ask(sentry.address());
    EXPECT_TRUE(chain) << chain.error().message;
    if (chain) EXPECT_EQ(*chain, "chain");
    EXPECT_EQ(sentry.asked.id(), "cart");
    EXPECT_EQ(sentry.asked.namespace_(), "shop");
    EXPECT_EQ(sentry.asked.token(), "secret");
    EXPECT_EQ(sentry.asked.trust_domain(), "");
    EXPECT_EQ(sentry.asked.token_validator(), proto::SignCertificateRequest_TokenValidator_JWKS);
    EXPECT_EQ(sentry.asked.certificate_signing_request(), "csr");
    EXPECT_EQ(sentry.asked.jwt_audiences_size(), 2);
    EXPECT_EQ(sentry.authority, sentry.address());
    EXPECT_EQ(sentry.client_id, "");
    co_await sentry.Close();
  });
}

TEST(SentryClient, TellsARefusalFromATrouble) {
  net::testing::RunOnLoop([]() -> async::Task<void> {
    Sentry sentry;
    sentry.refusal = {grpc::Code::kPermissionDenied, "app-id mismatch", {}};
    auto chain = co_await Ask(sentry.address());
    EXPECT_EQ(chain.error().kind, base::Kind::kPermissionDenied);
    EXPECT_EQ(chain.error().message,
              "error from sentry SignCertificate: rpc error: code = PermissionDenied desc = app-id "
              "mismatch");
    sentry.refusal.code = grpc::Code::kUnavailable;
    chain = co_await Ask(sentry.address());
    EXPECT_EQ(chain.error().kind, base::Kind::kUnavailable);
    sentry.refusal = {};
    sentry.answer = "";
    chain = co_await Ask(sentry.address());
    EXPECT_EQ(chain.error().kind, base::Kind::kProtocol);
    co_await sentry.Close();
  });
}

TEST(SentryClient, TrustsOnlySentry) {
  net::testing::RunOnLoop([]() -> async::Task<void> {
    Sentry sentry;
    const TestCa other("other");
    auto chain = co_await Ask(sentry.address(), other.pem());
    EXPECT_EQ(chain.error().kind, base::Kind::kUnauthenticated);
    EXPECT_NE(chain.error().message.find("is not trusted"), std::string::npos)
        << chain.error().message;
    EXPECT_NE(chain.error().message.find("check the trust anchors"), std::string::npos);
    Sentry impostor("spiffe://other/ns/dapr-system/dapr-sentry");
    chain = co_await Ask(impostor.address());
    EXPECT_EQ(chain.error().kind, base::Kind::kUnauthenticated);
    EXPECT_NE(chain.error().message.find("unexpected SPIFFE ID"), std::string::npos)
        << chain.error().message;
    EXPECT_EQ(impostor.asked.token(), "") << "the token was given away";
    co_await sentry.Close();
    co_await impostor.Close();
  });
}

TEST(SentryClient, NamesAnAddressThatNobodyAnswersAt) {
  net::testing::RunOnLoop([]() -> async::Task<void> {
    for (const char* bad : {"sentry", "sentry:", ":1", "sentry:x", ""}) {
      const auto chain = co_await Ask(bad);
      EXPECT_EQ(chain.error().kind, base::Kind::kInvalidArgument) << bad;
    }
    Sentry sentry;
    const std::string address = sentry.address();
    co_await sentry.Close();
    const auto chain = co_await Ask(address);
    EXPECT_EQ(chain.error().kind, base::Kind::kUnreachable);
    EXPECT_NE(chain.error().message.find("sentry at " + address), std::string::npos);
    EXPECT_NE(chain.error().message.find("--sentry-address"), std::string::npos);
  });
}

}  // namespace
}  // namespace control
