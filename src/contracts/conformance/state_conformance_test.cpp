#include "contracts/conformance/state_conformance.hpp"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "async/loop_group.hpp"
#include "base/base64.hpp"
#include "base/time.hpp"

namespace contracts {
namespace {

using Subject = StateSubject;

std::string Text(const YAML::Node& node) {
  return node.as<std::string>();
}
// What a step expects; an empty map if it says nothing.
YAML::Node ExpectationOf(const YAML::Node& step) {
  return step["expect"] ? step["expect"] : YAML::Node(YAML::NodeType::Map);
}

class Player {
 public:
  explicit Player(Subject& subject) : subject_(subject), store_(subject.store()) {}

  async::Task<void> Play(const YAML::Node& step) {
    const YAML::Node expect = ExpectationOf(step);
    const Call call;
    if (step["set"]) {
      Check(expect, co_await store_.Set(call, SetOf(step["set"])));
    } else if (step["get"]) {
      CheckGet(step, co_await store_.Get(call, {.key = Text(step["get"]["key"])}));
    } else if (step["delete"]) {
      Check(expect, co_await store_.Delete(call, DeleteOf(step["delete"])));
    } else if (step["bulk_get"]) {
      std::vector<GetRequest> requests;
      for (const auto& key : step["bulk_get"]) requests.push_back({.key = Text(key)});
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
      TransactionRequest request;
      for (const auto& item : step["multi"]) {
        if (item["set"]) {
          request.operations.emplace_back(SetOf(item["set"]));
        } else {
          request.operations.emplace_back(DeleteOf(item["delete"]));
        }
      }
      Check(expect, co_await store_.Multi(call, std::move(request)));
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
      EXPECT_EQ(co_await subject_.Cleanup(), expect["count"].as<int64_t>());
    } else if (step["ping"]) {
      Check(expect, co_await store_.Ping(call));
    } else if (step["advance"]) {
      subject_.Advance(step["advance"].as<int64_t>());
    } else {
      ADD_FAILURE() << "unknown operation";
    }
  }

 private:
  std::optional<std::string> EtagOf(const YAML::Node& item) {
    if (item["etag_of"]) return etags_.at(Text(item["etag_of"]));
    if (item["etag"]) return Text(item["etag"]);
    return std::nullopt;
  }
  SetRequest SetOf(const YAML::Node& item) {
    SetRequest request{.key = Text(item["key"]), .etag = EtagOf(item)};
    if (item["json"]) {
      request.json = true;
      request.value = Text(item["json"]);
    } else if (item["bytes"]) {
      request.value = Text(item["bytes"]);
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
    return {.key = Text(item["key"]), .etag = EtagOf(item)};
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
    EXPECT_EQ(base::KindName(result.error().kind), Text(expect["error"])) << result.error().message;
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
      EXPECT_EQ(got->data, Text(expect["data"]));
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
    if (expect["ttl"]) {
      const std::string* time = got->metadata.Find("ttlExpireTime");
      EXPECT_EQ(time != nullptr, expect["ttl"].as<bool>());
      EXPECT_TRUE(!time || base::ParseRfc3339(*time)) << *time;
    }
    if (step["remember"]) etags_[Text(step["remember"])] = got->etag.value_or("");
  }

  void CheckItems(const YAML::Node& expect, const base::Result<std::vector<BulkGetItem>>& items) {
    if (!CheckError(expect, items)) return;
    EXPECT_EQ(items->size(), expect["items"].size());
    for (const BulkGetItem& item : *items) {
      SCOPED_TRACE(item.key);
      EXPECT_EQ(item.error, "");
      const YAML::Node wanted = expect["items"][item.key];
      EXPECT_EQ(item.value.found, wanted && !wanted.IsNull());
      if (item.value.found) {
        EXPECT_EQ(item.value.data, Text(wanted));
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
  const std::string kind(make()->kind());
  const std::string folder = std::string(DAPR_SOURCE_DIR) + "/src/contracts/conformance/";
  for (const char* file : {"basic.yaml", "etag.yaml", "ttl.yaml", "bulk.yaml"}) {
    const YAML::Node cases = YAML::LoadFile(folder + file);
    for (const auto& one : cases) {
      if (one["only"] && Text(one["only"]) != kind) continue;
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
