#include "blocks/state/request.hpp"

#include <utility>

#include "base/go_json.hpp"
#include "base/strings.hpp"
#include "blocks/state/errors.hpp"
#include "contracts/json_cursor.hpp"

namespace blocks::state {

using base::StrCat;
using contracts::JsonCursor;
using contracts::JsonKindName;
using contracts::Metadata;
using contracts::SetRequest;

namespace {

// Errors in here are plain texts; the caller gives them their id.
std::unexpected<base::Error> Bad(std::string text) {
  return base::Fail(base::Kind::kInvalidArgument, std::move(text));
}
std::unexpected<base::Error> WrongType(JsonCursor& cursor, std::string_view type,
                                       std::string_view go_type) {
  std::string what(JsonKindName(cursor.Peek()));
  if (what == "number" && go_type == "int") what = StrCat("number ", cursor.Skip());
  return Bad(StrCat("json: cannot unmarshal ", what, " into Go ",
                    type.empty() ? "value" : StrCat("struct field ", type), " of type ", go_type));
}

bool Is(std::string_view key, std::string_view name) {
  return base::EqualsIgnoreCase(key, name);
}

base::Status ReadString(JsonCursor& cursor, std::string_view field, std::string& out) {
  if (cursor.Peek() == 'n') {
    cursor.Skip();
    return {};
  }
  if (cursor.Peek() != '"') return WrongType(cursor, field, "string");
  out = cursor.String();
  return {};
}

base::Status ReadMetadata(JsonCursor& cursor, std::string_view field, Metadata& out) {
  if (cursor.Peek() == 'n') {
    cursor.Skip();
    out = {};
    return {};
  }
  if (cursor.Peek() != '{') return WrongType(cursor, field, "map[string]string");
  cursor.Enter();
  while (cursor.More()) {
    const std::string key = cursor.Key();
    std::string value;
    RETURN_IF_ERROR(ReadString(cursor, field, value));
    out.Set(key, std::move(value));
  }
  return {};
}

struct OptionTexts {
  std::string concurrency;
  std::string consistency;
};

base::Status ReadOptions(JsonCursor& cursor, OptionTexts& out) {
  if (cursor.Peek() == 'n') {
    cursor.Skip();
    return {};
  }
  if (cursor.Peek() != '{') {
    return WrongType(cursor, "SetRequest.options", "state.SetStateOption");
  }
  cursor.Enter();
  while (cursor.More()) {
    const std::string key = cursor.Key();
    if (Is(key, "concurrency")) {
      RETURN_IF_ERROR(ReadString(cursor, "SetStateOption.options.concurrency", out.concurrency));
    } else if (Is(key, "consistency")) {
      RETURN_IF_ERROR(ReadString(cursor, "SetStateOption.options.consistency", out.consistency));
    } else {
      cursor.Skip();
    }
  }
  return {};
}

// One save item or the request of a transaction's operation.
base::Status ReadItem(JsonCursor& cursor, SetRequest& out, OptionTexts& options) {
  out.json = true;
  out.value = "null";
  if (cursor.Peek() == 'n') {
    cursor.Skip();
    return {};
  }
  if (cursor.Peek() != '{') return WrongType(cursor, "", "state.SetRequest");
  cursor.Enter();
  while (cursor.More()) {
    const std::string key = cursor.Key();
    if (Is(key, "key")) {
      RETURN_IF_ERROR(ReadString(cursor, "SetRequest.key", out.key));
    } else if (Is(key, "value")) {
      ASSIGN_OR_RETURN(out.value, base::ReencodeLikeGo(cursor.Skip()));
    } else if (Is(key, "etag")) {
      if (cursor.Peek() == 'n') {
        cursor.Skip();
        out.etag.reset();
      } else {
        RETURN_IF_ERROR(ReadString(cursor, "SetRequest.etag", out.etag.emplace()));
      }
    } else if (Is(key, "metadata")) {
      RETURN_IF_ERROR(ReadMetadata(cursor, "SetRequest.metadata", out.metadata));
    } else if (Is(key, "options")) {
      RETURN_IF_ERROR(ReadOptions(cursor, options));
    } else if (Is(key, "contentType")) {
      RETURN_IF_ERROR(ReadString(cursor, "SetRequest.contentType", out.content_type));
    } else {
      cursor.Skip();
    }
  }
  return {};
}

// The syntax check, worded like the streaming decoder that reads these bodies in Go.
base::Status CheckBody(std::string_view json) {
  base::Status status = base::CheckJson(json);
  if (status || status.error().message != "unexpected end of JSON input") return status;
  return Bad(json.find_first_not_of(" \t\r\n") == std::string_view::npos ? "EOF"
                                                                         : "unexpected EOF");
}

base::Status ParseItems(std::string_view json, std::string_view store, const Metadata& url_metadata,
                        std::vector<SetRequest>& items) {
  RETURN_IF_ERROR(CheckBody(json));
  JsonCursor cursor(json);
  if (cursor.Peek() == 'n') return {};
  if (cursor.Peek() != '[') return WrongType(cursor, "", "[]state.SetRequest");
  cursor.Enter();
  base::Status bad_options;
  while (cursor.More()) {
    SetRequest& item = items.emplace_back();
    OptionTexts texts;
    RETURN_IF_ERROR(ReadItem(cursor, item, texts));
    base::Result<contracts::StateOptions> options =
        ParseStateOptions(texts.concurrency, texts.consistency);
    if (options) {
      item.options = *options;
    } else if (bad_options) {
      bad_options = std::unexpected(SaveFailed(store, options.error()));
    }
  }
  for (SetRequest& item : items) {
    if (item.key.empty()) return Bad("\"key\" is a required field");
    if (!url_metadata.empty()) item.metadata.MergeFrom(url_metadata);
  }
  return bad_options;
}

base::Status ParseOperation(JsonCursor& cursor, TransactionItem& out, std::string& bad_options) {
  if (cursor.Peek() == 'n') {
    cursor.Skip();
    return {};
  }
  if (cursor.Peek() != '{') return WrongType(cursor, "", "state.transactionOperation");
  cursor.Enter();
  while (cursor.More()) {
    const std::string key = cursor.Key();
    if (Is(key, "operation")) {
      RETURN_IF_ERROR(ReadString(cursor, "operation", out.operation));
    } else if (Is(key, "request")) {
      OptionTexts texts;
      RETURN_IF_ERROR(ReadItem(cursor, out.request, texts));
      const base::Result<contracts::StateOptions> options =
          ParseStateOptions(texts.concurrency, texts.consistency);
      if (options) {
        out.request.options = *options;
      } else if (bad_options.empty()) {
        bad_options = options.error().message;
      }
    } else {
      cursor.Skip();
    }
  }
  return {};
}

base::Status ParseTransactionBody(std::string_view json, TransactionBody& out) {
  RETURN_IF_ERROR(CheckBody(json));
  JsonCursor cursor(json);
  if (cursor.Peek() == 'n') return {};
  if (cursor.Peek() != '{') return WrongType(cursor, "", "state.transactionRequest");
  cursor.Enter();
  while (cursor.More()) {
    const std::string key = cursor.Key();
    if (Is(key, "metadata")) {
      RETURN_IF_ERROR(ReadMetadata(cursor, "metadata", out.metadata));
    } else if (Is(key, "operations") && cursor.Peek() != 'n') {
      if (cursor.Peek() != '[') return WrongType(cursor, "operations", "[]state.operation");
      out.operations.clear();
      cursor.Enter();
      while (cursor.More()) {
        TransactionItem& item = out.operations.emplace_back();
        item.request.json = true;
        item.request.value = "null";
        RETURN_IF_ERROR(ParseOperation(cursor, item, out.bad_options));
      }
    } else {
      cursor.Skip();
    }
  }
  return {};
}

base::Status ParseBulkGetBody(std::string_view json, BulkGetBody& out) {
  RETURN_IF_ERROR(CheckBody(json));
  JsonCursor cursor(json);
  if (cursor.Peek() == 'n') return {};
  if (cursor.Peek() != '{') return WrongType(cursor, "", "state.bulkGetRequest");
  cursor.Enter();
  while (cursor.More()) {
    const std::string key = cursor.Key();
    if (Is(key, "metadata")) {
      RETURN_IF_ERROR(ReadMetadata(cursor, "metadata", out.metadata));
    } else if (Is(key, "keys") && cursor.Peek() != 'n') {
      if (cursor.Peek() != '[') return WrongType(cursor, "keys", "[]string");
      out.keys.clear();
      cursor.Enter();
      while (cursor.More()) RETURN_IF_ERROR(ReadString(cursor, "keys", out.keys.emplace_back()));
    } else if (Is(key, "parallelism") && cursor.Peek() != 'n') {
      const char first = cursor.Peek();
      if (first != '-' && !base::IsDigit(first)) return WrongType(cursor, "parallelism", "int");
      JsonCursor number = cursor;
      const auto value = base::ParseInt<int32_t>(number.Skip());
      if (!value) return WrongType(cursor, "parallelism", "int");
      out.parallelism = *value;
      cursor.Skip();
    } else {
      cursor.Skip();
    }
  }
  return {};
}

base::Error Deserializing(const base::Error& cause) {
  return MalformedRequest(StrCat("failed deserializing HTTP body: ", cause.message));
}

}  // namespace

base::Result<contracts::StateOptions> ParseStateOptions(std::string_view concurrency,
                                                        std::string_view consistency) {
  contracts::StateOptions options;
  if (concurrency == "first-write") {
    options.concurrency = contracts::Concurrency::kFirstWrite;
  } else if (concurrency == "last-write") {
    options.concurrency = contracts::Concurrency::kLastWrite;
  } else if (!concurrency.empty()) {
    return Bad(StrCat("unrecognized concurrency model '", concurrency, "'"));
  }
  if (consistency == "strong") {
    options.consistency = contracts::Consistency::kStrong;
  } else if (consistency == "eventual") {
    options.consistency = contracts::Consistency::kEventual;
  } else if (!consistency.empty()) {
    return Bad(StrCat("unrecognized consistency model '", consistency, "'"));
  }
  return options;
}

base::Result<std::vector<SetRequest>> ParseSaveRequest(std::string_view json,
                                                       std::string_view store,
                                                       const Metadata& url_metadata) {
  std::vector<SetRequest> items;
  base::Status status = ParseItems(json, store, url_metadata, items);
  if (status) return items;
  if (status.error().id != base::ErrorId::kNone) return std::unexpected(std::move(status).error());
  return std::unexpected(MalformedRequest(std::move(status.error().message)));
}

base::Result<TransactionBody> ParseTransaction(std::string_view json,
                                               const Metadata& url_metadata) {
  TransactionBody body;
  if (base::Status status = ParseTransactionBody(json, body); !status) {
    return std::unexpected(Deserializing(status.error()));
  }
  body.metadata.MergeFrom(url_metadata);
  return body;
}

base::Result<BulkGetBody> ParseBulkGet(std::string_view json, const Metadata& url_metadata) {
  BulkGetBody body;
  if (base::Status status = ParseBulkGetBody(json, body); !status) {
    return std::unexpected(Deserializing(status.error()));
  }
  body.metadata.MergeFrom(url_metadata);
  return body;
}

}  // namespace blocks::state
