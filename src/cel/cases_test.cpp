// The table of cases: every line of testdata/*.txt is an expression and its exact outcome.
#include <gtest/gtest.h>

#include <array>
#include <boost/json/parse.hpp>
#include <filesystem>
#include <fstream>

#include "base/source_dir.hpp"
#include "cel/cel_test_util.hpp"
#include "cel/program.hpp"

namespace cel {
namespace {

struct Case {
  std::string place;
  std::string expression;
  std::string outcome;
  boost::json::value event;
};

void Unfold(std::string& text) {
  for (const auto& [mark, meaning] : {std::pair{"\\N", "\n"}, std::pair{"\\R", "\r"}}) {
    for (size_t at = 0; (at = text.find(mark, at)) != std::string::npos;) {
      text.replace(at, 2, meaning);
    }
  }
}

std::vector<Case> Load(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<Case> cases;
  boost::json::value event;
  size_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    if (line.starts_with("event: ")) {
      event = boost::json::parse(line.substr(7));
      continue;
    }
    const std::string place = path.filename().string() + ":" + std::to_string(number);
    const size_t arrow = line.rfind(" => ");
    if (arrow == std::string::npos) {
      ADD_FAILURE() << place << ": no arrow";
      continue;
    }
    Case each{place, line.substr(0, arrow), line.substr(arrow + 4), event};
    while (each.expression.ends_with(' ')) each.expression.pop_back();
    Unfold(each.expression);
    cases.push_back(std::move(each));
  }
  return cases;
}

std::string OutcomeOf(const Case& each) {
  const auto program = Program::Compile(each.expression, {.variables = {"event"}});
  if (!program) return "refused " + program.error().message;
  Scratch scratch;
  const auto value = program->Evaluate(std::array{Value::FromJson(each.event)}, scratch);
  return value ? TextOf(*value) : "fails " + value.error().message;
}

TEST(Cases, EveryExpressionHasItsExactOutcome) {
  size_t count = 0;
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(base::SourceDir() + "/src/cel/testdata")) {
    files.push_back(entry.path());
  }
  for (const auto& file : files) {
    for (const Case& each : Load(file)) {
      ++count;
      EXPECT_EQ(OutcomeOf(each), each.outcome) << each.place << ": " << each.expression;
    }
  }
  EXPECT_GE(count, 400u);
}

}  // namespace
}  // namespace cel
