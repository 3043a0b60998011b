#include "base/strings.hpp"
#include "components/state/postgresql/query_sql.hpp"
#include "components/state/postgresql/store.hpp"

namespace components::state::postgresql {

using base::StrCat;

async::Task<base::Result<contracts::QueryResponse>> Store::Query(const contracts::Call& call,
                                                                 contracts::QueryRequest request) {
  if (layout_ != Layout::kV1) {
    co_return co_await contracts::StateStore::Query(call, std::move(request));
  }
  CO_ASSIGN_OR_RETURN(const QuerySql sql, MakeQuerySql(request.query, settings_.tables.state.quoted,
                                                       LiveCondition(layout_), request.key_prefix));
  postgres::ArrayWriter texts(postgres::ElementType::kText, sql.texts.size());
  for (const std::string& text : sql.texts) texts.Add(text);
  postgres::Query query{.sql = sql.sql, .params = {}};
  query.params.Text(texts.bytes());
  const auto rows = co_await client_->Read(call, query);
  if (!rows) co_return std::unexpected(rows.error());
  contracts::QueryResponse response;
  response.items.resize(static_cast<std::size_t>(rows->size()));
  for (int row = 0; row < rows->size(); ++row) {
    contracts::QueryItem& item = response.items[static_cast<std::size_t>(row)];
    item.key = rows->Bytes(row, 0);
    item.data = rows->Jsonb(row, 1);
    item.etag = StrCat(rows->Uint32(row, 2));
  }
  if (request.query.limit > 0 && rows->size() == request.query.limit) {
    response.token = StrCat(sql.offset + rows->size());
  }
  co_return response;
}

}  // namespace components::state::postgresql
