// A compiled expression. The way into this folder: blocks compile each rule of a subscription once
// and ask it for every event.
//
//   auto rule = cel::Program::Compile("event.type == 'order'", {.variables = {"event"}});
//   auto matches = rule->EvaluateBool(std::array{cel::Value::FromJson(event)});
//
// Neither a hostile expression nor a hostile event costs more than the limits below allow: text,
// nesting and size of the source are bounded when it is compiled, steps and memory when it is
// evaluated. A step is about one operation, one element of a list, or sixteen bytes of text; memory
// is paid for in steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cel/value.hpp"

namespace cel {

struct Code;

inline constexpr size_t kMaxSourceBytes = 32 << 10;
inline constexpr size_t kMaxNodes = 8192;
inline constexpr size_t kMaxNesting = 100;  // of parentheses, calls, lists …
inline constexpr size_t kMaxDepth = 200;    // of the tree, chains like a.b.c or 1 + 2 + 3 included
inline constexpr uint64_t kDefaultSteps =
    500'000;  // some ten milliseconds at worst, but for regular expressions

struct Environment {
  /// The names an expression may use, in the order in which Evaluate is given their values.
  std::vector<std::string> variables;
};

/// Memory for one evaluation; what a result views may lie in it. Can be used again after Reset.
class Scratch {
 public:
  Scratch() : memory_(buffer_, sizeof buffer_) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::pmr::memory_resource& memory() { return memory_; }
  /// Frees all; results that were made with it must no longer be used.
  void Reset() { memory_.release(); }

 private:
  alignas(std::max_align_t) std::byte buffer_[1024];
  std::pmr::monotonic_buffer_resource memory_;
};

class Program {
 public:
  /// Parses and checks. Fails with kInvalidArgument and "line:column: what is wrong" on text that
  /// is no expression, on functions that do not exist, on operands that can never fit, and on what
  /// is too large. A variable that the environment does not have is no failure here, as in Dapr:
  /// using it is one later.
  static base::Result<Program> Compile(std::string_view source, const Environment& environment);

  /// The value for one value of each of the environment's variables; it lives as long as what they
  /// view and `scratch` do. Fails with kInvalidArgument (no such field, no such overload, overflow
  /// …) or kExhausted (out of steps); texts have the position and hold nothing of the variables'
  /// values. Any number of threads may evaluate one Program at a time.
  base::Result<Value> Evaluate(std::span<const Value> variables, Scratch& scratch,
                               uint64_t steps = kDefaultSteps) const;

  /// The same for a rule: a value that is not a bool is a failure too.
  base::Result<bool> EvaluateBool(std::span<const Value> variables,
                                  uint64_t steps = kDefaultSteps) const;

  const std::string& source() const;
  /// Names in the expression that the environment does not have; evaluating one fails. Worth a
  /// warning.
  const std::vector<std::string>& unknown_variables() const;
  /// False when the result is known never to be a bool, whatever the event: no rule.
  bool may_be_bool() const;

 private:
  explicit Program(std::shared_ptr<const Code> code) : code_(std::move(code)) {}
  std::shared_ptr<const Code> code_;
};

}  // namespace cel
