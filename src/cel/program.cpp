#include "cel/program.hpp"

#include "base/strings.hpp"
#include "base/utf8.hpp"
#include "cel/evaluator.hpp"
#include "cel/parser.hpp"
#include "cel/token.hpp"

namespace cel {

base::Result<Program> Program::Compile(std::string_view source, const Environment& environment) {
  if (source.size() > kMaxSourceBytes) {
    return base::Fail(base::Kind::kInvalidArgument,
                      base::StrCat("an expression has at most ", kMaxSourceBytes,
                                   " bytes, and this has ", source.size()));
  }
  if (!base::IsValidUtf8(source)) {
    return base::Fail(base::Kind::kInvalidArgument, "an expression is UTF-8 text, and this is not");
  }
  ASSIGN_OR_RETURN(Code code, Parser::Parse(source, environment));
  return Program(std::make_shared<const Code>(std::move(code)));
}

base::Result<Value> Program::Evaluate(std::span<const Value> variables, Scratch& scratch,
                                      uint64_t steps) const {
  if (variables.size() != code_->variable_count) {
    return base::Fail(base::Kind::kInternal,
                      base::StrCat("the expression needs ", code_->variable_count,
                                   " variables, and was given ", variables.size()));
  }
  Evaluator evaluator(*code_, variables, scratch.memory(), steps);
  const Value value = evaluator.Run();
  if (!value.is_error()) return value;
  const Fault& fault = *value.as_fault();
  return base::Fail(evaluator.exhausted() ? base::Kind::kExhausted : base::Kind::kInvalidArgument,
                    AtPosition(code_->source, fault.offset, fault.Text()));
}

base::Result<bool> Program::EvaluateBool(std::span<const Value> variables, uint64_t steps) const {
  Scratch scratch;
  ASSIGN_OR_RETURN(const Value value, Evaluate(variables, scratch, steps));
  if (value.is(Kind::kBool)) return value.as_bool();
  return base::Fail(
      base::Kind::kInvalidArgument,
      AtPosition(code_->source, 0,
                 base::StrCat("the outcome is no bool but ", KindName(value.kind()))));
}

const std::string& Program::source() const {
  return code_->source;
}

const std::vector<std::string>& Program::unknown_variables() const {
  return code_->unknown;
}

bool Program::may_be_bool() const {
  return code_->result == Kind::kBool || code_->result == Kind::kError;
}

}  // namespace cel
