// For tests of the block: a store of a few lines that answers at once. One thread at a time.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "contracts/state_store.hpp"

namespace blocks::state {

class MapStore final : public contracts::StateStore {
 public:
  async::Task<base::Status> Init(const contracts::Call&, const contracts::InitRequest&) override {
    co_return base::Status();
  }
  uint32_t Features() const override {
    return contracts::kStateEtag | contracts::kStateTransactional;
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
  // Not atomic; enough for what the block does.
  async::Task<base::Status> Multi(const contracts::Call&,
                                  contracts::TransactionRequest request) override {
    for (contracts::TransactionOperation& operation : request.operations) {
      if (auto* set = std::get_if<contracts::SetRequest>(&operation)) {
        CO_RETURN_IF_ERROR(SetNow(std::move(*set)));
      } else {
        CO_RETURN_IF_ERROR(DeleteNow(std::get<contracts::DeleteRequest>(operation)));
      }
    }
    co_return base::Status();
  }

  bool answers_at_once() const override { return true; }
  base::Result<contracts::GetResponse> GetNow(const contracts::GetRequest& request) override {
    const auto it = rows_.find(request.key);
    contracts::GetResponse response;
    if (it == rows_.end()) return response;
    response.found = true;
    response.data = it->second.value;
    response.etag = it->second.etag;
    return response;
  }
  base::Status SetNow(contracts::SetRequest&& request) override {
    RETURN_IF_ERROR(contracts::ParseTtlSeconds(request.metadata));
    RETURN_IF_ERROR(CheckEtag(request.key, request.etag));
    rows_[request.key] = {std::move(request.value), std::to_string(++version_)};
    return {};
  }
  base::Status DeleteNow(const contracts::DeleteRequest& request) override {
    RETURN_IF_ERROR(CheckEtag(request.key, request.etag));
    rows_.erase(request.key);
    return {};
  }

 private:
  struct Row {
    std::string value;
    std::string etag;
  };
  base::Status CheckEtag(const std::string& key, const std::optional<std::string>& etag) const {
    if (!etag || etag->empty()) return {};
    const auto it = rows_.find(key);
    if (it != rows_.end() && it->second.etag == *etag) return {};
    return std::unexpected(contracts::EtagMismatch());
  }

  std::map<std::string, Row> rows_;
  int version_ = 0;
};

}  // namespace blocks::state
