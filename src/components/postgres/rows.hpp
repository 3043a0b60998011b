// Rows: what one statement returned. Owns libpq's result; movable; any thread, one at a time. All
// columns are in PostgreSQL's binary format. Views live as long as the Rows.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/time.hpp"

struct pg_result;  // NOLINT(readability-identifier-naming): libpq's

namespace components::postgres {

class Rows {
 public:
  Rows() = default;
  explicit Rows(pg_result* result) : result_(result) {}

  int size() const;
  int columns() const;
  std::string_view column_name(int column) const;
  /// The type's number in the server's catalogue.
  uint32_t column_type(int column) const;
  bool IsNull(int row, int column) const;
  std::string_view Bytes(int row, int column) const;
  /// Rows that INSERT, UPDATE or DELETE changed, or that SELECT returned.
  int64_t affected() const;

  // The bytes as a type; zero values if the column has another width.
  bool Bool(int row, int column) const { return Bytes(row, column) == std::string_view("\1", 1); }
  uint32_t Uint32(int row, int column) const;
  int64_t Int64(int row, int column) const;
  /// timestamptz; the years that WallTime cannot hold become its ends.
  base::WallTime Time(int row, int column) const;
  /// jsonb without its version byte.
  std::string_view Jsonb(int row, int column) const;
  /// The 36-character form.
  std::string Uuid(int row, int column) const;

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clear> result_;
};

}  // namespace components::postgres
