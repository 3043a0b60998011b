// For tests: a store on a temporary file, run from an ordinary thread.
#pragma once

#include <gtest/gtest.h>

#include "async/loop_group.hpp"
#include "components/sqlite/test_file.hpp"
#include "components/state/sqlite/store.hpp"

namespace components::state::sqlite {

using components::sqlite::TestFile;

/// A started store whose operations can be called and waited for.
class TestStore {
 public:
  explicit TestStore(std::vector<config::Properties::Entry> entries)
      : properties_("test", std::move(entries)) {
    const contracts::InitRequest request{.name = "test", .properties = properties_};
    status_ =
        Run<base::Status>([&](const contracts::Call& call) { return store_->Init(call, request); });
  }
  ~TestStore() { Close(); }

  const base::Status& status() const { return status_; }
  Store& store() { return *store_; }
  void Close() {
    if (!store_) return;
    loops_.RunTaskOn(0, [this]() -> async::Task<void> {
      const contracts::Call call;
      co_await store_->Close(call);
    });
    store_.reset();
  }

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
    return Run<base::Result<contracts::GetResponse>>(
        [&](const contracts::Call& call) { return store_->Get(call, {.key = std::move(key)}); });
  }
  base::Status Delete(contracts::DeleteRequest request) {
    return Run<base::Status>(
        [&](const contracts::Call& call) { return store_->Delete(call, std::move(request)); });
  }
  base::Result<int64_t> Cleanup() {
    return Run<base::Result<int64_t>>(
        [&](const contracts::Call& call) { return store_->Cleanup(call); });
  }

 private:
  config::Properties properties_;
  std::unique_ptr<Store> store_ = std::make_unique<Store>();
  async::LoopGroup loops_{1};
  base::Status status_;
};

}  // namespace components::state::sqlite
