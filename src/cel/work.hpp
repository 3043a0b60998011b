// What one evaluation may use: steps, and memory for the values it makes. Also the faults it meets.
//
// A fault is cheap to make, because && and || swallow faults by the thousand; its text is written
// only for the one that is the outcome. Owned by one evaluation, one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory_resource>
#include <string>
#include <string_view>

#include "cel/value.hpp"

namespace cel {

/// Why a sub-expression has no value. Texts are literals of the code or of the program, never of
/// the event: what an event holds must not reach a log.
struct Fault {
  uint32_t offset = 0;    // where in the source
  std::string_view what;  // "no such key: "
  std::string_view name;  // appended to `what`
  // The operands' kinds, when no overload fits them; `name` is then the operator or function.
  Kind operands[3] = {};
  uint8_t operand_count = 0;

  std::string Text() const;
};

class Work {
 public:
  /// `memory` gives what the result may view, and outlives it.
  Work(std::pmr::memory_resource& memory, uint64_t steps)
      : memory_(memory), steps_(static_cast<int64_t>(steps)) {}

  /// Takes `steps` of what is left. When false the evaluation is over: every later Charge is false
  /// too.
  bool Charge(uint64_t steps) {
    steps_ -= static_cast<int64_t>(steps);
    return steps_ >= 0;
  }
  /// For going over `bytes` of text once.
  bool ChargeText(uint64_t bytes) { return Charge(bytes / 16); }
  bool exhausted() const { return steps_ < 0; }
  int64_t steps_left() const { return steps_; }

  /// Memory that lives as long as the evaluation's; null when it would cost more steps than are
  /// left.
  char* Text(size_t bytes);
  Value* Values(size_t count);
  MapEntry* Entries(size_t count);

  /// Where the operation at hand stands in the source.
  void SetOffset(uint32_t offset) { offset_ = offset; }
  Value Fail(std::string_view what, std::string_view name = {});
  Value NoOverload(std::string_view name, std::initializer_list<Value> operands);
  /// The evaluation ran out of steps.
  Value Exhausted();

 private:
  Fault* NewFault(std::string_view what, std::string_view name);
  template <class T>
  T* Allocate(size_t count);

  std::pmr::memory_resource& memory_;
  int64_t steps_;
  uint32_t offset_ = 0;
};

}  // namespace cel
