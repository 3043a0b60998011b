// What is sent to the server: one SQL statement with its parameters. Values are views: they must
// stay alive until the operation has ended, and are copied when it is sent.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace components::postgres {

/// A statement that is used again and again: prepared once on each connection. Made by
/// Client::Prepare.
struct Statement {
  std::string sql;
  std::size_t index = 0;  // its place among the client's statements
};

/// Parameters $1, $2 …, most in PostgreSQL's binary format. The server infers their types from the
/// statement, so an Int8 must stand where the server expects a bigint.
class Params {
 public:
  static constexpr int kMax = 8;

  Params() = default;
  // Numbers are kept inside, so a copy points to its own.
  Params(const Params& other) { *this = other; }
  Params& operator=(const Params& other) {
    if (this == &other) return *this;
    size_ = other.size_;
    for (std::size_t i = 0; i < static_cast<std::size_t>(size_); ++i) {
      lengths_[i] = other.lengths_[i];
      formats_[i] = other.formats_[i];
      number_[i] = other.number_[i];
      numbers_[i] = other.numbers_[i];
      values_[i] = number_[i] ? numbers_[i].data() : other.values_[i];
    }
    return *this;
  }

  /// text, bytea, or anything cast from text: `$1::text::jsonb`.
  Params& Text(std::string_view text) { return Add(text.data() ? text.data() : "", text.size()); }
  /// Any type, in its text form; ends with a zero byte.
  Params& Plain(const std::string& text) {
    Add(text.c_str(), text.size());
    formats_[static_cast<std::size_t>(size_ - 1)] = 0;
    return *this;
  }
  Params& Null() { return Add(nullptr, 0); }
  Params& Bool(bool value) { return Number(value ? 1 : 0, 1); }
  Params& Xid(uint32_t value) { return Number(value, 4); }
  Params& Int8(int64_t value) { return Number(static_cast<uint64_t>(value), 8); }

  int size() const { return size_; }
  const char* const* values() const { return values_.data(); }
  const int* lengths() const { return lengths_.data(); }
  const int* formats() const { return formats_.data(); }
  std::size_t bytes() const;

 private:
  Params& Add(const char* data, std::size_t size) {
    const auto at = static_cast<std::size_t>(size_++);
    values_[at] = data;
    lengths_[at] = static_cast<int>(size);
    formats_[at] = 1;
    number_[at] = false;
    return *this;
  }
  Params& Number(uint64_t value, int width) {
    const auto at = static_cast<std::size_t>(size_);
    for (int i = 0; i < width; ++i) {
      numbers_[at][static_cast<std::size_t>(i)] =
          static_cast<char>(value >> (8 * (width - 1 - i)) & 0xff);
    }
    Add(numbers_[at].data(), static_cast<std::size_t>(width));
    number_[at] = true;
    return *this;
  }

  int size_ = 0;
  std::array<const char*, kMax> values_;
  std::array<int, kMax> lengths_;
  std::array<int, kMax> formats_;
  std::array<bool, kMax> number_;
  std::array<std::array<char, 8>, kMax> numbers_;
};

inline std::size_t Params::bytes() const {
  std::size_t sum = 0;
  for (int i = 0; i < size_; ++i) sum += static_cast<std::size_t>(lengths_[i]);
  return sum;
}

struct Query {
  const Statement* statement = nullptr;  // null: `sql` is sent as it is, and not kept
  std::string_view sql;                  // ends with a zero byte
  Params params;
  bool text_results = false;  // columns in text form instead of the binary one

  const char* text() const { return statement ? statement->sql.c_str() : sql.data(); }
};

/// The elements of an array parameter: text[] or bytea[] (`kText`, `kBytea`), bigint[] and bool[].
enum class ElementType : uint32_t { kBool = 16, kBytea = 17, kInt8 = 20, kText = 25 };

/// Builds the binary form of a one-dimensional array, to be given as Params::Text.
class ArrayWriter {
 public:
  ArrayWriter(ElementType type, std::size_t count);
  void Add(std::string_view element);
  void AddInt8(int64_t element);
  void AddNull();
  const std::string& bytes() const { return out_; }

 private:
  void AppendInt32(uint32_t value);
  std::string out_;
};

}  // namespace components::postgres
