// State stores for the tests of the APIs: one that works, one that fails, one that can be queried.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/time.hpp"
#include "contracts/state_store.hpp"

namespace api::test {

/// A store in a map: etags that count, times to live that never end, transactions.
class MapStore final : public contracts::StateStore {
 public:
  async::Task<base::Status> Init(const contracts::Call&, const contracts::InitRequest&) override {
    co_return base::Status();
  }
  uint32_t Features() const override {
    return contracts::kStateEtag | contracts::kStateTransactional | contracts::kStateTtl;
  }
  bool answers_at_once() const override { return true; }
  base::Result<contracts::GetResponse> GetNow(const contracts::GetRequest& request) override {
    const auto row = rows_.find(request.key);
    return row == rows_.end() ? contracts::GetResponse() : row->second;
  }
  base::Status SetNow(contracts::SetRequest&& request) override {
    RETURN_IF_ERROR(Check(request.key, request.etag));
    contracts::GetResponse& row = rows_[request.key];
    row = {.found = true, .data = request.value, .etag = std::to_string(++writes_), .metadata = {}};
    ASSIGN_OR_RETURN(const auto ttl, contracts::ParseTtlSeconds(request.metadata));
    if (ttl) {
      row.metadata.Set(contracts::kTtlExpireTimeKey,
                       base::FormatRfc3339(base::WallNow() + std::chrono::seconds(*ttl)));
    }
    return {};
  }
  base::Status DeleteNow(const contracts::DeleteRequest& request) override {
    RETURN_IF_ERROR(Check(request.key, request.etag));
    rows_.erase(request.key);
    return {};
  }
  async::Task<base::Result<contracts::GetResponse>> Get(const contracts::Call&,
                                                        contracts::GetRequest request) override {
    co_return GetNow(request);
  }
  async::Task<base::Status> Set(const contracts::Call&, contracts::SetRequest request) override {
    co_return SetNow(std::move(request));
  }
  async::Task<base::Status> Delete(const contracts::Call&,
                                   contracts::DeleteRequest request) override {
    co_return DeleteNow(request);
  }
  async::Task<base::Status> Multi(const contracts::Call&,
                                  contracts::TransactionRequest request) override {
    for (contracts::TransactionOperation& operation : request.operations) {
      auto* set = std::get_if<contracts::SetRequest>(&operation);
      CO_RETURN_IF_ERROR(set ? SetNow(std::move(*set))
                             : DeleteNow(std::get<contracts::DeleteRequest>(operation)));
    }
    co_return base::Status();
  }

 private:
  base::Status Check(const std::string& key, const std::optional<std::string>& etag) const {
    if (!etag || etag->empty()) return {};
    const auto row = rows_.find(key);
    if (row != rows_.end() && row->second.etag == etag) return {};
    return std::unexpected(contracts::EtagMismatch());
  }
  std::map<std::string, contracts::GetResponse> rows_;
  int writes_ = 0;
};

/// A store that always fails, without transactions, and never answers at once.
class FailingStore final : public contracts::StateStore {
 public:
  async::Task<base::Status> Init(const contracts::Call&, const contracts::InitRequest&) override {
    co_return base::Status();
  }
  uint32_t Features() const override { return contracts::kStateEtag; }
  async::Task<base::Result<contracts::GetResponse>> Get(const contracts::Call&,
                                                        contracts::GetRequest) override {
    co_return base::Fail(base::Kind::kUnavailable, "backend away");
  }
  async::Task<base::Status> Set(const contracts::Call&, contracts::SetRequest request) override {
    if (request.has_etag()) co_return std::unexpected(contracts::EtagInvalid("not a number"));
    co_return base::Fail(base::Kind::kUnavailable, "backend away");
  }
  async::Task<base::Status> Delete(const contracts::Call&,
                                   contracts::DeleteRequest request) override {
    if (request.has_etag()) co_return std::unexpected(contracts::EtagInvalid("not a number"));
    co_return base::Fail(base::Kind::kUnavailable, "backend away");
  }
};

/// A store whose queries find two values, none when they ask for pages of 9, and fail for pages of
/// 8; everything else it does as a MapStore does. At most two operations a transaction.
class QueryStore final : public contracts::StateStore {
 public:
  async::Task<base::Status> Init(const contracts::Call&, const contracts::InitRequest&) override {
    co_return base::Status();
  }
  uint32_t Features() const override { return inner_.Features() | contracts::kStateQueryApi; }
  int MultiMaxSize() const override { return 2; }
  async::Task<base::Result<contracts::GetResponse>> Get(const contracts::Call&,
                                                        contracts::GetRequest request) override {
    co_return inner_.GetNow(request);
  }
  async::Task<base::Status> Set(const contracts::Call&, contracts::SetRequest request) override {
    co_return inner_.SetNow(std::move(request));
  }
  async::Task<base::Status> Delete(const contracts::Call&,
                                   contracts::DeleteRequest request) override {
    co_return inner_.DeleteNow(request);
  }
  async::Task<base::Status> Multi(const contracts::Call& call,
                                  contracts::TransactionRequest request) override {
    co_return co_await inner_.Multi(call, std::move(request));
  }
  async::Task<base::Result<contracts::QueryResponse>> Query(
      const contracts::Call&, contracts::QueryRequest request) override {
    if (request.query.limit == 8) co_return base::Fail(base::Kind::kUnavailable, "backend away");
    contracts::QueryResponse response;
    response.token = "2";
    if (request.query.limit == 9) co_return response;
    if (request.query.limit == 7) {
      response.items.push_back({.key = "other||a", .data = "1", .etag = {}, .error = {}});
      co_return response;
    }
    response.items.push_back({.key = "app||a", .data = R"({"n": "<"})", .etag = "7", .error = {}});
    response.items.push_back({.key = "app||b", .data = {}, .etag = {}, .error = "odd row"});
    for (const auto& [key, value] : request.metadata) response.metadata.Set(key, value);
    co_return response;
  }

 private:
  MapStore inner_;
};

}  // namespace api::test
