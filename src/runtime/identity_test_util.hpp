// An identity, a sentry that is none, and clocks that the test sets.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/test_tls.hpp"
#include "runtime/identity.hpp"

namespace runtime::test {

// Plays sentry.
class Issuer final : public control::IdentityIssuer {
 public:
  explicit Issuer(std::shared_ptr<net::testing::TestCa> ca) : ca(std::move(ca)) {}
  async::Task<base::Result<std::string>> Issue(const async::Context&,
                                               const control::IdentityRequest& request,
                                               const std::string& anchors_pem) override {
    ++asked;
    last = request;
    anchors = anchors_pem;
    if (meanwhile) co_await meanwhile();
    if (trouble) co_return std::unexpected(*trouble);
    co_return ca->Sign(request.request_pem, {.alternative = "URI:" + id}, from, until);
  }

  std::shared_ptr<net::testing::TestCa> ca;
  std::string id = "spiffe://public/ns/shop/cart";
  std::chrono::seconds from{-100}, until{3600};
  std::optional<base::Error> trouble;
  std::function<async::Task<void>()> meanwhile;
  int asked = 0;
  control::IdentityRequest last;
  std::string anchors;
};

// An app with sentry, and clocks that the test sets.
struct World {
  explicit World(const std::string& token_file = "") {
    anchors = TrustAnchors::Make(*async::Loop::Current(), telemetry::Log("test"),
                                 std::chrono::milliseconds(40));
    EXPECT_TRUE(anchors->Publish(ca->pem(), "test"));
    auto made = std::make_unique<Issuer>(ca);
    issuer = made.get();
    IdentityOptions options;
    options.app_id = "cart";
    options.app_namespace = "shop";
    options.token.file = token_file;
    options.control_plane_trust_domain = "cp";
    options.control_plane_namespace = "dapr-system";
    options.jwt_audiences = {"x"};
    options.now = [this] { return base::WallNow() + ahead; };
    options.retry_first = std::chrono::milliseconds(5);
    options.retry_most = std::chrono::milliseconds(20);
    options.on_anchors_gone = [this](Renew which) {
      if (which == Renew::kFromOthers) ++gone;
    };
    identity = Identity::Make(std::move(options), anchors, std::move(made));
  }
  async::Task<void> Close() {
    co_await identity->Close();
    co_await anchors->Close();
  }
  // The background work looks at the clock when something happens to the anchors.
  void Nudge() { anchors->changed().Pulse(); }
  async::Task<bool> Until(std::function<bool()> done) {
    const async::TimePoint end = async::Loop::Current()->After(std::chrono::seconds(5));
    while (!done()) {
      if (async::Loop::Current()->now() >= end) co_return false;
      const async::Context context(end);
      co_await async::Sleep(context, async::Loop::Current()->After(std::chrono::milliseconds(2)));
    }
    co_return true;
  }
  base::Error PeerError() {
    http::Origin origin;
    EXPECT_TRUE(identity->Secure(origin, "pay", "shop"));
    auto tls = origin.tls_source->Current();
    if (tls) return base::Error(base::Kind::kInternal, "no error");
    return tls.error();
  }

  std::shared_ptr<net::testing::TestCa> ca = std::make_shared<net::testing::TestCa>("root");
  std::chrono::seconds ahead{0};
  int gone = 0;
  std::shared_ptr<TrustAnchors> anchors;
  Issuer* issuer = nullptr;
  std::shared_ptr<Identity> identity;
};

}  // namespace runtime::test
