// Operations over many keys.
#include <algorithm>
#include <unordered_map>

#include "base/base64.hpp"
#include "base/strings.hpp"
#include "base/utf8.hpp"
#include "components/state/postgresql/store.hpp"
#include "contracts/parallel.hpp"

namespace components::state::postgresql {

using base::Kind;
using base::StrCat;
using postgres::ArrayWriter;
using postgres::ElementType;

namespace {

constexpr std::size_t kDefaultParallelism = 16;

// PostgreSQL refuses a whole array for one such key.
bool IsText(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '\0' || !base::DecodeUtf8(text, i).valid) return false;
  }
  return true;
}

std::size_t ParallelismOf(const contracts::BulkOptions& options) {
  return options.parallelism > 0 ? static_cast<std::size_t>(options.parallelism)
                                 : kDefaultParallelism;
}

// Single operations for the requests at `indices`; the first error by position is kept.
template <class Request>
struct Singles {
  Store& store;
  const contracts::Call& call;
  std::vector<Request>& requests;
  std::vector<std::size_t> indices;
  std::size_t failed = SIZE_MAX;
  base::Status status;

  void Note(std::size_t index, base::Status result) {
    if (result || index >= failed) return;
    failed = index;
    status = std::move(result);
  }
};

async::Task<void> SetOne(Singles<contracts::SetRequest>& all, std::size_t i) {
  const std::size_t index = all.indices[i];
  all.Note(index, co_await all.store.Set(all.call, std::move(all.requests[index])));
}
async::Task<void> DeleteOne(Singles<contracts::DeleteRequest>& all, std::size_t i) {
  const std::size_t index = all.indices[i];
  all.Note(index, co_await all.store.Delete(all.call, std::move(all.requests[index])));
}

}  // namespace

async::Task<base::Result<std::vector<contracts::BulkGetItem>>> Store::BulkGet(
    const contracts::Call& call, std::vector<contracts::GetRequest> requests,
    contracts::BulkOptions) {
  using Items = std::vector<contracts::BulkGetItem>;
  Items items(requests.size());
  if (items.empty()) co_return items;
  // Where each key's answer goes; a key may be asked for twice.
  std::unordered_multimap<std::string_view, std::size_t> places;
  places.reserve(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    items[i].key = std::move(requests[i].key);
    if (IsText(items[i].key)) {
      places.emplace(items[i].key, i);
    } else {
      items[i].error = "the key is not UTF-8 text without zero bytes";
    }
  }
  ArrayWriter keys(ElementType::kText, places.size());
  for (const auto& [key, place] : places) keys.Add(key);
  postgres::Query query{.statement = sql_->get_many, .params = {}};
  query.params.Text(keys.bytes());
  const auto rows = co_await client_->Read(call, query);
  if (!rows) co_return std::unexpected(rows.error());
  const int key_column = rows->columns() - 1;
  for (int row = 0; row < rows->size(); ++row) {
    const auto [first, last] = places.equal_range(rows->Bytes(row, key_column));
    for (auto place = first; place != last; ++place) {
      contracts::BulkGetItem& item = items[place->second];
      auto value = ReadRow(*rows, row);
      if (value) {
        item.value = *std::move(value);
      } else {
        item.error = std::move(value.error().message);
      }
    }
  }
  co_return items;
}

async::Task<base::Status> Store::SetMany(const contracts::Call& call,
                                         const std::vector<contracts::SetRequest>& requests,
                                         const std::vector<std::size_t>& plain) const {
  const bool v1 = layout_ == Layout::kV1;
  ArrayWriter keys(ElementType::kText, plain.size());
  ArrayWriter values(v1 ? ElementType::kText : ElementType::kBytea, plain.size());
  ArrayWriter ttls(ElementType::kInt8, plain.size());
  ArrayWriter binary(ElementType::kBool, plain.size());
  for (const std::size_t index : plain) {
    const contracts::SetRequest& request = requests[index];
    keys.Add(request.key);
    if (v1 && !request.json) {
      values.Add(StrCat("\"", base::Base64Encode(request.value), "\""));
    } else {
      values.Add(request.value);
    }
    const auto ttl = contracts::ParseTtlSeconds(request.metadata);
    if (ttl && *ttl && **ttl > 0) {
      ttls.AddInt8(**ttl);
    } else {
      ttls.AddNull();
    }
    binary.Add(request.json ? std::string_view("\0", 1) : std::string_view("\1", 1));
  }
  postgres::Query query{.statement = sql_->set_many, .params = {}};
  query.params.Text(keys.bytes()).Text(values.bytes()).Text(ttls.bytes());
  if (v1) query.params.Text(binary.bytes());
  CO_RETURN_IF_ERROR(co_await client_->Write(call, query));
  co_return base::Status();
}

async::Task<base::Status> Store::BulkSet(const contracts::Call& call,
                                         std::vector<contracts::SetRequest> requests,
                                         contracts::BulkOptions options) {
  Singles<contracts::SetRequest> singles{*this, call, requests, {}, SIZE_MAX, {}};
  std::vector<std::size_t> plain;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const contracts::SetRequest& request = requests[i];
    const bool conditional =
        request.has_etag() || request.options.concurrency == contracts::Concurrency::kFirstWrite;
    const bool good = contracts::ParseTtlSeconds(request.metadata).has_value();
    (conditional || !good ? singles.indices : plain).push_back(i);
  }
  // In one order everywhere, so that two such statements do not wait for each other; of equal keys
  // the last counts, as the statement may write a row only once.
  std::ranges::sort(plain, {}, [&](std::size_t i) {
    return std::pair<std::string_view, std::size_t>(requests[i].key, i);
  });
  std::vector<std::size_t> unique;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    if (i + 1 < plain.size() && requests[plain[i]].key == requests[plain[i + 1]].key) continue;
    unique.push_back(plain[i]);
  }
  if (unique.size() > 1) {
    base::Status done = co_await SetMany(call, requests, unique);
    const bool one_is_bad = !done && (done.error().kind == Kind::kInvalidArgument ||
                                      done.error().kind == Kind::kTooLarge);
    if (one_is_bad) {  // then nothing was written: each by itself
      singles.indices.insert(singles.indices.end(), unique.begin(), unique.end());
    } else if (!done) {
      co_return done;
    }
  } else {
    singles.indices.insert(singles.indices.end(), unique.begin(), unique.end());
  }
  co_await contracts::ForEachParallel(singles.indices.size(), ParallelismOf(options), singles,
                                      SetOne);
  co_return std::move(singles.status);
}

async::Task<base::Status> Store::BulkDelete(const contracts::Call& call,
                                            std::vector<contracts::DeleteRequest> requests,
                                            contracts::BulkOptions options) {
  Singles<contracts::DeleteRequest> singles{*this, call, requests, {}, SIZE_MAX, {}};
  std::vector<std::size_t> plain;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const bool alone = requests[i].has_etag() || !IsText(requests[i].key);
    (alone ? singles.indices : plain).push_back(i);
  }
  if (plain.size() > 1) {
    ArrayWriter keys(ElementType::kText, plain.size());
    for (const std::size_t index : plain) keys.Add(requests[index].key);
    postgres::Query query{.statement = sql_->erase_many, .params = {}};
    query.params.Text(keys.bytes());
    CO_RETURN_IF_ERROR(co_await client_->Write(call, query));
  } else {
    singles.indices.insert(singles.indices.end(), plain.begin(), plain.end());
  }
  co_await contracts::ForEachParallel(singles.indices.size(), ParallelismOf(options), singles,
                                      DeleteOne);
  co_return std::move(singles.status);
}

}  // namespace components::state::postgresql
