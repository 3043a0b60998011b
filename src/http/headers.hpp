// Header and trailer fields in the order received. One flat buffer and one index vector: two
// allocations for a whole message. Names keep the case they came with; look-ups ignore it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace http {

struct HeaderView {
  std::string_view name;
  std::string_view value;
};

class Headers {
 public:
  /// Appends a field. The strings are copied. The caller answers for the absence of CR, LF and NUL.
  void Add(std::string_view name, std::string_view value);
  /// Replaces all fields of that name by one.
  void Set(std::string_view name, std::string_view value);
  /// Removes all fields of that name; true if there was one.
  bool Remove(std::string_view name);
  /// The first value. Views stay valid until the next change of this object.
  std::optional<std::string_view> Get(std::string_view name) const;
  bool Has(std::string_view name) const { return Find(name) != kNone; }
  /// Number of fields with that name.
  std::size_t Count(std::string_view name) const;

  std::size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }
  HeaderView operator[](std::size_t i) const {
    const Field& field = fields_[i];
    return {std::string_view(text_).substr(field.name, field.name_size),
            std::string_view(text_).substr(field.value, field.value_size)};
  }
  void Clear() {
    text_.clear();
    fields_.clear();
  }
  void Reserve(std::size_t fields, std::size_t bytes) {
    fields_.reserve(fields);
    text_.reserve(bytes);
  }
  /// Sum of name and value lengths.
  std::size_t bytes() const { return text_.size(); }

  class Iterator {
   public:
    Iterator(const Headers* headers, std::size_t i) : headers_(headers), i_(i) {}
    HeaderView operator*() const { return (*headers_)[i_]; }
    Iterator& operator++() {
      ++i_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return i_ != other.i_; }

   private:
    const Headers* headers_;
    std::size_t i_;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, fields_.size()}; }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  struct Field {
    uint32_t name;
    uint32_t name_size;
    uint32_t value;
    uint32_t value_size;
  };
  std::size_t Find(std::string_view name) const;

  std::string text_;
  std::vector<Field> fields_;
};

/// ASCII case-insensitive comparison, the way field names compare.
bool NameEquals(std::string_view a, std::string_view b);
/// True for Connection, Keep-Alive, Proxy-Connection, Transfer-Encoding, Upgrade, HTTP2-Settings,
/// TE, Trailer, Proxy-Authorization and Proxy-Authenticate: fields that end at one hop.
bool IsHopByHop(std::string_view name);

}  // namespace http
