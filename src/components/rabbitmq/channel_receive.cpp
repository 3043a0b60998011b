// What arrives on a channel: answers, confirms, messages in their pieces, refusals.
#include "base/strings.hpp"
#include "components/rabbitmq/channel.hpp"
#include "components/rabbitmq/connection.hpp"
#include "components/rabbitmq/wire.hpp"

namespace components::rabbitmq {

using base::Kind;
using base::StrCat;

namespace {

// Brokers take up to 512 MiB, by default 128 MiB.
constexpr uint64_t kMaxBody = uint64_t{512} << 20;
// What a header claims is believed up to here; beyond it memory grows with what has arrived.
constexpr uint64_t kReserve = uint64_t{1} << 20;

}  // namespace

base::Status Channel::OnFrame(const Frame& frame) {
  switch (frame.type) {
    case FrameType::kMethod: {
      ASSIGN_OR_RETURN(const ServerMethod method, DecodeMethod(frame.payload));
      if (arriving_ != Arriving::kNothing) {
        return base::Fail(Kind::kProtocol, "a method arrived in the middle of a message");
      }
      return OnMethod(method);
    }
    case FrameType::kHeader:
      return OnHeader(frame);
    case FrameType::kBody:
      return OnBody(frame);
    case FrameType::kHeartbeat:
      break;
  }
  return {};
}

base::Status Channel::OnMethod(const ServerMethod& method) {
  switch (method.id) {
    case AMQP_BASIC_DELIVER_METHOD:
      delivery_ = {.tag = method.delivery_tag,
                   .redelivered = method.flag,
                   .consumer = std::string(method.text),
                   .routing_key = std::string(method.routing_key),
                   .properties = {},
                   .body = {}};
      dropping_ = false;
      arriving_ = Arriving::kHeader;
      return {};
    case AMQP_BASIC_RETURN_METHOD:
      dropping_ = true;
      arriving_ = Arriving::kHeader;
      return {};
    case AMQP_BASIC_ACK_METHOD:
      OnConfirm(method.delivery_tag, method.flag, /*refused=*/false);
      return {};
    case AMQP_BASIC_NACK_METHOD:
      OnConfirm(method.delivery_tag, method.flag, /*refused=*/true);
      return {};
    case AMQP_BASIC_CANCEL_METHOD:
      if (listener_) listener_->OnConsumerEnded(method.text);
      return {};
    case AMQP_CHANNEL_FLOW_METHOD: {
      amqp_channel_flow_ok_t answer{};
      answer.active = method.flag ? 1 : 0;
      return connection_->Send(number_, AMQP_CHANNEL_FLOW_OK_METHOD, &answer);
    }
    case AMQP_CHANNEL_CLOSE_METHOD:
      OnClosed(method);
      return {};
    case AMQP_CHANNEL_CLOSE_OK_METHOD:
      if (!closing_) return base::Fail(Kind::kProtocol, "a channel was closed out of turn");
      connection_->Forget(number_);
      OnBroken({Kind::kCanceled, StrCat(name_, ": the channel was closed")});
      return {};
    default:
      return OnAnswer(method);
  }
}

base::Status Channel::OnAnswer(const ServerMethod& method) {
  if (!request_ || request_->answer != method.id) {
    return base::Fail(Kind::kProtocol,
                      StrCat(amqp_method_name(method.id), " arrived, which nobody waits for"));
  }
  const std::shared_ptr<Request> request = std::exchange(request_, nullptr);
  request->answered = true;
  request->count = method.message_count;
  request->done.Set();
  asking_.Release();
  return {};
}

base::Status Channel::OnHeader(const Frame& frame) {
  if (arriving_ != Arriving::kHeader) {
    return base::Fail(Kind::kProtocol, "a content header arrived out of its turn");
  }
  ASSIGN_OR_RETURN(const ContentHeader header, DecodeHeader(frame.payload));
  if (header.body_size > kMaxBody) {
    return base::Fail(Kind::kTooLarge, StrCat("a message of ", header.body_size,
                                              " bytes arrived; the limit is ", kMaxBody));
  }
  body_left_ = header.body_size;
  if (!dropping_) {
    delivery_.properties = header.properties;
    delivery_.body.reserve(static_cast<std::size_t>(std::min(header.body_size, kReserve)));
  }
  arriving_ = Arriving::kBody;
  if (body_left_ == 0) Deliver();
  return {};
}

base::Status Channel::OnBody(const Frame& frame) {
  if (arriving_ != Arriving::kBody || frame.payload.size() > body_left_ || frame.payload.empty()) {
    return base::Fail(Kind::kProtocol, "a piece of a message arrived that does not fit");
  }
  if (!dropping_) delivery_.body.append(frame.payload);
  body_left_ -= frame.payload.size();
  if (body_left_ == 0) Deliver();
  return {};
}

void Channel::Deliver() {
  arriving_ = Arriving::kNothing;
  Delivery delivery = std::move(delivery_);
  delivery_ = {};
  // A channel that is closing gives everything back by itself.
  if (listener_ && !dropping_) listener_->OnDelivery(std::move(delivery));
}

void Channel::Settle(Slot& slot, Confirm::Result result) {
  slot.settled = true;
  Confirm* const confirm = std::exchange(slot.confirm, nullptr);
  if (!confirm) return;
  confirm->result = result;
  confirm->settled.Set();
}

void Channel::OnConfirm(uint64_t tag, bool multiple, bool refused) {
  if (slots_.empty() || (!multiple && tag < first_slot_)) return;
  const uint64_t last = tag == 0 && multiple ? first_slot_ + slots_.size() - 1 : tag;
  const auto result = refused ? Confirm::Result::kRefused : Confirm::Result::kTaken;
  // Whoever is resumed may publish again: the line changes while we walk, at its end only.
  for (uint64_t one = multiple ? first_slot_ : last;
       one <= last && one >= first_slot_ && one - first_slot_ < slots_.size(); ++one) {
    Slot& slot = slots_[static_cast<std::size_t>(one - first_slot_)];
    if (!slot.settled) Settle(slot, result);
    if (error_) return;
  }
  while (!slots_.empty() && slots_.front().settled) {
    slots_.pop_front();
    ++first_slot_;
  }
}

void Channel::OnClosed(const ServerMethod& close) {
  amqp_channel_close_ok_t answer{};
  (void)connection_->Send(number_, AMQP_CHANNEL_CLOSE_OK_METHOD, &answer);
  connection_->Forget(number_);
  OnBroken(CloseError(name_, close.code, close.text));
}

void Channel::OnBroken(base::Error error) {
  if (error_) return;
  error_ = std::move(error);
  connection_ = nullptr;
  closed_.Set();
  const std::shared_ptr<Request> request = std::exchange(request_, nullptr);
  std::size_t open = 0;
  for (const Slot& slot : slots_) open += slot.settled ? 0 : 1;
  const auto lost = open == 1 ? Confirm::Result::kLostAlone : Confirm::Result::kLost;
  // No more are added to a broken channel, but those resumed may make others go away.
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].settled) Settle(slots_[i], lost);
  }
  slots_.clear();
  if (request) {
    request->done.Set();
    // The others in line find out one after another.
    asking_.Release();
  }
  if (ChannelListener* const listener = std::exchange(listener_, nullptr)) {
    listener->OnChannelBroken();
  }
}

}  // namespace components::rabbitmq
