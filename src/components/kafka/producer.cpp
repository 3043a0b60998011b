#include "components/kafka/producer.hpp"

#include <map>

#include "base/strings.hpp"
#include "components/kafka/client.hpp"
#include "telemetry/log.hpp"

namespace components::kafka {

using base::Kind;
using base::StrCat;

namespace {

constexpr std::chrono::milliseconds kCloseStep(50);

}  // namespace

// What one Send waits for. Touched on its own loop only.
struct Producer::Batch {
  async::Loop* loop;
  std::vector<base::Status> results;
  std::vector<bool> answered;
  std::size_t left = 0;
  bool over = false;  // nobody waits any more
  async::Event done;

  void Answer(std::size_t index, base::Status status) {
    if (over) return;
    results[index] = std::move(status);
    answered[index] = true;
    if (--left == 0) done.Set();
  }
};

// A message on its way; librdkafka holds the address and reads the data from here.
struct Producer::Pending {
  std::shared_ptr<Batch> batch;
  std::size_t index = 0;
  Record record;
};

class Producer::Link {
 public:
  Link(std::unique_ptr<Client> made, bool idempotent)
      : client(std::move(made)), idempotent(idempotent) {}
  std::unique_ptr<Client> client;
  const bool idempotent;
  std::atomic<int64_t> under_way{0};
  bool closing = false;
};

Producer::Producer(std::shared_ptr<const Settings> settings, async::BlockingPool& pool)
    : settings_(std::move(settings)), pool_(pool) {}

Producer::~Producer() = default;

base::Result<std::shared_ptr<Producer::Link>> Producer::MakeLink(bool idempotent) {
  Settings::Options options = settings_->producer;
  options.emplace_back("enable.idempotence", idempotent ? "true" : "false");
  if (!idempotent) options.emplace_back("retries", "0");
  ASSIGN_OR_RETURN(auto client,
                   Client::Make(RD_KAFKA_PRODUCER, *settings_, options, RD_KAFKA_EVENT_DR));
  return std::make_shared<Link>(std::move(client), idempotent);
}

std::shared_ptr<Producer::Link> Producer::link() const {
  const std::lock_guard lock(mutex_);
  return link_;
}

base::Status Producer::Start() {
  ASSIGN_OR_RETURN(auto made, MakeLink(settings_->idempotent));
  {
    const std::lock_guard lock(mutex_);
    link_ = made;
  }
  gate_.Spawn(Serve(std::move(made)));
  return {};
}

async::Task<base::Status> Producer::Ping(const async::Context& context) {
  const auto used = link();
  if (!used) co_return base::Fail(Kind::kUnavailable, "the Kafka producer is closed");
  co_return co_await AwaitBroker(*used->client, *settings_, pool_, context);
}

async::Task<void> Producer::Serve(std::shared_ptr<Link> link) {
  Client& client = *link->client;
  struct Answer {
    std::unique_ptr<Pending> pending;
    base::Status status;
  };
  while (true) {
    client.bell().Clear();
    std::map<async::Loop*, std::vector<Answer>> answers;
    while (EventPtr event{rd_kafka_queue_poll(client.queue(), 0)}) {
      if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_DR) {
        client.ServeCommon(event.get());
        continue;
      }
      while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event.get())) {
        Answer answer{std::unique_ptr<Pending>(static_cast<Pending*>(message->_private)), {}};
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
          base::Error error =
              ErrorOf(message->err,
                      StrCat("cannot publish to Kafka topic ", rd_kafka_topic_name(message->rkt)),
                      KindOf(message->err) == Kind::kTimeout ? client.trouble().Last() : "");
          // Nothing of it has left, so trying again is safe.
          if (error.kind == Kind::kTimeout &&
              rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED) {
            error.kind = Kind::kUnreachable;
          }
          answer.status = base::Fail(std::move(error));
        }
        answers[answer.pending->batch->loop].push_back(std::move(answer));
        link->under_way.fetch_sub(1, std::memory_order_relaxed);
      }
    }
    for (auto& [loop, batch] : answers) {
      auto tell = [batch = std::move(batch)]() mutable {
        for (Answer& answer : batch) {
          const auto to = std::move(answer.pending->batch);
          const std::size_t index = answer.pending->index;
          answer.pending.reset();
          to->Answer(index, std::move(answer.status));
        }
      };
      if (loop->InThread()) {
        tell();
      } else {
        loop->Post(std::move(tell));
      }
    }
    if (!link->closing && client.fatal() != RD_KAFKA_RESP_ERR_NO_ERROR) Replace(*link);
    if (link->closing && link->under_way.load(std::memory_order_relaxed) == 0) break;
    const async::Context context = link->closing
                                       ? async::Context(async::Loop::Current()->After(kCloseStep))
                                       : async::Context(async::kForever, &stop_);
    if (co_await client.bell().Rung(context) == async::Wake::kCanceled) link->closing = true;
  }
  // Whoever still publishes through it holds the link; its last user must not end it.
  while (link.use_count() > 1) {
    const async::Context patient;
    co_await async::Sleep(patient, async::Loop::Current()->After(kCloseStep));
  }
  co_await Client::End(std::move(link->client));
}

void Producer::Replace(Link& broken) {
  broken.closing = true;
  const bool refused = broken.client->fatal() == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
  const telemetry::Log log("dapr.contrib");
  log.RateLimited("kafka_producer_replaced", 1)
      .Warning(StrCat("kafka component ", settings_->component,
                      refused
                          ? ": the broker does not allow idempotent producing; going on without, "
                            "so nothing is sent twice by itself"
                          : ": the producer lost its session and is replaced",
                      " (", rd_kafka_err2name(broken.client->fatal()), ")"));
  rd_kafka_purge(broken.client->get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  auto made = MakeLink(broken.idempotent && !refused);
  if (!made) {
    log.Error(made.error().message);
    broken.closing = false;
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    link_ = *made;
  }
  gate_.Spawn(Serve(std::move(*made)));
}

base::Status Producer::Put(Link& link, const std::string& topic, std::unique_ptr<Pending> pending) {
  const contracts::Metadata& metadata = pending->record.metadata;
  ASSIGN_OR_RETURN(const int32_t partition, PartitionOf(metadata));
  HeadersPtr headers(rd_kafka_headers_new(metadata.size()));
  for (const auto& [name, value] : metadata) {
    if (settings_->headers->Excluded(name)) continue;
    rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
  }
  rd_kafka_vu_t parts[6];
  std::size_t count = 0;
  parts[count].vtype = RD_KAFKA_VTYPE_TOPIC;
  parts[count++].u.cstr = topic.c_str();
  parts[count].vtype = RD_KAFKA_VTYPE_PARTITION;
  parts[count++].u.i32 = partition >= 0 ? partition : RD_KAFKA_PARTITION_UA;
  parts[count].vtype = RD_KAFKA_VTYPE_VALUE;
  parts[count++].u.mem = {pending->record.data.data(), pending->record.data.size()};
  parts[count].vtype = RD_KAFKA_VTYPE_OPAQUE;
  parts[count++].u.ptr = pending.get();
  if (const std::string* key = KeyOf(metadata)) {
    parts[count].vtype = RD_KAFKA_VTYPE_KEY;
    parts[count++].u.mem = {const_cast<char*>(key->data()), key->size()};
  }
  if (metadata.size() > 0) {
    parts[count].vtype = RD_KAFKA_VTYPE_HEADERS;
    parts[count++].u.headers = headers.get();
  }
  link.under_way.fetch_add(1, std::memory_order_relaxed);
  const ErrorPtr error(rd_kafka_produceva(link.client->get(), parts, count));
  if (error) {
    link.under_way.fetch_sub(1, std::memory_order_relaxed);
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error.get());
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      return base::Fail(
          Kind::kExhausted,
          StrCat("cannot publish to Kafka topic ", topic,
                 ": too much waits for the brokers already (20000 messages or 32 MiB)"));
    }
    return base::Fail(ErrorOf(code, StrCat("cannot publish to Kafka topic ", topic)));
  }
  // Both are librdkafka's until the delivery report.
  if (metadata.size() > 0) static_cast<void>(headers.release());
  static_cast<void>(pending.release());
  return {};
}

async::Task<std::vector<base::Status>> Producer::Send(const contracts::Call& call,
                                                      const std::string& topic,
                                                      std::vector<Record> records) {
  const auto batch = std::make_shared<Batch>();
  const std::size_t count = records.size();
  batch->loop = async::Loop::Current();
  batch->results.resize(count);
  batch->answered.resize(count, false);
  batch->left = count + 1;
  std::shared_ptr<Link> used = link();
  for (std::size_t i = 0; i < count; ++i) {
    auto pending = std::make_unique<Pending>(batch, i, std::move(records[i]));
    base::Status put = used ? Put(*used, topic, std::move(pending))
                            : base::Fail(Kind::kUnavailable, "the Kafka component is closed");
    if (!put) batch->Answer(i, std::move(put));
  }
  if (--batch->left > 0) {
    co_await batch->done.Wait(call);
    for (std::size_t i = 0; used && i < count; ++i) {
      if (!batch->answered[i]) batch->results[i] = base::Fail(Unanswered(*used, call));
    }
  }
  batch->over = true;
  used.reset();
  co_return std::move(batch->results);
}

base::Error Producer::Unanswered(const Link& link, const contracts::Call& call) const {
  if (call.canceled()) return {Kind::kCanceled, "the caller went away before Kafka answered"};
  const std::string why = link.client->trouble().Last();
  return {Kind::kTimeout, StrCat("no answer from Kafka (", settings_->brokers,
                                 ") within the deadline; the message may still be published",
                                 why.empty() ? "" : ": ", why)};
}

async::Task<void> Producer::Close(const async::Context& context) {
  std::shared_ptr<Link> last = link();
  while (last && last->under_way.load(std::memory_order_relaxed) > 0) {
    const async::TimePoint soon = async::Loop::Current()->After(kCloseStep);
    if (soon > context.deadline) break;
    if (co_await async::Sleep(context, soon) != async::Wake::kReady) break;
  }
  if (last) rd_kafka_purge(last->client->get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  {
    const std::lock_guard lock(mutex_);
    link_.reset();
  }
  last.reset();
  stop_.Cancel();
  const async::Context patient;
  co_await gate_.Close(patient);
}

}  // namespace components::kafka
