#include "cel/compare.hpp"

#include <cmath>
#include <limits>
#include <optional>

namespace cel {
namespace {

// Deeper than any event parser lets JSON nest and than literals can.
constexpr int kMaxDepth = 200;

bool IsNumber(const Value& value) {
  return value.kind() >= Kind::kInt && value.kind() <= Kind::kDouble;
}

template <class T>
std::partial_ordering OrderWithDouble(T integer, double number) {
  // A double outside the integer's range is decided by the range; within it the integer is rounded,
  // so that a large id in JSON equals the same digits in a rule.
  if (number < static_cast<double>(std::numeric_limits<T>::min())) {
    return std::partial_ordering::greater;
  }
  if (number > static_cast<double>(std::numeric_limits<T>::max())) {
    return std::partial_ordering::less;
  }
  return static_cast<double>(integer) <=> number;
}

std::partial_ordering Reverse(std::partial_ordering order) {
  return 0 <=> order;
}

std::partial_ordering OrderNumbers(const Value& a, const Value& b) {
  if (a.kind() == b.kind()) {
    if (a.is(Kind::kInt)) return a.as_int() <=> b.as_int();
    if (a.is(Kind::kUint)) return a.as_uint() <=> b.as_uint();
    return a.as_double() <=> b.as_double();
  }
  if (a.kind() > b.kind()) return Reverse(OrderNumbers(b, a));
  if (a.is(Kind::kInt) && b.is(Kind::kUint)) {
    if (a.as_int() < 0) return std::partial_ordering::less;
    return static_cast<uint64_t>(a.as_int()) <=> b.as_uint();
  }
  if (a.is(Kind::kInt)) return OrderWithDouble(a.as_int(), b.as_double());
  return OrderWithDouble(a.as_uint(), b.as_double());
}

enum class Verdict : uint8_t { kEqual, kDifferent, kTooMuch };

Verdict From(bool equal) {
  return equal ? Verdict::kEqual : Verdict::kDifferent;
}

Verdict SameValue(Work& work, const Value& a, const Value& b, int depth);

Verdict SameList(Work& work, const Value& a, const Value& b, int depth) {
  if (a.size() != b.size()) return Verdict::kDifferent;
  for (size_t i = 0; i < a.size(); ++i) {
    const Verdict verdict = SameValue(work, a.Item(i), b.Item(i), depth + 1);
    if (verdict != Verdict::kEqual) return verdict;
  }
  return Verdict::kEqual;
}

Verdict SameMap(Work& work, const Value& a, const Value& b, int depth) {
  if (a.size() != b.size()) return Verdict::kDifferent;
  for (size_t i = 0; i < a.size(); ++i) {
    Value other;
    if (!FindKey(work, b, a.Key(i), other)) {
      return work.exhausted() ? Verdict::kTooMuch : Verdict::kDifferent;
    }
    const Verdict verdict = SameValue(work, a.Mapped(i), other, depth + 1);
    if (verdict != Verdict::kEqual) return verdict;
  }
  return Verdict::kEqual;
}

Verdict SameValue(Work& work, const Value& a, const Value& b, int depth) {
  if (!work.Charge(1) || depth > kMaxDepth) return Verdict::kTooMuch;
  if (IsNumber(a) && IsNumber(b)) return From(OrderNumbers(a, b) == 0);
  if (a.kind() != b.kind()) return Verdict::kDifferent;
  switch (a.kind()) {
    case Kind::kNull:
      return Verdict::kEqual;
    case Kind::kBool:
      return From(a.as_bool() == b.as_bool());
    case Kind::kString:
    case Kind::kBytes:
      if (a.size() != b.size()) return Verdict::kDifferent;
      if (!work.ChargeText(a.size() / 4)) return Verdict::kTooMuch;
      return From(a.as_text() == b.as_text());
    case Kind::kList:
      return SameList(work, a, b, depth);
    case Kind::kMap:
      return SameMap(work, a, b, depth);
    case Kind::kType:
      return From(a.as_type() == b.as_type());
    case Kind::kTimestamp:
      return From(a.as_time() == b.as_time());
    case Kind::kDuration:
      return From(a.as_duration() == b.as_duration());
    default:
      return Verdict::kDifferent;
  }
}

// A hash table with colliding keys, or a list of entries, is gone through one by one.
bool ChargeLookup(Work& work, const Value& map) {
  return work.Charge(map.size() / (map.is_json() ? 64 : 2));
}

// The position an index names; none when it is no whole number. Negative ones come out too large.
std::optional<uint64_t> Position(const Value& index) {
  if (index.is(Kind::kInt) || index.is(Kind::kUint)) return index.as_uint();
  const double number = index.as_double();
  if (std::trunc(number) != number) return std::nullopt;
  if (number < 0 || number > 9e15) return std::numeric_limits<uint64_t>::max();
  return static_cast<uint64_t>(number);
}

Value NoField(Work& work, const Value& from) {
  return work.Fail("a field is selected from a map, not from ", KindName(from.kind()));
}

}  // namespace

Value Equal(Work& work, const Value& a, const Value& b) {
  const Verdict verdict = SameValue(work, a, b, 0);
  if (verdict != Verdict::kTooMuch) return Value::Bool(verdict == Verdict::kEqual);
  return work.exhausted() ? work.Exhausted() : work.Fail("values nest too deep to be compared");
}

std::string_view RelationName(Relation relation) {
  static constexpr std::string_view kNames[] = {"<", "<=", ">", ">="};
  return kNames[static_cast<size_t>(relation)];
}

Value Compare(Work& work, Relation relation, const Value& a, const Value& b) {
  std::partial_ordering order = std::partial_ordering::unordered;
  if (IsNumber(a) && IsNumber(b)) {
    order = OrderNumbers(a, b);
    if (order == std::partial_ordering::unordered) return work.Fail("NaN has no order");
  } else if (a.kind() != b.kind()) {
    return work.NoOverload(RelationName(relation), {a, b});
  } else {
    switch (a.kind()) {
      case Kind::kBool:
        order = a.as_bool() <=> b.as_bool();
        break;
      case Kind::kString:
      case Kind::kBytes:
        if (!work.ChargeText(std::min(a.size(), b.size()))) return work.Exhausted();
        order = a.as_text() <=> b.as_text();
        break;
      case Kind::kTimestamp:
        order = a.as_time() <=> b.as_time();
        break;
      case Kind::kDuration:
        order = a.as_duration() <=> b.as_duration();
        break;
      default:
        return work.NoOverload(RelationName(relation), {a, b});
    }
  }
  switch (relation) {
    case Relation::kLess:
      return Value::Bool(order < 0);
    case Relation::kLessEqual:
      return Value::Bool(order <= 0);
    case Relation::kGreater:
      return Value::Bool(order > 0);
    case Relation::kGreaterEqual:
      return Value::Bool(order >= 0);
  }
  return Value::Bool(false);
}

bool FindKey(Work& work, const Value& map, const Value& key, Value& out) {
  if (!work.Charge(1) || !ChargeLookup(work, map)) return false;
  if (map.is_json() || key.is(Kind::kString)) {
    if (!key.is(Kind::kString)) return false;
    return work.ChargeText(key.size()) && map.Find(key.as_text(), out);
  }
  for (size_t i = 0; i < map.size(); ++i) {
    const Value candidate = map.Key(i);
    const bool same = IsNumber(key) ? IsNumber(candidate) && OrderNumbers(key, candidate) == 0
                                    : key.is(Kind::kBool) && candidate.is(Kind::kBool) &&
                                          key.as_bool() == candidate.as_bool();
    if (same) {
      out = map.Mapped(i);
      return true;
    }
  }
  return false;
}

Value In(Work& work, const Value& item, const Value& container) {
  if (container.is(Kind::kMap)) {
    Value unused;
    const bool found = FindKey(work, container, item, unused);
    return work.exhausted() ? work.Exhausted() : Value::Bool(found);
  }
  if (!container.is(Kind::kList)) return work.NoOverload("in", {item, container});
  for (size_t i = 0; i < container.size(); ++i) {
    const Value same = Equal(work, item, container.Item(i));
    if (same.is_error() || same.as_bool()) return same;
  }
  return Value::Bool(false);
}

Value Index(Work& work, const Value& container, const Value& index) {
  if (container.is(Kind::kMap)) {
    Value found;
    if (FindKey(work, container, index, found)) return found;
    // The key may be a part of the event, and is not named.
    return work.exhausted() ? work.Exhausted() : work.Fail("no such key");
  }
  if (!container.is(Kind::kList) || !IsNumber(index)) {
    return work.NoOverload("[]", {container, index});
  }
  const auto position = Position(index);
  if (!position) return work.Fail("a list's index is a whole number");
  if (*position >= container.size()) return work.Fail("index out of bounds");
  return container.Item(*position);
}

Value Select(Work& work, const Value& map, std::string_view name) {
  if (!map.is(Kind::kMap)) return NoField(work, map);
  if (!ChargeLookup(work, map)) return work.Exhausted();
  Value found;
  return map.Find(name, found) ? found : work.Fail("no such key: ", name);
}

Value Has(Work& work, const Value& map, std::string_view name) {
  if (!map.is(Kind::kMap)) return NoField(work, map);
  if (!ChargeLookup(work, map)) return work.Exhausted();
  Value found;
  return Value::Bool(map.Find(name, found));
}

}  // namespace cel
