#include "components/postgres/rows.hpp"

#include <postgresql/libpq-fe.h>

#include "base/strings.hpp"

namespace components::postgres {

namespace {

template <class T>
T BigEndian(std::string_view bytes) {
  if (bytes.size() != sizeof(T)) return 0;
  T value = 0;
  for (const char c : bytes) value = static_cast<T>(value << 8 | static_cast<unsigned char>(c));
  return value;
}

}  // namespace

void Rows::Clear::operator()(pg_result* result) const {
  PQclear(result);
}

int Rows::size() const {
  return PQntuples(result_.get());
}
int Rows::columns() const {
  return PQnfields(result_.get());
}
std::string_view Rows::column_name(int column) const {
  const char* name = PQfname(result_.get(), column);
  return name ? name : "";
}
uint32_t Rows::column_type(int column) const {
  return PQftype(result_.get(), column);
}
bool Rows::IsNull(int row, int column) const {
  return PQgetisnull(result_.get(), row, column) != 0;
}
std::string_view Rows::Bytes(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}
int64_t Rows::affected() const {
  return base::ParseInt<int64_t>(PQcmdTuples(result_.get())).value_or(0);
}
uint32_t Rows::Uint32(int row, int column) const {
  return BigEndian<uint32_t>(Bytes(row, column));
}
int64_t Rows::Int64(int row, int column) const {
  return static_cast<int64_t>(BigEndian<uint64_t>(Bytes(row, column)));
}

base::WallTime Rows::Time(int row, int column) const {
  using std::chrono::microseconds;
  constexpr int64_t kEpoch2000 = 946'684'800'000'000;  // in microseconds since 1970
  const int64_t since_2000 = Int64(row, column);
  const auto low = std::chrono::ceil<microseconds>(base::WallTime::min()).time_since_epoch();
  const auto high = std::chrono::floor<microseconds>(base::WallTime::max()).time_since_epoch();
  if (since_2000 >= high.count() - kEpoch2000) return base::WallTime::max();
  if (since_2000 <= low.count() - kEpoch2000) return base::WallTime::min();
  return base::WallTime(microseconds(since_2000 + kEpoch2000));
}

std::string_view Rows::Jsonb(int row, int column) const {
  const std::string_view bytes = Bytes(row, column);
  return bytes.empty() ? bytes : bytes.substr(1);
}

std::string Rows::Uuid(int row, int column) const {
  constexpr char kHex[] = "0123456789abcdef";
  const std::string_view bytes = Bytes(row, column);
  std::string text;
  if (bytes.size() != 16) return text;
  text.reserve(36);
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    const auto byte = static_cast<unsigned char>(bytes[i]);
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return text;
}

}  // namespace components::postgres
