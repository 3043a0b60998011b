#include <gtest/gtest.h>

#include "components/state/postgresql/test_store.hpp"
#include "contracts/conformance/state_conformance.hpp"

namespace components::state::postgresql {
namespace {

class Subject final : public contracts::StateSubject {
 public:
  Subject(Layout layout, Entries more) : layout_(layout), more_(std::move(more)), store_(layout) {
    static std::atomic<int> number{0};
    name_ = "conformance" + std::to_string(++number) + "_";
  }
  std::set<std::string_view> traits() const override {
    if (layout_ == Layout::kV2) return {"first-write-plain-error", "key-no-nul", "key-short"};
    return {"first-write-plain-error", "key-no-nul",       "key-short",
            "etag-invalid-on-set",     "json-reformatted", "json-no-nul",
            "etag-invalid-on-delete"};
  }
  contracts::StateStore& store() override { return store_; }
  config::Properties properties() const override {
    return config::Properties(
        "test", With(With({{"connectionString", postgres::SharedServer().connection()}},
                          OwnTables(layout_, name_)),
                     more_));
  }
  // PostgreSQL has its own clock, so instead of moving time on, expiry is moved back. That changes
  // xmin, which the store's own tests look at.
  void Advance(int64_t seconds) override {
    const bool v1 = layout_ == Layout::kV1;
    const std::string column = v1 ? "expiredate" : "expires_at";
    postgres::SharedServer().sql().Exec(base::StrCat("UPDATE ", name_, v1 ? "" : "state", " SET ",
                                                     column, " = ", column, " - interval '",
                                                     seconds, " seconds'"));
  }
  async::Task<int64_t> Cleanup() override {
    const contracts::Call call;
    const auto removed = co_await store_.Cleanup(call);
    EXPECT_TRUE(removed.has_value());
    co_return removed.value_or(-1);
  }

 private:
  const Layout layout_;
  const Entries more_;
  std::string name_;
  Store store_;
};

bool Register(const char* suite, Layout layout, const Entries& more) {
  return contracts::RegisterStateConformance(
      suite, [layout, more] { return std::make_unique<Subject>(layout, more); });
}

const bool kRegistered =
    Register("PostgresV1Conformance", Layout::kV1, {}) &&
    Register("PostgresV2Conformance", Layout::kV2, {}) &&
    Register("PostgresV2UnpreparedConformance", Layout::kV2, {{"queryExecMode", "exec"}});

}  // namespace
}  // namespace components::state::postgresql
