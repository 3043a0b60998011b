// For tests: a client on two loops, used from an ordinary thread.
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "async/loop_group.hpp"
#include "components/postgres/client.hpp"
#include "components/postgres/test_server.hpp"

namespace components::postgres {

class TestClient {
 public:
  using Work = std::function<async::Task<void>(Client&, const async::Context&)>;

  explicit TestClient(std::vector<config::Properties::Entry> entries)
      : client_(ReadSettings(config::Properties("test", std::move(entries))).value()) {}
  explicit TestClient(const std::string& connection,
                      std::vector<config::Properties::Entry> more = {})
      : TestClient([&] {
          more.push_back({"connectionString", connection});
          return more;
        }()) {}
  ~TestClient() {
    loops_.RunTaskOn(0, [this]() -> async::Task<void> {
      const async::Context context;
      co_await client_.Close(context);
    });
  }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  Client& client() { return client_; }
  async::LoopGroup& loops() { return loops_; }
  void Run(const Work& work, int loop = 0) {
    loops_.RunTaskOn(loop, [&]() -> async::Task<void> {
      const async::Context context;
      co_await work(client_, context);
    });
  }
  /// One statement; the first column of its rows in text form, joined by commas.
  base::Result<std::string> Text(const std::string& sql, int loop = 0, bool write = false) {
    base::Result<std::string> out;
    loops_.RunTaskOn(loop, [&]() -> async::Task<void> {
      const async::Context context;
      const Query query{.sql = sql, .params = {}, .text_results = true};
      base::Result<Rows> rows =
          write ? co_await client_.Write(context, query) : co_await client_.Read(context, query);
      if (!rows) {
        out = std::unexpected(std::move(rows).error());
        co_return;
      }
      for (int i = 0; i < rows->size(); ++i) {
        base::StrAppend(*out, i ? "," : "", rows->Bytes(i, 0));
      }
    });
    return out;
  }
  std::string Good(const std::string& sql, int loop = 0) {
    const auto text = Text(sql, loop);
    EXPECT_TRUE(text) << text.error().message;
    return text.value_or("");
  }

 private:
  Client client_;
  async::LoopGroup loops_{2};
};

/// Runs `work` beside the caller until the gate is empty.
inline async::Task<void> WaitUntilEmpty(async::Gate& gate) {
  const async::Context patient;
  while (gate.size() > 0) {
    co_await async::Sleep(patient, async::Loop::Current()->After(std::chrono::milliseconds(2)));
  }
  co_await gate.Close(patient);
}

}  // namespace components::postgres
