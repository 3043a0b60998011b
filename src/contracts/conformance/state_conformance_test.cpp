#include "contracts/conformance/state_conformance.hpp"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>

#include "async/loop_group.hpp"
#include "base/base64.hpp"
#include "base/go_json.hpp"
#include "base/source_dir.hpp"
#include "base/time.hpp"

namespace contracts {
namespace {

using Subject = StateSubject;

std::string Text(const YAML::Node& node) {
  return node.as<std::string>();
}

using Traits = std::set<std::string_view>;

Traits TraitsOf(Subject& subject) {
  Traits traits = subject.traits();
  const uint32_t features = subject.store().Features();
  if (features & kStateTransactional) traits.insert("transactions");
  if (features & kStateKeysLike) traits.insert("keys-like");
  if (features & kStateDeleteWithPrefix) traits.insert("delete-with-prefix");
  if (features & kStateTtl) traits.insert("ttl");
  if (features & kStateQueryApi) traits.insert("query");
  for (const std::string_view trait : traits) {
    if (std::ranges::find(kStateTraits, trait) == std::end(kStateTraits)) {
      throw std::invalid_argument("unknown trait " + std::string(trait));
    }
  }
  return traits;
}
bool Has(const Traits& traits, std::string_view trait) {
  if (std::ranges::find(kStateTraits, trait) == std::end(kStateTraits)) {
    throw std::invalid_argument("a case names the unknown trait " + std::string(trait));
  }
  return traits.contains(trait);
}
bool Applies(const YAML::Node& one, const Traits& traits) {
  for (const auto& need : one["needs"]) {
    const std::string text = Text(need);
    if (text.starts_with('!') ? Has(traits, text.substr(1)) : !Has(traits, text)) return false;
  }
  return true;
}

// `size` bytes in which a lost, doubled or moved block shows.
std::string Fill(std::size_t size) {
  std::string out;
  out.reserve(size + 8);
  for (std::size_t i = 0; out.size() < size; ++i) out += std::to_string(i * 7919 % 100'003) + " ";
  out.resize(size);
  return out;
}
// A key; `{long}` in it stands for 8000 bytes.
std::string Key(const YAML::Node& node) {
  std::string key = Text(node);
  const std::size_t at = key.find("{long}");
  if (at != std::string::npos) key.replace(at, 6, Fill(8000));
  return key;
}
// As text Go would write, if it is JSON.
std::string Canonical(const std::string& text) {
  return base::ReencodeLikeGo(text).value_or(text);
}

class Player {
 public:
  explicit Player(Subject& subject)
      : subject_(subject), store_(subject.store()), traits_(TraitsOf(subject)) {}

  async::Task<void> Play(const YAML::Node& step) {
    if (step["skip_if"] && Has(traits_, Text(step["skip_if"]))) co_return;
    const YAML::Node expect = ExpectationOf(step);
    const Call call;
    if (step["set"]) {
      Check(expect, co_await store_.Set(call, SetOf(step["set"])));
    } else if (step["get"]) {
      CheckGet(step, co_await store_.Get(call, {.key = Key(step["get"]["key"])}));
    } else if (step["delete"]) {
      Check(expect, co_await store_.Delete(call, DeleteOf(step["delete"])));
    } else if (step["bulk_get"]) {
      std::vector<GetRequest> requests;
      for (const auto& key : step["bulk_get"]) requests.push_back({.key = Key(key)});
      CheckItems(expect, co_await store_.BulkGet(call, std::move(requests), {}));
    } else if (step["bulk_set"]) {
      std::vector<SetRequest> requests;
      for (const auto& item : step["bulk_set"]) requests.push_back(SetOf(item));
      Check(expect, co_await store_.BulkSet(call, std::move(requests), {}));
    } else if (step["bulk_delete"]) {
      std::vector<DeleteRequest> requests;
      for (const auto& item : step["bulk_delete"]) requests.push_back(DeleteOf(item));
      Check(expect, co_await store_.BulkDelete(call, std::move(requests), {}));
    } else if (step["multi"]) {
      Check(expect, co_await store_.Multi(call, MultiOf(step["multi"])));
    } else if (step["keys_like"]) {
      KeysLikeRequest request{.pattern = Text(step["keys_like"])};
      if (step["page"]) request.page_size = step["page"].as<uint32_t>();
      if (step["after_last"]) request.token = token_;
      CheckKeys(expect, co_await store_.KeysLike(call, std::move(request)));
    } else if (step["delete_with_prefix"]) {
      auto count = co_await store_.DeleteWithPrefix(call, Text(step["delete_with_prefix"]));
      if (CheckError(expect, count)) {
        EXPECT_EQ(*count, expect["count"].as<int64_t>());
      }
    } else if (step["cleanup"]) {
      const int64_t removed = co_await subject_.Cleanup();
      EXPECT_EQ(removed, expect["count"].as<int64_t>());
    } else if (step["ping"]) {
      Check(expect, co_await store_.Ping(call));
    } else if (step["advance"]) {
      subject_.Advance(step["advance"].as<int64_t>());
    } else {
      ADD_FAILURE() << "unknown operation";
    }
  }

 private:
  // What a step expects; an empty map if it says nothing.
  YAML::Node ExpectationOf(const YAML::Node& step) const {
    for (const auto& other : step["expect_if"]) {
      if (Has(traits_, Text(other.first))) return other.second;
    }
    return step["expect"] ? step["expect"] : YAML::Node(YAML::NodeType::Map);
  }
  TransactionRequest MultiOf(const YAML::Node& operations) {
    TransactionRequest request;
    for (const auto& item : operations) {
      const int times = item["times"] ? item["times"].as<int>() : 1;
      for (int i = 0; i < times; ++i) {
        if (item["set"]) {
          SetRequest set = SetOf(item["set"]);
          Number(set.key, i);
          request.operations.emplace_back(std::move(set));
        } else {
          DeleteRequest del = DeleteOf(item["delete"]);
          Number(del.key, i);
          request.operations.emplace_back(std::move(del));
        }
      }
    }
    return request;
  }
  static void Number(std::string& key, int number) {
    const std::size_t at = key.find("{n}");
    if (at != std::string::npos) key.replace(at, 3, std::to_string(number));
  }
  // A value as it is expected back.
  void ExpectData(const std::string& got, const std::string& wanted) const {
    if (got == wanted) return;
    if (Has(traits_, "json-reformatted")) {
      EXPECT_EQ(Canonical(got), Canonical(wanted));
    } else {
      EXPECT_EQ(got, wanted);
    }
  }
  std::optional<std::string> EtagOf(const YAML::Node& item) {
    if (item["etag_of"]) return etags_.at(Text(item["etag_of"]));
    if (item["etag"]) return Text(item["etag"]);
    return std::nullopt;
  }
  SetRequest SetOf(const YAML::Node& item) {
    SetRequest request{.key = Key(item["key"]), .etag = EtagOf(item)};
    if (item["json"]) {
      request.json = true;
      request.value = Text(item["json"]);
    } else if (item["bytes"]) {
      request.value = Text(item["bytes"]);
    } else if (item["fill"]) {
      request.value = Fill(item["fill"].as<std::size_t>());
    } else {
      request.value = base::Base64Decode(Text(item["base64"])).value();
    }
    if (item["ttl"]) request.metadata.Set("ttlInSeconds", Text(item["ttl"]));
    if (item["concurrency"]) {
      request.options.concurrency = Text(item["concurrency"]) == "first-write"
                                        ? Concurrency::kFirstWrite
                                        : Concurrency::kLastWrite;
    }
    return request;
  }
  DeleteRequest DeleteOf(const YAML::Node& item) {
    return {.key = Key(item["key"]), .etag = EtagOf(item)};
  }

  // True if the step succeeded as it should.
  template <class T>
  bool CheckError(const YAML::Node& expect, const base::Result<T>& result) {
    if (!expect["error"]) {
      EXPECT_TRUE(result.has_value()) << result.error().message;
      return result.has_value();
    }
    EXPECT_FALSE(result.has_value()) << "expected an error";
    if (result) return false;
    EXPECT_NE(result.error().message, "");
    if (Text(expect["error"]) != "any") {
      EXPECT_EQ(base::KindName(result.error().kind), Text(expect["error"]))
          << result.error().message;
    }
    if (expect["message"]) {
      EXPECT_TRUE(result.error().message.starts_with(Text(expect["message"])))
          << result.error().message;
    }
    return false;
  }
  void Check(const YAML::Node& expect, const base::Status& status) { CheckError(expect, status); }

  void CheckGet(const YAML::Node& step, const base::Result<GetResponse>& got) {
    const YAML::Node expect = ExpectationOf(step);
    if (!CheckError(expect, got)) return;
    if (expect["found"]) {
      EXPECT_EQ(got->found, expect["found"].as<bool>());
    }
    if (expect["data"]) {
      ExpectData(got->data, Text(expect["data"]));
    }
    if (expect["fill"]) {
      EXPECT_TRUE(got->data == Fill(expect["fill"].as<std::size_t>())) << got->data.size();
    }
    if (expect["base64"]) {
      EXPECT_EQ(base::Base64Encode(got->data), Text(expect["base64"]));
    }
    if (expect["etag"]) {
      EXPECT_FALSE(got->etag.value_or("").empty());
    }
    if (expect["etag_is"]) {
      EXPECT_EQ(got->etag, etags_.at(Text(expect["etag_is"])));
    }
    if (expect["etag_not"]) {
      EXPECT_NE(got->etag, etags_.at(Text(expect["etag_not"])));
    }
    if (!got->found) {
      EXPECT_EQ(got->data, "");
      EXPECT_FALSE(got->etag.has_value());
      EXPECT_TRUE(got->metadata.empty());
    }
    if (expect["ttl"] && !Has(traits_, "ttl-not-shown")) {
      const std::string* time = got->metadata.Find("ttlExpireTime");
      EXPECT_EQ(time != nullptr, expect["ttl"].as<bool>());
      EXPECT_TRUE(!time || base::ParseRfc3339(*time)) << *time;
    }
    if (step["remember"]) etags_[Text(step["remember"])] = got->etag.value_or("");
  }

  void CheckItems(const YAML::Node& expect, const base::Result<std::vector<BulkGetItem>>& items) {
    if (!CheckError(expect, items)) return;
    const YAML::Node all = expect["items"];
    EXPECT_EQ(items->size(), expect["count"] ? expect["count"].as<std::size_t>() : all.size());
    for (const BulkGetItem& item : *items) {
      SCOPED_TRACE(item.key);
      EXPECT_EQ(item.error, "");
      const YAML::Node wanted = all[item.key];
      EXPECT_EQ(item.value.found, wanted && !wanted.IsNull());
      if (item.value.found) {
        ExpectData(item.value.data, Text(wanted));
        EXPECT_TRUE(item.value.etag.has_value());
      }
    }
  }
  void CheckKeys(const YAML::Node& expect, const base::Result<KeysLikeResponse>& got) {
    if (!CheckError(expect, got)) return;
    EXPECT_EQ(got->keys, expect["keys"].as<std::vector<std::string>>());
    if (expect["more"]) {
      EXPECT_EQ(!got->token.empty(), expect["more"].as<bool>());
    }
    token_ = got->token;
  }

  Subject& subject_;
  StateStore& store_;
  const Traits traits_;
  std::map<std::string, std::string> etags_;
  std::string token_;
};

async::Task<void> PlayCase(Subject& subject, const YAML::Node& steps) {
  const Call call;
  const config::Properties properties = subject.properties();
  const base::Status ready = co_await subject.store().Init(
      call, {.name = "test", .type = "state", .version = "v1", .properties = properties});
  EXPECT_TRUE(ready) << ready.error().message;
  if (ready) {
    Player player(subject);
    int number = 0;
    for (const auto& step : steps) {
      SCOPED_TRACE("step " + std::to_string(++number));
      co_await player.Play(step);
    }
  }
  co_await subject.store().Close(call);
}

class Conformance : public testing::Test {
 public:
  Conformance(std::function<std::unique_ptr<Subject>()> make, const YAML::Node& steps)
      : make_(std::move(make)), steps_(steps) {}
  void TestBody() override {
    std::unique_ptr<Subject> subject = make_();
    async::LoopGroup loops(1);
    loops.RunTaskOn(0, [&] { return PlayCase(*subject, steps_); });
  }

 private:
  std::function<std::unique_ptr<Subject>()> make_;
  YAML::Node steps_;
};

std::string TestName(std::string text) {
  for (char& c : text) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return text;
}

}  // namespace

bool RegisterStateConformance(const std::string& suite,
                              std::function<std::unique_ptr<StateSubject>()> make) {
  const Traits traits = TraitsOf(*make());
  const std::string folder = base::SourceDir() + "/src/contracts/conformance/";
  for (const char* file : {"basic.yaml", "etag.yaml", "ttl.yaml", "bulk.yaml", "values.yaml",
                           "keys.yaml", "transaction.yaml"}) {
    const YAML::Node cases = YAML::LoadFile(folder + file);
    for (const auto& one : cases) {
      if (!Applies(one, traits)) continue;
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
