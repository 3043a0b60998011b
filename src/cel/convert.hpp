// The conversions int(), uint(), double(), string(), bytes(), bool(), timestamp(), duration(), and
// size(). Any thread.
#pragma once

#include <string>

#include "cel/function.hpp"
#include "cel/value.hpp"
#include "cel/work.hpp"

namespace cel {

/// `function` is one of those above, type() or dyn().
Value Convert(Work& work, Function function, const Value& value);

/// Characters of a string, bytes of bytes, elements of a list, entries of a map.
Value Size(Work& work, const Value& value);

/// A double as Go prints it: "1.5", "100000", "1e+06".
std::string FormatDouble(double value);

}  // namespace cel
