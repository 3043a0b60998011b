#include "control/scheduler/job_streams.hpp"

#include <utility>

#include "base/duration.hpp"
#include "base/strings.hpp"
#include "grpc/client.hpp"

namespace control {

// One stream, while it lasts.
struct JobStreams::Session {
  Session(const grpc::Channel& channel, JobHandler* handler)
      // So small a mark that Drain waits until the connection has taken all there is.
      : stream(channel, kWatchJobsPath, {}, 1), handler(handler) {}
  grpc::ClientStream stream;
  JobHandler* const handler;
  bool up = false;
  std::size_t in_hand = 0;
  async::Event fewer;  // jobs in hand
  async::Gate gate;
};

JobStreams::JobStreams(SchedulerClient& client, std::string address)
    : client_(client), address_(std::move(address)) {}

JobStreams::~JobStreams() = default;

void JobStreams::Start() {
  for (std::size_t i = 0; i < client_.options_.streams; ++i) gate_.Spawn(Keep());
}

void JobStreams::Restart() {
  interrupt_.Fire();
}

async::Task<void> JobStreams::Close(const async::Context& context) {
  ending_ = true;
  while (in_hand_ > 0) {
    if (co_await idle_.Wait(context) != async::Wake::kReady) break;
  }
  const async::Context patient;
  co_await gate_.Close(patient);
}

async::Task<void> JobStreams::Keep() {
  const SchedulerTimes& times = client_.options_.times;
  Backoff backoff(times.retry, times.max_retry);
  std::size_t next = 0;
  while (!gate_.closing() && !ending_) {
    base::Error error(base::Kind::kUnreachable, "there is no address");
    async::Loop& loop = *async::Loop::Current();
    const async::TimePoint began = loop.now();
    auto origins =
        co_await client_.locate_(gate_.context().Until(loop.After(times.call)), address_);
    if (gate_.closing() || ending_) co_return;
    if (!origins) {
      error = std::move(origins).error();
    } else if (!origins->empty()) {
      const auto token = interrupt_.token();
      const async::Context context(async::kForever, token.get());
      error = co_await Serve((*origins)[next++ % origins->size()], context);
      if (gate_.closing() || ending_) co_return;
      if (token->canceled()) continue;
    }
    if (loop.now() - began > times.max_retry) backoff.Reset();
    if (troubles_.Worth(error.message)) {
      client_.log_.Warning(base::StrCat("Scheduler at ", address_, " is away: ", error.message,
                                        "; trying again in about ",
                                        base::FormatDuration(backoff.next())));
    }
    co_await backoff.Pause(gate_.context());
  }
}

async::Task<base::Error> JobStreams::Serve(const http::Origin& origin,
                                           const async::Context& context) {
  Session session(grpc::Channel(client_.http_, origin, address_), client_.handler_);
  session.stream.Write(
      WriteWatch(client_.options_.app_id, client_.options_.app_namespace, client_.interest_));
  session.gate.Spawn(NoteUp(session));
  base::Error error = co_await Read(session, context);
  if (std::exchange(session.up, false)) {
    --up_;
    client_.UpdateConnected();
  }
  const async::Context patient;
  co_await session.gate.Close(patient);
  // The last answer may have been taken just now, by the connection that is still in the stream.
  async::Loop& loop = *async::Loop::Current();
  co_await async::Sleep(patient, loop.After(std::chrono::milliseconds(1)));
  co_return error;
}

async::Task<void> JobStreams::NoteUp(Session& session) {
  // The host says nothing before a job is due; that it takes what we say must do.
  if (!co_await session.stream.Drain(session.gate.context())) co_return;
  session.up = true;
  ++up_;
  troubles_.Over();
  client_.UpdateConnected();
}

async::Task<base::Error> JobStreams::Read(Session& session, const async::Context& context) {
  if (auto opened = co_await session.stream.Open(context); !opened) co_return opened.error();
  while (true) {
    while (session.in_hand >= client_.options_.max_jobs) {
      if (co_await session.fewer.Wait(context) != async::Wake::kReady) {
        co_return base::Error(base::Kind::kCanceled, "the stream begins anew");
      }
    }
    auto message = co_await session.stream.Read(context);
    if (!message) co_return message.error();
    if (!*message) co_return StreamEnd(session.stream.status(), "the scheduler");
    auto job = ReadJob(**message);
    if (!job) co_return job.error();
    // Not answered, so that the scheduler gives it to somebody else, or to us when we are back.
    if (ending_) continue;
    ++session.in_hand;
    ++in_hand_;
    session.gate.Spawn(Do(session, std::move(*job)));
  }
}

async::Task<void> JobStreams::Do(Session& session, TriggeredJob job) {
  const uint64_t id = job.id;
  const bool done = co_await session.handler->Run(session.gate.context(), std::move(job));
  if (!session.gate.closing()) {
    session.stream.Write(WriteResult(id, done));
    [[maybe_unused]] auto taken = co_await session.stream.Drain(session.gate.context());
  }
  --session.in_hand;
  session.fewer.Pulse();
  if (--in_hand_ == 0) idle_.Pulse();
}

}  // namespace control
