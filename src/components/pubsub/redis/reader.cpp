#include "components/pubsub/redis/reader.hpp"

#include "async/loop.hpp"

namespace components::pubsub::redis {

using components::redis::Arg;
using std::chrono::milliseconds;

namespace {

// How often the server is asked to stop waiting, and how long for each answer.
constexpr int kUnblockTries = 5;
constexpr milliseconds kUnblockWait(500);

async::TimePoint In(async::Duration time) {
  return async::Loop::Current()->After(time);
}

}  // namespace

async::Task<base::Status> Reader::Open(const async::Context& context) {
  CO_ASSIGN_OR_RETURN(auto session, co_await group_.client().OpenSession(context, group_.topic()));
  const async::Context limited = context.Until(In(group_.client().settings().read_timeout));
  const Arg args[] = {"CLIENT", "ID"};
  const auto id = co_await session->Run(limited, args);
  client_id_ = id ? std::to_string(id->integer()) : "";
  if (session->broken()) {
    co_await session->Close();
    co_return std::unexpected(id.error());
  }
  session_ = std::move(session);
  co_return base::Status();
}

async::Task<base::Result<std::vector<Pulled>>> Reader::Read(std::size_t count, milliseconds block) {
  const std::string most = std::to_string(count);
  const std::string wait = std::to_string(block.count());
  const Arg args[] = {"XREADGROUP", "GROUP", group_.consumer(), group_.consumer(), "COUNT", most,
                      "BLOCK",      wait,    "STREAMS",         group_.topic(),    ">"};
  async::CancelToken cancel;
  cancel_ = &cancel;
  const async::Context context(In(block + group_.client().settings().read_timeout), &cancel);
  auto reply = co_await session_->Run(context, args);
  cancel_ = nullptr;
  interrupted_ = false;
  ended_.Pulse();
  if (!reply) {
    co_await Close();
    co_return std::unexpected(std::move(reply).error());
  }
  co_return ReadEntries(*reply);
}

void Reader::Interrupt() {
  if (!cancel_) return;
  interrupted_ = true;
  if (unblocking_) return;
  unblocking_ = true;
  gate_.Spawn(Unblock());
}

async::Task<void> Reader::Unblock() {
  const std::string id = client_id_;
  for (int i = 0; i < kUnblockTries && interrupted_ && !id.empty(); ++i) {
    const async::Context context(In(kUnblockWait));
    const Arg args[] = {"CLIENT", "UNBLOCK", id};
    const auto done = co_await group_.client().Call(context, args, group_.topic());
    if (!done) break;
    if (!interrupted_) break;
    // 0: the command has not reached the server yet, or the answer is on its way.
    const milliseconds pause = done->integer() > 0 ? kUnblockWait : milliseconds(5 << i);
    const async::Context limit(In(pause));
    co_await ended_.Wait(limit);
  }
  unblocking_ = false;
  if (interrupted_ && cancel_) cancel_->Cancel();
}

async::Task<void> Reader::Close() {
  const std::unique_ptr<components::redis::Session> session = std::move(session_);
  if (session) co_await session->Close();
}

async::Task<void> Reader::End() {
  co_await Close();
  const async::Context patient;
  co_await gate_.Close(patient);
}

}  // namespace components::pubsub::redis
