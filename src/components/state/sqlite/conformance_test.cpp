#include <gtest/gtest.h>

#include "components/state/sqlite/test_store.hpp"
#include "contracts/conformance/state_conformance.hpp"

namespace components::state::sqlite {
namespace {

class Subject final : public contracts::StateSubject {
 public:
  explicit Subject(bool memory) {
    if (memory) {
      // Named, so that a second connection can reach the same database.
      static std::atomic<int> number{0};
      connection_ = "file:conformance" + std::to_string(++number) + "?mode=memory&cache=shared";
    } else {
      connection_ = file_.path();
    }
  }
  std::set<std::string_view> traits() const override { return {"ttl-below-refused"}; }
  contracts::StateStore& store() override { return store_; }
  config::Properties properties() const override {
    return config::Properties("test", {{"connectionString", connection_}});
  }
  // SQLite has its own clock, so instead of moving time on, expiry is moved back.
  void Advance(int64_t seconds) override {
    const auto target = components::sqlite::ParseConnectionString(connection_);
    ASSERT_TRUE(target);
    const auto other = Database::Open(*target, {});
    ASSERT_TRUE(other) << other.error().message;
    const auto moved =
        (*other)->Exec("UPDATE state SET expiration_time = DATETIME(expiration_time, '-" +
                       std::to_string(seconds) + " seconds')");
    ASSERT_TRUE(moved) << moved.error().message;
  }
  async::Task<int64_t> Cleanup() override {
    const contracts::Call call;
    const auto removed = co_await store_.Cleanup(call);
    EXPECT_TRUE(removed.has_value());
    co_return removed.value_or(-1);
  }

 private:
  TestFile file_;
  std::string connection_;
  Store store_;
};

const bool kRegistered =
    contracts::RegisterStateConformance("SqliteFileConformance",
                                        [] { return std::make_unique<Subject>(false); }) &&
    contracts::RegisterStateConformance("SqliteMemoryConformance",
                                        [] { return std::make_unique<Subject>(true); });

}  // namespace
}  // namespace components::state::sqlite
