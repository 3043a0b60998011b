// For tests: a store on a real server, run from an ordinary thread.
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "async/loop_group.hpp"
#include "components/postgres/test_server.hpp"
#include "components/state/postgresql/store.hpp"

namespace components::state::postgresql {

using Entries = std::vector<config::Properties::Entry>;

/// Fields that give a store tables nobody else uses: `name` of v1, or the prefix of v2.
inline Entries OwnTables(Layout layout, const std::string& name) {
  return {{layout == Layout::kV1 ? "tableName" : "tablePrefix", name},
          {"metadataTableName", name + "_meta"}};
}
inline Entries With(Entries entries, const Entries& more) {
  entries.insert(entries.end(), more.begin(), more.end());
  return entries;
}

/// A started store whose operations can be called and waited for.
class TestStore {
 public:
  TestStore(Layout layout, Entries entries,
            std::chrono::seconds init_timeout = std::chrono::seconds(30))
      : properties_("test", std::move(entries)), store_(std::make_unique<Store>(layout)) {
    const contracts::InitRequest request{.name = "test",
                                         .type = "state.postgresql",
                                         .version = layout == Layout::kV1 ? "v1" : "v2",
                                         .properties = properties_,
                                         .app_id = {},
                                         .app_namespace = {}};
    status_ = Run<base::Status>(
        [&](const contracts::Call& call) { return StartStore(call, request, init_timeout); });
  }
  /// On the server the tests share.
  static TestStore Shared(Layout layout, const std::string& name, const Entries& more = {}) {
    return {layout, With(With({{"connectionString", postgres::SharedServer().connection()}},
                              OwnTables(layout, name)),
                         more)};
  }
  ~TestStore() { Close(); }
  TestStore(const TestStore&) = delete;
  TestStore& operator=(const TestStore&) = delete;

  const base::Status& status() const { return status_; }
  Store& store() { return *store_; }
  async::LoopGroup& loops() { return loops_; }
  void Close() {
    if (!store_) return;
    loops_.RunTaskOn(0, [this]() -> async::Task<void> {
      const contracts::Call call;
      co_await store_->Close(call);
    });
    store_.reset();
  }

  template <class T>
  T Run(std::function<async::Task<T>(const contracts::Call&)> work, int loop = 0) {
    std::optional<T> result;
    loops_.RunTaskOn(loop, [&]() -> async::Task<void> {
      const contracts::Call call;
      result.emplace(co_await work(call));
    });
    return *std::move(result);
  }
  base::Status Set(contracts::SetRequest request, int loop = 0) {
    return Run<base::Status>(
        [&](const contracts::Call& call) { return store_->Set(call, std::move(request)); }, loop);
  }
  base::Result<contracts::GetResponse> Get(std::string key, int loop = 0) {
    return Run<base::Result<contracts::GetResponse>>(
        [&](const contracts::Call& call) { return store_->Get(call, {.key = std::move(key)}); },
        loop);
  }
  base::Status Delete(contracts::DeleteRequest request) {
    return Run<base::Status>(
        [&](const contracts::Call& call) { return store_->Delete(call, std::move(request)); });
  }
  base::Status Multi(contracts::TransactionRequest request) {
    return Run<base::Status>(
        [&](const contracts::Call& call) { return store_->Multi(call, std::move(request)); });
  }
  base::Result<int64_t> Cleanup() {
    return Run<base::Result<int64_t>>(
        [&](const contracts::Call& call) { return store_->Cleanup(call); });
  }

 private:
  async::Task<base::Status> StartStore(const contracts::Call& call,
                                       const contracts::InitRequest& request,
                                       std::chrono::seconds timeout) {
    const contracts::Call bounded = call.Until(async::Loop::Current()->After(timeout));
    co_return co_await store_->Init(bounded, request);
  }

  config::Properties properties_;
  std::unique_ptr<Store> store_;
  async::LoopGroup loops_{2};
  base::Status status_;
};

}  // namespace components::state::postgresql
