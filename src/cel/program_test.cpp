#include "cel/program.hpp"

#include <gtest/gtest.h>

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <thread>

#include "base/strings.hpp"
#include "cel/cel_test_util.hpp"

namespace cel {
namespace {

using base::Kind::kExhausted;
using base::Kind::kInternal;
using base::Kind::kInvalidArgument;

std::string Repeat(std::string_view text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

base::Result<Program> Compile(std::string_view source) {
  return Program::Compile(source, {.variables = {"event"}});
}

base::Result<bool> Ask(std::string_view source, const boost::json::value& event) {
  auto program = Compile(source);
  if (!program) return base::Fail(program.error());
  return program->EvaluateBool(std::array{Value::FromJson(event)});
}

// The most steps an evaluation can be given and still not end.
void ExpectExhausted(std::string_view source, const boost::json::value& event) {
  const auto outcome = Ask(source, event);
  ASSERT_FALSE(outcome) << source;
  EXPECT_EQ(outcome.error().kind, kExhausted) << outcome.error().message;
  EXPECT_TRUE(outcome.error().message.ends_with("more steps than an expression may use"));
}

void ExpectRefused(std::string_view source, std::string_view why) {
  const auto program = Compile(source);
  ASSERT_FALSE(program) << source.substr(0, 100);
  EXPECT_EQ(program.error().kind, kInvalidArgument);
  EXPECT_TRUE(program.error().message.ends_with(why)) << program.error().message;
}

boost::json::value Numbers(size_t count) {
  boost::json::array numbers;
  for (size_t i = 0; i < count; ++i) numbers.emplace_back(static_cast<int64_t>(i));
  return boost::json::object{{"list", std::move(numbers)}};
}

TEST(Program, IsAskedManyTimes) {
  const auto rule = Compile("event.type == 'order' && event.data.amount > 100.0");
  ASSERT_TRUE(rule);
  for (const auto& [text, expected] :
       {std::pair{R"({"type":"order","data":{"amount":101}})", true},
        std::pair{R"({"type":"order","data":{"amount":100}})", false},
        std::pair{R"({"type":"other","data":null})", false}}) {
    const boost::json::value event = boost::json::parse(text);
    EXPECT_EQ(rule->EvaluateBool(std::array{Value::FromJson(event)}).value(), expected) << text;
  }
}

TEST(Program, RuleThatIsNoBoolFails) {
  const auto outcome = Ask("event.type", boost::json::parse(R"({"type":"order"})"));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "1:1: the outcome is no bool but string");
  EXPECT_FALSE(Compile("1 + 1")->may_be_bool());
  EXPECT_FALSE(Compile("[true]")->may_be_bool());
  EXPECT_TRUE(Compile("event.type")->may_be_bool());
  EXPECT_TRUE(Compile("1 == 1")->may_be_bool());
  EXPECT_TRUE(Compile("event.x ? true : event.y")->may_be_bool());
}

TEST(Program, FailuresHoldNothingOfTheEvent) {
  const boost::json::value event =
      boost::json::parse(R"({"secret":"hunter2","list":[1],"map":{"a":1}})");
  for (const char* source :
       {"event[event.secret]", "event.map[event.secret] == 1", "int(event.secret) == 1",
        "timestamp(event.secret) == timestamp(0)", "duration(event.secret) == duration('1s')",
        "'a'.matches(event.secret + '(')", "event.secret.hunter", "event.secret + 1 == 2",
        "timestamp(0).getHours(event.secret) == 1", "event.list[event.secret] == 1"}) {
    const auto outcome = Ask(source, event);
    ASSERT_FALSE(outcome) << source;
    EXPECT_EQ(outcome.error().message.find("hunter2"), std::string::npos)
        << outcome.error().message;
  }
}

TEST(Program, SeveralVariables) {
  const auto program = Program::Compile("requests > 5 && failures > 0.5 * double(requests)",
                                        {.variables = {"requests", "failures"}});
  ASSERT_TRUE(program);
  EXPECT_TRUE(program->EvaluateBool(std::array{Value::Int(6), Value::Double(4)}).value());
  EXPECT_FALSE(program->EvaluateBool(std::array{Value::Int(6), Value::Double(2)}).value());
  const auto wrong = program->EvaluateBool(std::array{Value::Int(6)});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind, kInternal);
}

TEST(Program, UnknownVariablesAreNamed) {
  const auto program = Compile("event.a == 1 || evnet.b == foo || evnet.c");
  ASSERT_TRUE(program);
  EXPECT_EQ(program->unknown_variables(), (std::vector<std::string>{"evnet", "foo"}));
  EXPECT_EQ(program->source(), "event.a == 1 || evnet.b == foo || evnet.c");
  EXPECT_TRUE(Compile("event.a.map(x, x + 1) == [1]")->unknown_variables().empty());
}

TEST(Program, TextValueAsEvent) {
  // The rules of raw bulk entries see a bare string.
  const auto rule = Compile("event.type == 'x'");
  const auto outcome = rule->EvaluateBool(std::array{Value::String("raw")});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "1:7: a field is selected from a map, not from string");
  EXPECT_TRUE(Compile("event == 'raw'")->EvaluateBool(std::array{Value::String("raw")}).value());
}

TEST(Program, ResultsOutliveTheProgram) {
  const boost::json::value event = boost::json::parse(R"({"a":["x","y"]})");
  Scratch scratch;
  auto program = Compile("event.a.map(v, v + '!')");
  auto value = program->Evaluate(std::array{Value::FromJson(event)}, scratch);
  ASSERT_TRUE(value);
  EXPECT_EQ(TextOf(*value), R"(["x!", "y!"])");
  scratch.Reset();
  value = program->Evaluate(std::array{Value::FromJson(event)}, scratch);
  EXPECT_EQ(TextOf(*value), R"(["x!", "y!"])");
}

TEST(Program, JsonNumbersAreDoubles) {
  const boost::json::value event =
      boost::json::parse(R"({"i":1,"u":18446744073709551615,"d":1.0,"neg":-3})");
  for (const char* name : {"i", "u", "d", "neg"}) {
    EXPECT_TRUE(Ask(base::StrCat("type(event.", name, ") == double"), event).value()) << name;
  }
  EXPECT_TRUE(Ask("event.i == 1 && event.d == 1 && event.neg == -3", event).value());
  EXPECT_TRUE(Ask("event.u == 18446744073709551615u", event).value());
}

TEST(Program, BigObjectsAreLookedUpByName) {
  boost::json::object event;
  for (int i = 0; i < 1000; ++i) event["k" + std::to_string(i)] = i;
  EXPECT_TRUE(Ask("event.k0 == 0 && event.k999 == 999 && !has(event.k1000)", event).value());
  EXPECT_TRUE(Ask("size(event) == 1000 && event.all(k, event[k] >= 0)", event).value());
}

TEST(Program, ManyThreadsShareOne) {
  const auto rule = Compile("event.list.exists(x, x == 7) && event.name.matches('^a+b$')");
  ASSERT_TRUE(rule);
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const boost::json::value event = boost::json::parse(
          t % 2 == 0 ? R"({"list":[1,7],"name":"aab"})" : R"({"list":[1,7],"name":"ba"})");
      for (int i = 0; i < 500; ++i) {
        const auto outcome = rule->EvaluateBool(std::array{Value::FromJson(event)});
        if (outcome && *outcome == (t % 2 == 0)) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 4 * 500);
}

TEST(Limits, Source) {
  ExpectRefused(Repeat(" ", kMaxSourceBytes) + "1", "bytes, and this has 32769");
  EXPECT_TRUE(Compile(Repeat(" ", kMaxSourceBytes - 1) + "1"));
  ExpectRefused("'\xff'", "an expression is UTF-8 text, and this is not");
  ExpectRefused(std::string_view("1\0", 2), "a character that no expression can have here");
}

TEST(Limits, Nodes) {
  ExpectRefused("[" + Repeat("1,", 8192) + "]", "an expression has at most 8192 parts");
  EXPECT_TRUE(Compile("[" + Repeat("1,", 8000) + "]"));
}

TEST(Limits, Nesting) {
  const std::string_view why = "parts nest more than 100 levels deep";
  for (const auto& [open, close] :
       {std::pair{"(", ")"}, std::pair{"[", "]"}, std::pair{"{'a':", "}"}, std::pair{"dyn(", ")"},
        std::pair{"!(", ")"}, std::pair{"[1][", "]"}, std::pair{"has(event.a) ? 1 : ", ""}}) {
    const std::string_view inner = std::string_view(open) == "!(" ? "true" : "1";
    for (const size_t count : {size_t{101}, size_t{1000}}) {
      ExpectRefused(base::StrCat(Repeat(open, count), inner, Repeat(close, count)), why);
    }
    EXPECT_TRUE(Compile(base::StrCat(Repeat(open, 99), inner, Repeat(close, 99)))) << open;
  }
  ExpectRefused(Repeat("(", 30000), why);
}

TEST(Limits, Depth) {
  const std::string_view why = "more than 200 levels deep";
  ExpectRefused("1" + Repeat("+1", 201), why);
  ExpectRefused("event" + Repeat(".a", 201), why);
  ExpectRefused("event" + Repeat("[0]", 201), why);
  EXPECT_TRUE(Compile("1" + Repeat("+1", 200)));
  // A chain of one logical operator is flat, and so are signs in a row.
  EXPECT_TRUE(Ask("false" + Repeat("||event.a == 1", 1000) + "|| true", Numbers(0)).value());
  EXPECT_TRUE(Ask(Repeat("!", 20000) + "true", Numbers(0)).value());
}

TEST(Limits, StepsEndEveryLoop) {
  const boost::json::value event = Numbers(1000);
  EXPECT_TRUE(Ask("event.list.all(x, x >= 0)", event).value());
  ExpectExhausted("event.list.all(x, event.list.all(y, x * y >= 0.0))", event);
  ExpectExhausted("event.list.map(x, event.list.map(y, x)) == []", event);
  ExpectExhausted("event.list.exists_one(x, event.list.filter(y, y == x) == [])", event);
  ExpectExhausted("event.list.all(x, x in event.list)", event);
  ExpectExhausted("event.list.all(x, event.list == event.list)", event);
}

TEST(Limits, SwallowedErrorsAreNotFree) {
  // || and exists would go on past the failure that says the steps are used up.
  const boost::json::value event = Numbers(1000);
  ExpectExhausted("event.list.exists(x, event.list.exists(y, event.absent))", event);
  ExpectExhausted("event.list.all(x, event.list.all(y, x >= 0)) || true", event);
  ExpectExhausted("event.list.exists(x, event.list.all(y, y < 0 || event.absent))", event);
}

TEST(Limits, FewStepsAreEnoughForRules) {
  const auto rule = Compile("event.type == 'order' && event.data.amount > 100.0");
  const boost::json::value event = boost::json::parse(R"({"type":"order","data":{"amount":101}})");
  EXPECT_TRUE(rule->EvaluateBool(std::array{Value::FromJson(event)}, 20).value());
  const auto outcome = rule->EvaluateBool(std::array{Value::FromJson(event)}, 5);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, kExhausted);
}

TEST(Limits, MemoryIsPaidFor) {
  boost::json::object event = Numbers(1000).as_object();
  event["text"] = std::string(1 << 20, 'a');
  // 64 KiB a turn and more would be gigabytes.
  ExpectExhausted("event.list.map(x, event.text + event.text) == []", event);
  ExpectExhausted("event.list.map(x, event.list + event.list) == []", event);
  EXPECT_TRUE(Ask("size(event.text + event.text) == 2097152", event).value());
  std::string doubling = "event.text";
  for (int i = 0; i < 10; ++i) doubling = "[" + doubling + "].map(s, s + s)[0]";
  ExpectExhausted("size(" + doubling + ") == 1", event);
}

TEST(Limits, HostileTextIsLinear) {
  boost::json::object event;
  event["text"] = std::string(1 << 20, 'a');
  event["part"] = std::string(1 << 19, 'a') + "b";
  EXPECT_FALSE(Ask("event.text.contains(event.part)", event).value());
  EXPECT_FALSE(Ask("event.text.matches('(a|aa)+$b')", event).value());
  EXPECT_FALSE(Ask("event.text.matches('^(a?a?a?a?a?a?a?a?)*b$')", event).value());
  ExpectExhausted("event.text.matches('(a{1,30}){1,30}b')", event);
}

TEST(Limits, Patterns) {
  ExpectRefused("event.matches('((a{100}){100}){100}')", "invalid repetition size: {100}");
  ExpectRefused("event.matches('(\\\\pL{1000}){1}\\\\pL{1000}\\\\pL{1000}')",
                "pattern too large - compile failed");
  boost::json::object event = Numbers(1000).as_object();
  event["pattern"] = "(x{100}y{100}){5}";
  event["long"] = std::string(513, 'a');
  EXPECT_FALSE(Ask("'a'.matches(event.pattern)", event).value());
  ExpectExhausted("event.list.exists(x, 'a'.matches(event.pattern))", event);
  const auto outcome = Ask("'a'.matches(event.long)", event);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "1:5: a regular expression that is not a literal is too long");
}

TEST(Limits, DeepEvents) {
  boost::json::value deep = 1;
  for (int i = 0; i < 300; ++i) deep = boost::json::object{{"a", std::move(deep)}};
  const auto outcome = Ask("event == event", deep);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "1:7: values nest too deep to be compared");
  EXPECT_TRUE(Ask("event.a.a.a != 1", deep).value());
}

}  // namespace
}  // namespace cel
