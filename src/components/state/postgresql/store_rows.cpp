// Requests as parameters, rows as responses.
#include "base/base64.hpp"
#include "base/strings.hpp"
#include "base/time.hpp"
#include "base/uuid.hpp"
#include "components/state/postgresql/store.hpp"

namespace components::state::postgresql {

using base::Kind;
using base::StrCat;
using contracts::Concurrency;

namespace {

base::Result<std::string> DecodeBytes(std::string_view json) {
  if (json.size() >= 2 && json.front() == '"' && json.back() == '"') {
    if (auto bytes = base::Base64Decode(json.substr(1, json.size() - 2))) return *std::move(bytes);
  }
  return base::Fail(Kind::kInternal, "a value is marked as binary but is no base64 text");
}

}  // namespace

base::Result<contracts::GetResponse> Store::ReadRow(const postgres::Rows& rows, int row) const {
  contracts::GetResponse response;
  response.found = true;
  if (layout_ == Layout::kV2) {
    response.data = rows.Bytes(row, 0);
    response.etag = rows.Uuid(row, 1);
  } else {
    if (rows.Bool(row, 3)) {
      ASSIGN_OR_RETURN(response.data, DecodeBytes(rows.Jsonb(row, 0)));
    } else {
      response.data = rows.Jsonb(row, 0);
    }
    response.etag = StrCat(rows.Uint32(row, 1));
  }
  if (!rows.IsNull(row, 2)) {
    const base::WallTime expiry = rows.Time(row, 2);
    response.metadata.Set(contracts::kTtlExpireTimeKey, base::FormatRfc3339(expiry));
  }
  return response;
}

base::Status Store::AddEtag(const std::string& etag, postgres::Params& params) const {
  if (layout_ == Layout::kV2) {
    // Any other text cannot be the etag of a row.
    if (!base::IsUuid(etag)) return std::unexpected(contracts::EtagMismatch());
    params.Text(etag);
    return {};
  }
  const auto number = base::ParseUint<uint32_t>(etag);
  if (!number) {
    const bool digits = base::ParseDouble(etag).has_value() &&
                        etag.find_first_not_of("0123456789") == std::string::npos;
    return std::unexpected(
        contracts::EtagInvalid(StrCat("strconv.ParseUint: parsing ", base::Quote(etag), ": ",
                                      digits ? "value out of range" : "invalid syntax")));
  }
  params.Xid(*number);
  return {};
}

base::Status Store::PrepareSet(const contracts::SetRequest& request, bool checked,
                               Write& out) const {
  ASSIGN_OR_RETURN(const std::optional<int64_t> ttl, contracts::ParseTtlSeconds(request.metadata));
  out.has_etag = request.has_etag();
  const bool first_write = !out.has_etag && request.options.concurrency == Concurrency::kFirstWrite;
  out.conditional = out.has_etag || first_write;
  out.query.statement = out.has_etag  ? (checked ? sql_->checked_update : sql_->update)
                        : first_write ? (checked ? sql_->checked_insert : sql_->insert)
                                      : sql_->set;
  postgres::Params& params = out.query.params;
  params.Text(request.key);
  const bool encoded = layout_ == Layout::kV1 && !request.json;
  if (encoded) {
    out.value = StrCat("\"", base::Base64Encode(request.value), "\"");
    params.Text(out.value);
  } else {
    params.Text(request.value);
  }
  if (ttl && *ttl > 0) {
    params.Int8(*ttl);
  } else {
    params.Null();
  }
  if (layout_ == Layout::kV1) params.Bool(encoded);
  if (!out.has_etag) return {};
  return AddEtag(*request.etag, params);
}

base::Status Store::PrepareDelete(const contracts::DeleteRequest& request, bool checked,
                                  Write& out) const {
  out.has_etag = out.conditional = request.has_etag();
  out.query.statement = !out.has_etag ? sql_->erase
                        : checked     ? sql_->checked_erase
                                      : sql_->erase_etag;
  out.query.params.Text(request.key);
  if (!out.has_etag) return {};
  return AddEtag(*request.etag, out.query.params);
}

}  // namespace components::state::postgresql
