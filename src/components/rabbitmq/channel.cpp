// The channel's requests, its publishing and its end; channel_receive.cpp has what arrives.
#include "components/rabbitmq/channel.hpp"

#include "async/loop.hpp"
#include "base/strings.hpp"
#include "components/rabbitmq/connection.hpp"
#include "components/rabbitmq/wire.hpp"

namespace components::rabbitmq {

using base::Kind;
using base::StrCat;

namespace {

constexpr std::chrono::seconds kAnswer(20);
// Messages that publishers may have on their way, in bytes: beyond it they wait.
constexpr std::size_t kMaxUnsent = std::size_t{16} << 20;

}  // namespace

Channel::Channel(Connection& connection, uint16_t number, ChannelListener* listener)
    : connection_(&connection), number_(number), name_(connection.name()), listener_(listener) {}

Channel::~Channel() = default;

Channel::Confirm::~Confirm() {
  if (result != Result::kNone) return;
  channel.slots_[static_cast<std::size_t>(tag - channel.first_slot_)].confirm = nullptr;
}

base::Error Channel::Interrupted(async::Wake wake, std::string_view what) const {
  if (wake == async::Wake::kCanceled) return {Kind::kCanceled, "the caller went away"};
  return {Kind::kTimeout, StrCat(name_, " did not ", what, " before the deadline")};
}

async::Task<base::Result<int64_t>> Channel::Ask(const async::Context& context, uint32_t id,
                                                void* method, uint32_t answer) {
  if (error_) co_return std::unexpected(*error_);
  const async::Context limited = context.Until(async::Loop::Current()->After(kAnswer));
  async::Wake wake = co_await asking_.Acquire(limited);
  if (wake != async::Wake::kReady) {
    co_return std::unexpected(Interrupted(wake, StrCat("answer ", amqp_method_name(id))));
  }
  const base::Status sent =
      error_ ? std::unexpected(*error_) : connection_->Send(number_, id, method);
  if (!sent) {
    asking_.Release();
    co_return std::unexpected(sent.error());
  }
  const auto request = std::make_shared<Request>();
  request->answer = answer;
  request_ = request;
  wake = co_await request->done.Wait(limited);
  if (request->answered) co_return request->count;
  if (wake == async::Wake::kReady) co_return std::unexpected(*error_);
  co_return std::unexpected(Interrupted(wake, StrCat("answer ", amqp_method_name(id))));
}

async::Task<base::Status> Channel::AskOnly(const async::Context& context, uint32_t id, void* method,
                                           uint32_t answer) {
  auto answered = co_await Ask(context, id, method, answer);
  if (!answered) co_return std::unexpected(std::move(answered).error());
  co_return base::Status();
}

async::Task<base::Status> Channel::Open(const async::Context& context) {
  amqp_channel_open_t open{};
  co_return co_await AskOnly(context, AMQP_CHANNEL_OPEN_METHOD, &open, AMQP_CHANNEL_OPEN_OK_METHOD);
}

async::Task<base::Status> Channel::DeclareExchange(const async::Context& context,
                                                   const ExchangeSpec& exchange) {
  amqp_exchange_declare_t declare{};
  declare.exchange = Bytes(exchange.name);
  declare.type = Bytes(exchange.kind);
  declare.durable = exchange.durable ? 1 : 0;
  declare.auto_delete = exchange.auto_delete ? 1 : 0;
  co_return co_await AskOnly(context, AMQP_EXCHANGE_DECLARE_METHOD, &declare,
                             AMQP_EXCHANGE_DECLARE_OK_METHOD);
}

async::Task<base::Status> Channel::DeclareQueue(const async::Context& context,
                                                const QueueSpec& queue) {
  ArgumentTable arguments(queue.arguments);
  amqp_queue_declare_t declare{};
  declare.queue = Bytes(queue.name);
  declare.durable = queue.durable ? 1 : 0;
  declare.exclusive = queue.exclusive ? 1 : 0;
  declare.auto_delete = queue.auto_delete ? 1 : 0;
  declare.arguments = arguments.get();
  co_return co_await AskOnly(context, AMQP_QUEUE_DECLARE_METHOD, &declare,
                             AMQP_QUEUE_DECLARE_OK_METHOD);
}

async::Task<base::Status> Channel::BindQueue(const async::Context& context,
                                             const BindingSpec& binding) {
  amqp_queue_bind_t bind{};
  bind.queue = Bytes(binding.queue);
  bind.exchange = Bytes(binding.exchange);
  bind.routing_key = Bytes(binding.routing_key);
  co_return co_await AskOnly(context, AMQP_QUEUE_BIND_METHOD, &bind, AMQP_QUEUE_BIND_OK_METHOD);
}

async::Task<base::Result<int64_t>> Channel::CountReady(const async::Context& context,
                                                       const std::string& queue) {
  amqp_queue_declare_t declare{};
  declare.queue = Bytes(queue);
  declare.passive = 1;
  co_return co_await Ask(context, AMQP_QUEUE_DECLARE_METHOD, &declare,
                         AMQP_QUEUE_DECLARE_OK_METHOD);
}

async::Task<base::Status> Channel::SetPrefetch(const async::Context& context, uint16_t count) {
  amqp_basic_qos_t qos{};
  qos.prefetch_count = count;
  co_return co_await AskOnly(context, AMQP_BASIC_QOS_METHOD, &qos, AMQP_BASIC_QOS_OK_METHOD);
}

async::Task<base::Status> Channel::Consume(const async::Context& context, const std::string& queue,
                                           const std::string& consumer,
                                           const Arguments& arguments) {
  ArgumentTable table(arguments);
  amqp_basic_consume_t consume{};
  consume.queue = Bytes(queue);
  consume.consumer_tag = Bytes(consumer);
  consume.arguments = table.get();
  co_return co_await AskOnly(context, AMQP_BASIC_CONSUME_METHOD, &consume,
                             AMQP_BASIC_CONSUME_OK_METHOD);
}

async::Task<base::Status> Channel::Cancel(const async::Context& context,
                                          const std::string& consumer) {
  amqp_basic_cancel_t cancel{};
  cancel.consumer_tag = Bytes(consumer);
  co_return co_await AskOnly(context, AMQP_BASIC_CANCEL_METHOD, &cancel,
                             AMQP_BASIC_CANCEL_OK_METHOD);
}

async::Task<base::Status> Channel::Recover(const async::Context& context) {
  amqp_basic_recover_t recover{};
  recover.requeue = 1;
  co_return co_await AskOnly(context, AMQP_BASIC_RECOVER_METHOD, &recover,
                             AMQP_BASIC_RECOVER_OK_METHOD);
}

async::Task<base::Status> Channel::SelectConfirms(const async::Context& context) {
  amqp_confirm_select_t select{};
  CO_RETURN_IF_ERROR(co_await AskOnly(context, AMQP_CONFIRM_SELECT_METHOD, &select,
                                      AMQP_CONFIRM_SELECT_OK_METHOD));
  confirms_ = true;
  co_return base::Status();
}

void Channel::Ack(uint64_t tag) {
  if (error_ || closing_) return;
  amqp_basic_ack_t ack{};
  ack.delivery_tag = tag;
  (void)connection_->Send(number_, AMQP_BASIC_ACK_METHOD, &ack);
}

void Channel::Nack(uint64_t tag, bool requeue) {
  if (error_ || closing_) return;
  amqp_basic_nack_t nack{};
  nack.delivery_tag = tag;
  nack.requeue = requeue ? 1 : 0;
  (void)connection_->Send(number_, AMQP_BASIC_NACK_METHOD, &nack);
}

// Waits while the broker takes no messages, and while too much is on its way to it.
async::Task<base::Status> Channel::AwaitRoom(const async::Context& context) {
  while (true) {
    if (error_) co_return std::unexpected(*error_);
    if (connection_->blocked()) {
      const std::string reason = connection_->blocked_reason();
      const async::Wake wake = co_await connection_->WaitUnblocked(context);
      if (wake == async::Wake::kCanceled) co_return std::unexpected(Interrupted(wake, {}));
      if (wake == async::Wake::kTimeout) {
        co_return base::Fail(Kind::kExhausted,
                             StrCat(name_, " takes no messages for now (", reason,
                                    "): give it memory or disk, or let consumers catch up"));
      }
    } else if (connection_->unsent() > kMaxUnsent) {
      const uint64_t half = connection_->appended() - kMaxUnsent / 2;
      if (!co_await connection_->WaitWritten(context, half) && !error_) {
        const async::Wake wake =
            context.canceled() ? async::Wake::kCanceled : async::Wake::kTimeout;
        co_return std::unexpected(Interrupted(wake, "read what was sent"));
      }
    } else {
      co_return base::Status();
    }
  }
}

async::Task<void> Channel::AwaitConfirm(const async::Context& context, PublishOutcome& outcome) {
  Confirm confirm(*this, first_slot_ + slots_.size());
  slots_.push_back({&confirm, false});
  const async::Wake wake = co_await confirm.settled.Wait(context);
  switch (confirm.result) {
    case Confirm::Result::kNone:
      outcome.status = std::unexpected(Interrupted(wake, "confirm the message"));
      break;
    case Confirm::Result::kTaken:
      break;
    case Confirm::Result::kRefused:
      outcome.status = base::Fail(
          Kind::kUnavailable,
          StrCat(name_, " refused the message: one of its queues is full or not available"));
      break;
    case Confirm::Result::kLostAlone:
      outcome.alone = true;
      [[fallthrough]];
    case Confirm::Result::kLost:
      outcome.status = std::unexpected(*error_);
      break;
  }
}

async::Task<PublishOutcome> Channel::Publish(const async::Context& context,
                                             const std::string& exchange,
                                             const std::string& routing_key,
                                             const Properties& properties, std::string_view body) {
  PublishOutcome outcome;
  outcome.status = co_await AwaitRoom(context);
  if (!outcome.status) co_return outcome;
  amqp_basic_publish_t publish{};
  publish.exchange = Bytes(exchange);
  publish.routing_key = Bytes(routing_key);
  std::string& out = connection_->out();
  const std::size_t before = out.size();
  const std::size_t max = connection_->max_frame();
  outcome.status = AppendMethod(out, number_, AMQP_BASIC_PUBLISH_METHOD, &publish, max);
  if (outcome.status) outcome.status = AppendContent(out, number_, properties, body, max);
  if (!outcome.status) {
    out.resize(before);
    co_return outcome;
  }
  outcome.sent = true;
  connection_->Kick();
  if (confirms_) {
    co_await AwaitConfirm(context, outcome);
    co_return outcome;
  }
  const uint64_t mark = connection_->appended();
  if (!co_await connection_->WaitWritten(context, mark)) {
    outcome.status = std::unexpected(
        error_ ? *error_
               : Interrupted(context.canceled() ? async::Wake::kCanceled : async::Wake::kTimeout,
                             "read what was sent"));
  }
  co_return outcome;
}

async::Task<void> Channel::Close(const async::Context& context) {
  listener_ = nullptr;
  if (error_ || closing_) co_return;
  closing_ = true;
  amqp_channel_close_t close{};
  close.reply_code = AMQP_REPLY_SUCCESS;
  if (connection_->Send(number_, AMQP_CHANNEL_CLOSE_METHOD, &close)) {
    co_await closed_.Wait(context);
  }
}

void Channel::Abandon() {
  listener_ = nullptr;
  if (error_ || closing_) return;
  closing_ = true;
  amqp_channel_close_t close{};
  close.reply_code = AMQP_REPLY_SUCCESS;
  (void)connection_->Send(number_, AMQP_CHANNEL_CLOSE_METHOD, &close);
}

}  // namespace components::rabbitmq
