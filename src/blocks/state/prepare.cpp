// From a user's request to the store's, and from the store's value back to the user's.
#include <utility>

#include "base/go_json.hpp"
#include "blocks/state/errors.hpp"
#include "blocks/state/go_format.hpp"
#include "blocks/state/state_block.hpp"

namespace blocks::state {

using contracts::DeleteRequest;
using contracts::GetResponse;
using contracts::SetRequest;

base::Status StateBlock::Prepare(const NamedStore& store, SetRequest& request) const {
  ASSIGN_OR_RETURN(request.key, store.prefix.Add(request.key, store.name));
  if (store.encryption) {
    // What comes from HTTP is a decoded value, which Go prints in its own way before it encrypts
    // it.
    base::Result<std::string> sealed =
        store.encryption->Encrypt(request.json ? FormatLikeGo(request.value) : request.value);
    if (!sealed) return std::unexpected(SaveFailed(store.name, sealed.error()));
    request.value = *std::move(sealed);
    request.json = false;
    return {};
  }
  if (request.json || request.metadata.empty()) return {};
  const std::string* type = request.metadata.Find("contentType");
  if (!type || *type != "application/json") return {};
  base::Result<std::string> value = base::ReencodeLikeGo(request.value);
  if (!value) return std::unexpected(MalformedRequest(std::move(value.error().message)));
  request.value = *std::move(value);
  request.json = true;
  return {};
}

base::Status StateBlock::PrepareItems(const NamedStore& store,
                                      std::vector<SetRequest>& items) const {
  for (SetRequest& item : items) {
    if (item.key.empty()) return std::unexpected(EmptyKey());
    RETURN_IF_ERROR(Prepare(store, item));
  }
  return {};
}

base::Result<contracts::TransactionRequest> StateBlock::PrepareTransaction(
    const NamedStore& store, TransactionBody& request) const {
  contracts::TransactionRequest transaction{.metadata = std::move(request.metadata)};
  transaction.operations.reserve(request.operations.size());
  for (TransactionItem& item : request.operations) {
    if (item.request.key.find(kKeySeparator) != std::string::npos) {
      return std::unexpected(InvalidKey(store.name, item.request.key, /*name_field=*/false));
    }
    if (item.operation == "upsert") {
      RETURN_IF_ERROR(Prepare(store, item.request));
      transaction.operations.emplace_back(std::move(item.request));
    } else if (item.operation == "delete") {
      ASSIGN_OR_RETURN(std::string key, store.prefix.Add(item.request.key, store.name));
      transaction.operations.emplace_back(
          DeleteRequest{.key = std::move(key),
                        .etag = std::move(item.request.etag),
                        .options = item.request.options,
                        .metadata = std::move(item.request.metadata)});
    } else {
      return std::unexpected(OperationNotSupported(item.operation));
    }
  }
  return transaction;
}

base::Result<GetResponse> StateBlock::FinishGet(const NamedStore& store, std::string_view user_key,
                                                base::Result<GetResponse> got) const {
  if (!got) return std::unexpected(GetFailed(store.name, user_key, got.error()));
  if (store.encryption && got->found) {
    base::Result<std::string> plain = store.encryption->Decrypt(got->data);
    if (!plain) return std::unexpected(GetFailed(store.name, user_key, plain.error()));
    got->data = *std::move(plain);
  }
  return got;
}

}  // namespace blocks::state
