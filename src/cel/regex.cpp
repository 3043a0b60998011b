#include "cel/regex.hpp"

#include <re2/re2.h>

#include "base/strings.hpp"

namespace cel {
namespace {

// Enough for some thousand instructions; RE2 refuses patterns that grow past it.
constexpr int64_t kLiteralMemory = 1 << 20;
constexpr int64_t kDynamicMemory = 128 << 10;

RE2::Options Options(int64_t memory) {
  RE2::Options options(RE2::Quiet);
  options.set_max_mem(memory);
  options.set_never_capture(true);
  return options;
}

Value Search(Work& work, const RE2& regex, std::string_view text) {
  // RE2 visits every instruction for every byte at worst.
  const uint64_t visits = text.size() * static_cast<uint64_t>(regex.ProgramSize());
  if (!work.Charge(8 + visits / 128)) return work.Exhausted();
  return Value::Bool(RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), regex));
}

}  // namespace

Regex::Regex(std::unique_ptr<re2::RE2> regex) : regex_(std::move(regex)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

base::Result<Regex> Regex::Compile(std::string_view pattern) {
  auto regex = std::make_unique<RE2>(re2::StringPiece(pattern.data(), pattern.size()),
                                     Options(kLiteralMemory));
  if (!regex->ok()) {
    return base::Fail(base::Kind::kInvalidArgument,
                      base::StrCat("not a valid regular expression: ", regex->error()));
  }
  return Regex(std::move(regex));
}

Value Regex::Matches(Work& work, std::string_view text) const {
  return Search(work, *regex_, text);
}

Value MatchesDynamic(Work& work, std::string_view text, std::string_view pattern) {
  if (pattern.size() > kLongestDynamicPattern) {
    return work.Fail("a regular expression that is not a literal is too long");
  }
  // Compiling costs time in proportion to what the pattern may grow to.
  if (!work.Charge(5000 + pattern.size() * 100)) return work.Exhausted();
  const RE2 regex(re2::StringPiece(pattern.data(), pattern.size()), Options(kDynamicMemory));
  if (!regex.ok()) return work.Fail("not a valid regular expression");
  return Search(work, regex, text);
}

}  // namespace cel
