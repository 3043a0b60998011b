// Any bytes as an expression and an event, a line end between them: no crash, the same outcome
// twice, and what is refused or fails says where.
#include <array>
#include <boost/json/parse.hpp>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/strings.hpp"
#include "cel/cel_test_util.hpp"
#include "cel/program.hpp"

namespace {

void Check(bool fine) {
  if (!fine) std::abort();
}

std::string OutcomeOf(const cel::Program& program, const cel::Value& event, uint64_t steps) {
  cel::Scratch scratch;
  const auto value = program.Evaluate(std::array{event}, scratch, steps);
  if (value) {
    Check(!value->is_error());
    return cel::TextOf(*value).substr(0, 1000);
  }
  // Positions are line:column.
  Check(!value.error().message.empty() && base::IsDigit(value.error().message[0]));
  return value.error().message;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t line_end = text.find('\n');
  const std::string_view first = text.substr(0, line_end);
  const std::string_view rest = line_end == text.npos ? "" : text.substr(line_end + 1);
  // An expression of several lines comes with an event that is its own text.
  boost::system::error_code error;
  const boost::json::value json = boost::json::parse({rest.data(), rest.size()}, error);
  const auto program = cel::Program::Compile(error ? text : first, {.variables = {"event"}});
  if (!program) {
    Check(program.error().kind == base::Kind::kInvalidArgument);
    Check(!program.error().message.empty());
    return 0;
  }
  const cel::Value event = error ? cel::Value::String(text) : cel::Value::FromJson(json);
  const std::string once = OutcomeOf(*program, event, 20'000);
  Check(OutcomeOf(*program, event, 20'000) == once);
  const auto rule = program->EvaluateBool(std::array{event}, 20'000);
  if (rule) Check(program->may_be_bool() && once == (*rule ? "true" : "false"));
  (void)OutcomeOf(*program, event, size % 64);
  return 0;
}
