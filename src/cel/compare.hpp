// Equality and order of values, across numeric types too. Any thread.
#pragma once

#include "cel/value.hpp"
#include "cel/work.hpp"

namespace cel {

/// Whether two values are equal: numbers by value whatever their types, lists and maps by content,
/// values of different kinds never. NaN equals nothing. Gives an error when it costs too much.
Value Equal(Work& work, const Value& a, const Value& b);

enum class Relation : uint8_t { kLess, kLessEqual, kGreater, kGreaterEqual };
std::string_view RelationName(Relation relation);

/// `a < b` and its like, for two numbers, strings, bytes, bools, timestamps or durations; else an
/// error.
Value Compare(Work& work, Relation relation, const Value& a, const Value& b);

/// `item in container`: an element of a list, a key of a map.
Value In(Work& work, const Value& item, const Value& container);

/// `container[index]`.
Value Index(Work& work, const Value& container, const Value& index);

/// `map.name`; an error when there is no such key. `name` must outlive the evaluation.
Value Select(Work& work, const Value& map, std::string_view name);

/// `has(map.name)`.
Value Has(Work& work, const Value& map, std::string_view name);

/// What a map has under any kind of key, numbers found by value; false without an error: nothing
/// there.
bool FindKey(Work& work, const Value& map, const Value& key, Value& out);

}  // namespace cel
