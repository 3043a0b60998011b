// For tests: the servers that they share, and a store on them that an ordinary thread can use.
#pragma once

#include <gtest/gtest.h>

#include "async/loop_group.hpp"
#include "components/redis/test_server.hpp"
#include "components/state/redis/store.hpp"

namespace components::state::redis {

using components::redis::testing::Cluster;
using components::redis::testing::Raw;
using components::redis::testing::Server;

/// One server and one cluster for the whole run, started when first asked for.
inline Server& TheServer() {
  static Server server;
  return server;
}
inline Cluster& TheCluster() {
  static Cluster cluster;
  return cluster;
}
/// The same, emptied.
inline Server& SharedServer() {
  EXPECT_EQ(TheServer().Do({"FLUSHALL"}), "OK");
  return TheServer();
}
inline Cluster& SharedCluster() {
  for (int i = 0; i < Cluster::kNodes; ++i) EXPECT_EQ(TheCluster().node(i).Do({"FLUSHALL"}), "OK");
  return TheCluster();
}

/// A started store.
class TestStore {
 public:
  explicit TestStore(std::vector<config::Properties::Entry> entries)
      : properties_("test", std::move(entries)) {
    const contracts::InitRequest request{.name = "test", .properties = properties_};
    status_ =
        Run<base::Status>([&](const contracts::Call& call) { return store_->Init(call, request); });
  }
  explicit TestStore(const Server& server) : TestStore({{"redisHost", server.address()}}) {
    EXPECT_TRUE(status_) << status_.error().message;
  }
  ~TestStore() {
    if (!status_) return;
    loops_.RunTaskOn(0, [this]() -> async::Task<void> {
      const contracts::Call call;
      co_await store_->Close(call);
    });
  }

  const base::Status& status() const { return status_; }
  Store& store() { return *store_; }

  template <class T>
  T Run(std::function<async::Task<T>(const contracts::Call&)> work) {
    std::optional<T> result;
    loops_.RunTaskOn(0, [&]() -> async::Task<void> {
      const contracts::Call call;
      result.emplace(co_await work(call));
    });
    return *std::move(result);
  }
  base::Status Set(contracts::SetRequest request) {
    return Run<base::Status>(
        [&](const contracts::Call& call) { return store_->Set(call, std::move(request)); });
  }
  base::Result<contracts::GetResponse> Get(std::string key) {
    return Run<base::Result<contracts::GetResponse>>([&](const contracts::Call& call) {
      return store_->Get(call, {.key = std::move(key), .metadata = {}});
    });
  }
  base::Status Delete(contracts::DeleteRequest request) {
    return Run<base::Status>(
        [&](const contracts::Call& call) { return store_->Delete(call, std::move(request)); });
  }
  base::Status Multi(contracts::TransactionRequest request) {
    return Run<base::Status>(
        [&](const contracts::Call& call) { return store_->Multi(call, std::move(request)); });
  }

 private:
  config::Properties properties_;
  std::unique_ptr<Store> store_ = std::make_unique<Store>();
  async::LoopGroup loops_{1};
  base::Status status_;
};

/// "", or the error's kind and text.
template <class T>
std::string ErrorText(const base::Result<T>& result) {
  if (result) return "";
  return std::string(base::KindName(result.error().kind)) + ": " + result.error().message;
}

}  // namespace components::state::redis
