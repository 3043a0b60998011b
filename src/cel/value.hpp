// What CEL expressions compute with.
//
// A Value is sixteen bytes and copied freely. Text, lists and maps are views: of the event's
// Boost.JSON value, of a program's literals, or of the memory of one evaluation. Whoever makes a
// Value keeps what it views alive and unchanged while the Value is used. Any thread.
#pragma once

#include <boost/json/fwd.hpp>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cel {

enum class Kind : uint8_t {
  kError,  // inside this folder only: the evaluation failed; as a static type: not known
  kNull,
  kBool,
  kInt,
  kUint,
  kDouble,
  kString,
  kBytes,
  kList,
  kMap,
  kType,
  kTimestamp,
  kDuration,
};

/// The name CEL gives the kind's type: "int", "null_type", "google.protobuf.Timestamp".
std::string_view KindName(Kind kind);

/// A point in time; seconds count from 1970 in UTC, nanos (0 to 999999999) forward from them.
struct Timestamp {
  int64_t seconds = 0;
  int32_t nanos = 0;
  auto operator<=>(const Timestamp&) const = default;
};

struct MapEntry;
struct Fault;

class Value {
 public:
  Value() = default;
  static Value Null() { return {}; }
  static Value Bool(bool value) { return {Kind::kBool, value ? uint64_t{1} : 0}; }
  static Value Int(int64_t value) { return {Kind::kInt, static_cast<uint64_t>(value)}; }
  static Value Uint(uint64_t value) { return {Kind::kUint, value}; }
  static Value Double(double value) { return {Kind::kDouble, __builtin_bit_cast(uint64_t, value)}; }
  static Value Type(Kind kind) { return {Kind::kType, static_cast<uint64_t>(kind)}; }
  static Value Duration(int64_t nanos) { return {Kind::kDuration, static_cast<uint64_t>(nanos)}; }
  static Value Time(Timestamp time) {
    return {Kind::kTimestamp, static_cast<uint64_t>(time.seconds),
            static_cast<uint32_t>(time.nanos)};
  }
  /// Views of text, of at most 4 GiB.
  static Value String(std::string_view text) { return {Kind::kString, text.data(), text.size()}; }
  static Value Bytes(std::string_view bytes) { return {Kind::kBytes, bytes.data(), bytes.size()}; }
  static Value List(const Value* items, size_t size) { return {Kind::kList, items, size}; }
  static Value Map(const MapEntry* entries, size_t size) { return {Kind::kMap, entries, size}; }
  /// A view of a JSON value; every JSON number is a double, as in Dapr.
  static Value FromJson(const boost::json::value& json);
  static Value FromJson(const boost::json::array& json);
  static Value FromJson(const boost::json::object& json);
  static Value Error(const Fault* fault) { return {Kind::kError, fault, 0}; }

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  /// Whether the evaluation that gave this failed; never true for what a Program hands out.
  bool is_error() const { return kind_ == Kind::kError; }
  bool is_true() const { return kind_ == Kind::kBool && bits_ != 0; }

  // Each accessor wants the kind in its name.
  bool as_bool() const { return bits_ != 0; }
  int64_t as_int() const { return static_cast<int64_t>(bits_); }
  uint64_t as_uint() const { return bits_; }
  double as_double() const { return __builtin_bit_cast(double, bits_); }
  Kind as_type() const { return static_cast<Kind>(bits_); }
  int64_t as_duration() const { return static_cast<int64_t>(bits_); }
  Timestamp as_time() const { return {static_cast<int64_t>(bits_), static_cast<int32_t>(extra_)}; }
  /// Text of a string or the bytes of bytes.
  std::string_view as_text() const { return {pointer<char>(), extra_}; }
  const Fault* as_fault() const { return pointer<Fault>(); }

  /// Elements of a list, entries of a map, bytes of a string or of bytes.
  size_t size() const { return extra_; }
  /// The i-th element of a list; i < size().
  Value Item(size_t i) const;
  /// The i-th key or value of a map, in the map's own order; i < size().
  Value Key(size_t i) const;
  Value Mapped(size_t i) const;
  /// What the map has under a key of text; false when it has nothing there.
  bool Find(std::string_view key, Value& out) const;
  /// Whether the list or map is a view of JSON; all keys of such a map are strings.
  bool is_json() const { return json_; }

 private:
  Value(Kind kind, uint64_t bits, uint32_t extra = 0) : bits_(bits), extra_(extra), kind_(kind) {}
  Value(Kind kind, const void* data, size_t size, bool json = false)
      : bits_(reinterpret_cast<uintptr_t>(data)),
        extra_(static_cast<uint32_t>(size)),
        kind_(kind),
        json_(json) {}
  template <class T>
  const T* pointer() const {
    return reinterpret_cast<const T*>(static_cast<uintptr_t>(bits_));
  }

  uint64_t bits_ = 0;   // the number, or a pointer
  uint32_t extra_ = 0;  // a size, or nanoseconds
  Kind kind_ = Kind::kNull;
  bool json_ = false;
};
static_assert(sizeof(Value) == 16);

struct MapEntry {
  Value key;
  Value value;
};

}  // namespace cel
