#include "contracts/conformance/pubsub_conformance.hpp"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <set>

#include "async/gate.hpp"
#include "async/loop_group.hpp"
#include "base/source_dir.hpp"
#include "base/uuid.hpp"
#include "contracts/conformance/pubsub_listener.hpp"

namespace contracts {
namespace {

using std::chrono::milliseconds;
using Subject = PubSubSubject;

std::string Text(const YAML::Node& node) {
  return node.as<std::string>();
}

async::TimePoint In(milliseconds time) {
  return async::Loop::Current()->After(time);
}

struct Opened {
  std::string topic;
  std::unique_ptr<Listener> listener;
  std::unique_ptr<Subscription> subscription;
};

std::string Short(std::string_view text) {
  return text.size() <= 60 ? std::string(text)
                           : std::string(text.substr(0, 60)) + "… " + std::to_string(text.size());
}

std::vector<std::string> DataOf(const YAML::Node& item) {
  std::vector<std::string> out;
  if (item["many"]) {
    const int count = item["many"].as<int>();
    for (int i = 0; i < count; ++i) out.push_back("m-" + std::to_string(i));
  } else if (item["size"]) {
    std::string big(item["size"].as<std::size_t>(), 'x');
    for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>('a' + i % 23);
    out.push_back(std::move(big));
  } else if (item["bytes"]) {
    std::string& bytes = out.emplace_back();
    for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  } else if (item["data"].IsSequence()) {
    for (const auto& one : item["data"]) out.push_back(Text(one));
  } else {
    out.push_back(Text(item["data"]));
  }
  return out;
}

Metadata MetadataOf(const YAML::Node& node) {
  Metadata out;
  for (const auto& pair : node) out.Set(Text(pair.first), Text(pair.second));
  return out;
}

Verdict VerdictOf(const YAML::Node& node) {
  const std::string word = node ? Text(node) : "done";
  if (word == "failed") return Verdict::kFailed;
  if (word == "return") return Verdict::kReturn;
  EXPECT_EQ(word, "done");
  return Verdict::kDone;
}

class Player {
 public:
  explicit Player(Subject& subject) : subject_(subject), id_(base::NewUuid().substr(0, 8)) {}

  async::Task<void> Play(const YAML::Node& step) {
    if (step["open"]) {
      co_await Open(step["open"]);
    } else if (step["publish"]) {
      co_await Publish(step["publish"]);
    } else if (step["bulk_publish"]) {
      co_await BulkPublish(step["bulk_publish"]);
    } else if (step["receive"]) {
      co_await Receive(step["receive"]);
    } else if (step["settle"]) {
      Settle(step["settle"]);
    } else if (step["nothing"]) {
      co_await Nothing(step["nothing"]);
    } else if (step["pause"]) {
      At(step["pause"]).subscription->Pause();
    } else if (step["resume"]) {
      At(step["resume"]).subscription->Resume();
    } else if (step["close"]) {
      co_await CloseOne(step["close"]);
    } else if (step["backlog"]) {
      co_await Backlog(step["backlog"]);
    } else if (step["restart"]) {
      subject_.Restart();
    } else {
      ADD_FAILURE() << "unknown operation";
    }
  }

  async::Task<void> End() {
    const Call call(async::Context(In(milliseconds(500))));
    for (auto& [name, opened] : opened_) {
      if (!opened.subscription) continue;
      for (const auto& arrived : opened.listener->arrived) {
        if (!arrived->verdict) arrived->Decide(Verdict::kDone);
      }
      co_await opened.subscription->Close(call);
      opened.subscription.reset();
    }
    std::set<PubSub*> closed;
    for (auto& [name, component] : components_) {
      const Call last(async::Context(In(subject_.patience())));
      if (closed.insert(component.get()).second) co_await component->Close(last);
    }
    const async::Context patient;
    co_await gate_.Close(patient);
  }

 private:
  Opened& At(const YAML::Node& name) { return opened_.at(Text(name)); }
  Call Patient() { return Call(async::Context(In(subject_.patience()))); }

  // The component of a group; null after a failure.
  async::Task<PubSub*> ComponentOf(std::string group, std::string member) {
    auto& slot = components_[group + "/" + member];
    if (slot) co_return slot.get();
    std::shared_ptr<PubSub> made = subject_.Make();
    const bool known =
        std::ranges::any_of(components_, [&](const auto& entry) { return entry.second == made; });
    if (!known) {
      const config::Properties properties = subject_.properties(group + "-" + id_);
      const Call call = Patient();
      const base::Status ready = co_await made->Init(call, {.name = "test",
                                                            .type = "pubsub",
                                                            .version = "v1",
                                                            .properties = properties,
                                                            .app_id = "app",
                                                            .app_namespace = "default"});
      EXPECT_TRUE(ready) << ready.error().message;
      if (!ready) {
        co_await made->Close(call);
        co_return nullptr;
      }
    }
    slot = std::move(made);
    co_return slot.get();
  }
  // Whoever publishes only does so with the component that is there already.
  async::Task<PubSub*> Publisher() {
    for (const auto& [name, component] : components_) {
      if (component) co_return component.get();
    }
    co_return co_await ComponentOf("g", "");
  }

  async::Task<void> Open(const YAML::Node& item) {
    PubSub* component = co_await ComponentOf(item["group"] ? Text(item["group"]) : "g",
                                             item["member"] ? Text(item["member"]) : "");
    if (!component) co_return;
    Opened opened;
    opened.topic = subject_.Topic(Text(item["topic"]), id_);
    opened.listener = std::make_unique<Listener>(news_);
    SubscribeRequest request{.topic = opened.topic, .metadata = subject_.subscribe_metadata()};
    if (item["metadata"]) request.metadata.MergeFrom(MetadataOf(item["metadata"]));
    if (item["max"]) {
      request.bulk = BulkSubscribeOptions{.max_messages = item["max"].as<int>(),
                                          .max_await_millis = item["wait"].as<int>()};
      opened.listener->max_batch = item["max"].as<std::size_t>();
    }
    const Call call = Patient();
    auto subscribed = co_await component->Subscribe(call, std::move(request), *opened.listener);
    EXPECT_TRUE(subscribed) << subscribed.error().message;
    if (!subscribed) co_return;
    opened.subscription = std::move(*subscribed);
    opened_.insert_or_assign(Text(item["as"]), std::move(opened));
  }

  async::Task<void> Publish(const YAML::Node& item) {
    PubSub* component = co_await Publisher();
    if (!component) co_return;
    const async::TimePoint limit = In(subject_.patience());
    for (const std::string& data : DataOf(item)) {
      while (true) {
        PublishRequest request{.topic = subject_.Topic(Text(item["topic"]), id_), .data = data};
        if (item["metadata"]) request.metadata = MetadataOf(item["metadata"]);
        const Call call = Patient();
        const base::Status status = co_await component->Publish(call, std::move(request));
        if (item["fails"]) {
          EXPECT_FALSE(status) << "expected an error";
          if (!status) {
            EXPECT_EQ(base::KindName(status.error().kind), Text(item["fails"]));
          }
        } else if (!status && item["retry"] && async::Loop::Current()->now() < limit) {
          const async::Context context;
          co_await async::Sleep(context, In(milliseconds(100)));
          continue;
        } else {
          EXPECT_TRUE(status) << status.error().message;
        }
        break;
      }
    }
  }

  async::Task<void> BulkPublish(const YAML::Node& item) {
    PubSub* component = co_await Publisher();
    if (!component) co_return;
    BulkPublishRequest request{.topic = subject_.Topic(Text(item["topic"]), id_)};
    for (std::string& data : DataOf(item)) {
      request.entries.push_back(
          {.entry_id = std::to_string(request.entries.size()), .data = std::move(data)});
    }
    const Call call = Patient();
    for (const auto& failure : co_await component->BulkPublish(call, std::move(request))) {
      ADD_FAILURE() << failure.entry_id << ": " << failure.error.message;
    }
  }

  // The next message that no step has received yet and `wanted` holds; null if there is none.
  std::shared_ptr<Arrived> Next(Opened& opened, std::vector<std::string>& wanted, bool any_order,
                                bool again) {
    for (const auto& arrived : opened.listener->arrived) {
      if (arrived->claimed) continue;
      const std::string& data = arrived->message.data;
      const auto found = any_order ? std::ranges::find(wanted, data)
                                   : (wanted.front() == data ? wanted.begin() : wanted.end());
      if (found == wanted.end()) {
        arrived->claimed = true;
        if (!(again && seen_.contains(data))) {
          ADD_FAILURE() << "not expected now: " << Short(data);
        }
        arrived->Decide(Verdict::kDone);
        return Next(opened, wanted, any_order, again);
      }
      wanted.erase(found);
      arrived->claimed = true;
      seen_.insert(data);
      return arrived;
    }
    return nullptr;
  }

  async::Task<void> Receive(const YAML::Node& item) {
    std::vector<Opened*> from;
    if (item["on"].IsSequence()) {
      for (const auto& name : item["on"]) from.push_back(&At(name));
    } else {
      from.push_back(&At(item["on"]));
    }
    std::vector<std::string> wanted = DataOf(item);
    const bool hold = item["verdict"] && Text(item["verdict"]) == "hold";
    std::size_t largest = 0;
    const async::Context context(In(subject_.patience()));
    while (!wanted.empty()) {
      bool found = false;
      for (Opened* opened : from) {
        if (wanted.empty()) break;
        const auto arrived =
            Next(*opened, wanted, item["any_order"].IsDefined(), item["again"].IsDefined());
        if (!arrived) continue;
        found = true;
        largest = std::max(largest, arrived->together);
        EXPECT_EQ(Pattern(opened->topic) ? opened->topic : arrived->message.topic, opened->topic);
        for (const auto& [key, value] : MetadataOf(item["metadata"])) {
          const std::string* got = arrived->message.metadata.FindIgnoreCase(key);
          EXPECT_TRUE(got && *got == value) << key << ": " << (got ? *got : "is not there");
        }
        if (!hold) arrived->Decide(VerdictOf(item["verdict"]));
      }
      if (found) continue;
      if (co_await news_.Wait(context) != async::Wake::kReady) {
        ADD_FAILURE() << wanted.size() << " messages did not come, such as "
                      << Short(wanted.front());
        co_return;
      }
    }
    if (item["batch"]) {
      EXPECT_GE(largest, item["batch"].as<std::size_t>());
    }
  }
  static bool Pattern(std::string_view topic) {
    return topic.find_first_of("*#") != std::string_view::npos;
  }

  void Settle(const YAML::Node& item) {
    const std::string data = Text(item["data"]);
    for (const auto& arrived : At(item["on"]).listener->arrived) {
      if (arrived->message.data != data || arrived->verdict) continue;
      arrived->Decide(VerdictOf(item["verdict"]));
      return;
    }
    ADD_FAILURE() << "nobody holds " << data;
  }

  async::Task<void> Nothing(const YAML::Node& item) {
    const Opened& opened = At(item["on"]);
    const auto time = item["millis"] ? milliseconds(item["millis"].as<int>()) : subject_.silence();
    const async::Context context;
    co_await async::Sleep(context, In(time));
    for (const auto& arrived : opened.listener->arrived) {
      if (!arrived->claimed) ADD_FAILURE() << "came: " << Short(arrived->message.data);
    }
  }

  async::Task<void> CloseOne(const YAML::Node& item) {
    Opened& opened = At(item["on"]);
    const auto time = item["millis"] ? milliseconds(item["millis"].as<int>()) : milliseconds(1000);
    bool closed = false;
    async::Event done;
    const auto start = async::Clock::now();
    const async::Context limit(In(time));
    gate_.Spawn(Close(opened, limit, closed, done));
    if (item["while"]) {
      EXPECT_FALSE(closed) << "did not wait for the handler";
      for (const auto& arrived : opened.listener->arrived) {
        if (!arrived->verdict) arrived->Decide(VerdictOf(item["while"]));
      }
    }
    const async::Context patient(In(time + subject_.patience()));
    if (!closed) co_await done.Wait(patient);
    EXPECT_TRUE(closed) << "Close does not end";
    // Some time of its own for what has to be said to the broker.
    EXPECT_LT(async::Clock::now() - start, time + milliseconds(3000));
  }
  static async::Task<void> Close(Opened& opened, async::Context context, bool& closed,
                                 async::Event& done) {
    const Call call(context);
    co_await opened.subscription->Close(call);
    opened.subscription.reset();
    closed = true;
    done.Set();
  }

  async::Task<void> Backlog(const YAML::Node& item) {
    const auto wanted = item["is"].as<int64_t>();
    const async::TimePoint limit = In(subject_.patience());
    std::optional<int64_t> last;
    while (async::Loop::Current()->now() < limit) {
      const Call call = Patient();
      const auto got = co_await At(item["on"]).subscription->Backlog(call);
      EXPECT_TRUE(got) << got.error().message;
      if (!got) co_return;
      last = *got;
      if (last == wanted) co_return;
      const async::Context context;
      co_await async::Sleep(context, In(milliseconds(50)));
    }
    ADD_FAILURE() << "the backlog is " << last.value_or(-1) << ", not " << wanted;
  }

  Subject& subject_;
  const std::string id_;
  async::Event news_;
  async::Gate gate_;
  std::map<std::string, std::shared_ptr<PubSub>> components_;
  std::map<std::string, Opened> opened_;
  std::set<std::string> seen_;
};

async::Task<void> PlayCase(Subject& subject, const YAML::Node& steps) {
  Player player(subject);
  int number = 0;
  for (const auto& step : steps) {
    SCOPED_TRACE("step " + std::to_string(++number));
    co_await player.Play(step);
    if (testing::Test::HasFatalFailure()) break;
  }
  co_await player.End();
}

class Conformance : public testing::Test {
 public:
  Conformance(std::function<std::unique_ptr<Subject>()> make, const YAML::Node& steps)
      : make_(std::move(make)), steps_(steps) {}
  void TestBody() override {
    const std::unique_ptr<Subject> subject = make_();
    async::LoopGroup loops(1);
    loops.RunTaskOn(0, [&] { return PlayCase(*subject, steps_); });
  }

 private:
  std::function<std::unique_ptr<Subject>()> make_;
  YAML::Node steps_;
};

constexpr std::pair<std::string_view, uint32_t> kPromises[] = {
    {"ordered", kPromiseOrdered},   {"redelivers", kPromiseRedelivers},
    {"returns", kPromiseReturns},   {"groups", kPromiseGroups},
    {"keeps", kPromiseKeeps},       {"metadata", kPromiseMetadata},
    {"restarts", kPromiseRestarts}, {"backlog", kPromiseBacklog},
    {"batches", kPromiseBatches},   {"splits", kPromiseSplits},
};

uint32_t BitsOf(const YAML::Node& names) {
  uint32_t bits = 0;
  for (const auto& name : names) {
    for (const auto& [word, bit] : kPromises) {
      if (Text(name) == word) bits |= bit;
    }
  }
  return bits;
}

std::string TestName(std::string text) {
  for (char& c : text) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return text;
}

}  // namespace

bool RegisterPubSubConformance(const std::string& suite,
                               std::function<std::unique_ptr<PubSubSubject>()> make) {
  const std::unique_ptr<PubSubSubject> subject = make();
  const std::string kind(subject->kind());
  const uint32_t promises = subject->promises();
  const std::string folder = base::SourceDir() + "/src/contracts/conformance/";
  for (const char* file :
       {"pubsub_basic.yaml", "pubsub_verdicts.yaml", "pubsub_life.yaml", "pubsub_wildcards.yaml"}) {
    const YAML::Node cases = YAML::LoadFile(folder + file);
    for (const auto& one : cases) {
      if (one["only"] && Text(one["only"]) != kind) continue;
      const uint32_t needs = BitsOf(one["needs"]);
      if ((promises & needs) != needs || (promises & BitsOf(one["unless"])) != 0) continue;
      // Nodes of one document share their memory; a case of its own has its own.
      const YAML::Node steps = YAML::Clone(one["steps"]);
      testing::RegisterTest(
          suite.c_str(), TestName(Text(one["name"])).c_str(), nullptr, nullptr, __FILE__, __LINE__,
          [make, steps]() -> Conformance* { return new Conformance(make, steps); });
    }
  }
  return true;
}

}  // namespace contracts
