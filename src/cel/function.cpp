#include "cel/function.hpp"

#include <algorithm>
#include <iterator>

namespace cel {
namespace {

constexpr Kind kAny = Kind::kError;
constexpr Kind kBool = Kind::kBool;
constexpr Kind kInt = Kind::kInt;
constexpr Kind kUint = Kind::kUint;
constexpr Kind kDouble = Kind::kDouble;
constexpr Kind kString = Kind::kString;
constexpr Kind kBytes = Kind::kBytes;
constexpr Kind kTime = Kind::kTimestamp;
constexpr Kind kSpan = Kind::kDuration;

constexpr Overload kSize[] = {
    {{kString}, 1, kInt}, {{kBytes}, 1, kInt}, {{Kind::kList}, 1, kInt}, {{Kind::kMap}, 1, kInt}};
constexpr Overload kTextToBool[] = {{{kString, kString}, 2, kBool}};
constexpr Overload kToInt[] = {{{kInt}, 1, kInt},    {{kUint}, 1, kInt}, {{kDouble}, 1, kInt},
                               {{kString}, 1, kInt}, {{kTime}, 1, kInt}, {{kSpan}, 1, kInt}};
constexpr Overload kToUint[] = {
    {{kInt}, 1, kUint}, {{kUint}, 1, kUint}, {{kDouble}, 1, kUint}, {{kString}, 1, kUint}};
constexpr Overload kToDouble[] = {
    {{kInt}, 1, kDouble}, {{kUint}, 1, kDouble}, {{kDouble}, 1, kDouble}, {{kString}, 1, kDouble}};
constexpr Overload kToString[] = {
    {{kInt}, 1, kString},  {{kUint}, 1, kString},  {{kDouble}, 1, kString}, {{kString}, 1, kString},
    {{kBool}, 1, kString}, {{kBytes}, 1, kString}, {{kTime}, 1, kString},   {{kSpan}, 1, kString}};
constexpr Overload kToBytes[] = {{{kString}, 1, kBytes}, {{kBytes}, 1, kBytes}};
constexpr Overload kToBool[] = {{{kBool}, 1, kBool}, {{kString}, 1, kBool}};
constexpr Overload kToDyn[] = {{{kAny}, 1, kAny}};
constexpr Overload kToType[] = {{{kAny}, 1, Kind::kType}};
constexpr Overload kToTime[] = {{{kString}, 1, kTime}, {{kInt}, 1, kTime}, {{kTime}, 1, kTime}};
constexpr Overload kToSpan[] = {{{kString}, 1, kSpan}, {{kInt}, 1, kSpan}, {{kSpan}, 1, kSpan}};
constexpr Overload kPartOfDate[] = {{{kTime}, 1, kInt}, {{kTime, kString}, 2, kInt}};
constexpr Overload kPartOfTime[] = {
    {{kTime}, 1, kInt}, {{kTime, kString}, 2, kInt}, {{kSpan}, 1, kInt}};

constexpr Overload kAdd[] = {
    {{kInt, kInt}, 2, kInt},          {{kUint, kUint}, 2, kUint},
    {{kDouble, kDouble}, 2, kDouble}, {{kString, kString}, 2, kString},
    {{kBytes, kBytes}, 2, kBytes},    {{Kind::kList, Kind::kList}, 2, Kind::kList},
    {{kTime, kSpan}, 2, kTime},       {{kSpan, kTime}, 2, kTime},
    {{kSpan, kSpan}, 2, kSpan}};
constexpr Overload kSubtract[] = {{{kInt, kInt}, 2, kInt},          {{kUint, kUint}, 2, kUint},
                                  {{kDouble, kDouble}, 2, kDouble}, {{kTime, kSpan}, 2, kTime},
                                  {{kTime, kTime}, 2, kSpan},       {{kSpan, kSpan}, 2, kSpan}};
constexpr Overload kMultiply[] = {
    {{kInt, kInt}, 2, kInt}, {{kUint, kUint}, 2, kUint}, {{kDouble, kDouble}, 2, kDouble}};
constexpr Overload kModulo[] = {{{kInt, kInt}, 2, kInt}, {{kUint, kUint}, 2, kUint}};
constexpr Overload kOrder[] = {
    {{kInt, kInt}, 2, kBool},       {{kInt, kUint}, 2, kBool},    {{kInt, kDouble}, 2, kBool},
    {{kUint, kInt}, 2, kBool},      {{kUint, kUint}, 2, kBool},   {{kUint, kDouble}, 2, kBool},
    {{kDouble, kInt}, 2, kBool},    {{kDouble, kUint}, 2, kBool}, {{kDouble, kDouble}, 2, kBool},
    {{kString, kString}, 2, kBool}, {{kBytes, kBytes}, 2, kBool}, {{kBool, kBool}, 2, kBool},
    {{kTime, kTime}, 2, kBool},     {{kSpan, kSpan}, 2, kBool}};

struct Entry {
  std::string_view name;
  Style style;
  std::span<const Overload> overloads;
};

// In the order of Function.
constexpr Entry kFunctions[] = {
    {"size", Style::kBoth, kSize},
    {"contains", Style::kMethod, kTextToBool},
    {"startsWith", Style::kMethod, kTextToBool},
    {"endsWith", Style::kMethod, kTextToBool},
    {"matches", Style::kBoth, kTextToBool},
    {"int", Style::kGlobal, kToInt},
    {"uint", Style::kGlobal, kToUint},
    {"double", Style::kGlobal, kToDouble},
    {"string", Style::kGlobal, kToString},
    {"bytes", Style::kGlobal, kToBytes},
    {"bool", Style::kGlobal, kToBool},
    {"dyn", Style::kGlobal, kToDyn},
    {"type", Style::kGlobal, kToType},
    {"timestamp", Style::kGlobal, kToTime},
    {"duration", Style::kGlobal, kToSpan},
    {"getFullYear", Style::kMethod, kPartOfDate},
    {"getMonth", Style::kMethod, kPartOfDate},
    {"getDate", Style::kMethod, kPartOfDate},
    {"getDayOfMonth", Style::kMethod, kPartOfDate},
    {"getDayOfWeek", Style::kMethod, kPartOfDate},
    {"getDayOfYear", Style::kMethod, kPartOfDate},
    {"getHours", Style::kMethod, kPartOfTime},
    {"getMinutes", Style::kMethod, kPartOfTime},
    {"getSeconds", Style::kMethod, kPartOfTime},
    {"getMilliseconds", Style::kMethod, kPartOfTime},
};
static_assert(std::size(kFunctions) == static_cast<size_t>(Function::kGetMilliseconds) + 1);

const Entry& EntryOf(Function function) {
  return kFunctions[static_cast<size_t>(function)];
}

}  // namespace

std::string_view FunctionName(Function function) {
  return EntryOf(function).name;
}

std::optional<Function> FindFunction(std::string_view name) {
  const auto* found = std::ranges::find(kFunctions, name, &Entry::name);
  if (found == std::end(kFunctions)) return std::nullopt;
  return static_cast<Function>(found - kFunctions);
}

Style StyleOf(Function function) {
  return EntryOf(function).style;
}

std::span<const Overload> OverloadsOf(Function function) {
  return EntryOf(function).overloads;
}

std::span<const Overload> OverloadsOf(std::string_view operation) {
  if (operation == "+") return kAdd;
  if (operation == "-") return kSubtract;
  if (operation == "*" || operation == "/") return kMultiply;
  if (operation == "%") return kModulo;
  return kOrder;
}

}  // namespace cel
