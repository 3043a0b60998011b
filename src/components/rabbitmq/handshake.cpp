// What is said on channel 0: greeting, log-in, limits, blocking, good-bye.
#include <algorithm>

#include "async/loop.hpp"
#include "base/strings.hpp"
#include "components/rabbitmq/channel.hpp"
#include "components/rabbitmq/connection.hpp"
#include "components/rabbitmq/wire.hpp"

namespace components::rabbitmq {

using base::Kind;
using base::StrCat;

namespace {

constexpr uint16_t kOurMaxChannels = 2047;
constexpr std::size_t kOurMaxFrame = 128 * 1024;
// The protocol's least one.
constexpr std::size_t kLeastFrame = 4096;

bool Offers(std::string_view mechanisms, std::string_view wanted) {
  for (const std::string_view one : base::SplitView(mechanisms, ' ')) {
    if (one == wanted) return true;
  }
  return false;
}

}  // namespace

base::Error CloseError(std::string_view name, uint16_t code, std::string_view text) {
  const std::string message = StrCat(name, ": ", text, " (", code, ")");
  switch (code) {
    case AMQP_CONTENT_TOO_LARGE:
      return {Kind::kTooLarge, message};
    case AMQP_ACCESS_REFUSED:
      return {Kind::kPermissionDenied, message};
    case AMQP_NOT_FOUND:
      return {Kind::kNotFound, message};
    case AMQP_RESOURCE_LOCKED:
      return {Kind::kConflict, message};
    case AMQP_PRECONDITION_FAILED:
      return {Kind::kPreconditionFailed, message};
    case AMQP_RESOURCE_ERROR:
      return {Kind::kExhausted, message};
    case AMQP_NOT_ALLOWED:
      return {Kind::kInvalidArgument, message};
    case AMQP_NOT_IMPLEMENTED:
      return {Kind::kUnimplemented, message};
    case AMQP_FRAME_ERROR:
    case AMQP_SYNTAX_ERROR:
    case AMQP_COMMAND_INVALID:
    case AMQP_CHANNEL_ERROR:
    case AMQP_UNEXPECTED_FRAME:
      return {Kind::kProtocol, message};
    default:
      return {Kind::kUnavailable, message};
  }
}

base::Status Connection::Send(uint16_t channel, uint32_t id, void* method) {
  if (error_) return std::unexpected(*error_);
  RETURN_IF_ERROR(AppendMethod(out_, channel, id, method, max_frame_));
  Kick();
  return {};
}

base::Status Connection::Greet(const ServerMethod& start) {
  const std::string_view mechanism = settings_.external ? "EXTERNAL" : "PLAIN";
  if (!Offers(start.text, mechanism)) {
    return base::Fail(
        Kind::kUnauthenticated,
        StrCat("the broker does not offer the log-in ", mechanism, " (only ", start.text, "): ",
               settings_.external ? "enable its plugin rabbitmq_auth_mechanism_ssl"
                                  : "enable it in auth_mechanisms"));
  }
  const Arguments capabilities{{"publisher_confirms", true},
                               {"basic.nack", true},
                               {"consumer_cancel_notify", true},
                               {"connection.blocked", true},
                               {"authentication_failure_close", true}};
  ArgumentTable inner(capabilities);
  std::vector<amqp_table_entry_t> properties{TextEntry("product", "dapr"),
                                             TextEntry("platform", "C++")};
  if (!settings_.client_name.empty()) {
    properties.push_back(TextEntry("connection_name", settings_.client_name));
  }
  amqp_table_entry_t entry{};
  entry.key = Bytes("capabilities");
  entry.value.kind = AMQP_FIELD_KIND_TABLE;
  entry.value.value.table = inner.get();
  properties.push_back(entry);
  std::string response;
  if (!settings_.external) {
    response += '\0';
    response += settings_.username;
    response += '\0';
    response += settings_.password;
  }
  amqp_connection_start_ok_t answer{};
  answer.client_properties = {static_cast<int>(properties.size()), properties.data()};
  answer.mechanism = Bytes(mechanism);
  answer.response = Bytes(response);
  answer.locale = Bytes("en_US");
  state_ = State::kTuning;
  return Send(0, AMQP_CONNECTION_START_OK_METHOD, &answer);
}

base::Status Connection::Tune(const ServerMethod& tune) {
  const std::size_t frame = tune.frame_max == 0 ? kOurMaxFrame : tune.frame_max;
  max_frame_ = std::clamp(frame, kLeastFrame, kOurMaxFrame);
  reader_.set_max_frame(max_frame_);
  max_channels_ =
      tune.channel_max == 0 ? kOurMaxChannels : std::min(tune.channel_max, kOurMaxChannels);
  uint64_t heartbeat = static_cast<uint64_t>(std::max<int64_t>(0, settings_.heartbeat.count()));
  if (heartbeat == 0 || (tune.heartbeat != 0 && tune.heartbeat < heartbeat)) {
    heartbeat = tune.heartbeat;
  }
  heartbeat = std::min<uint64_t>(heartbeat, 3600);
  amqp_connection_tune_ok_t answer{};
  answer.channel_max = max_channels_;
  answer.frame_max = static_cast<uint32_t>(max_frame_);
  answer.heartbeat = static_cast<uint16_t>(heartbeat);
  RETURN_IF_ERROR(Send(0, AMQP_CONNECTION_TUNE_OK_METHOD, &answer));
  if (heartbeat > 0) {
    beat_ = std::chrono::milliseconds(heartbeat * 500);
    loop_.timers().Arm(timer_, loop_.After(beat_));
  }
  amqp_connection_open_t open{};
  open.virtual_host = Bytes(settings_.vhost);
  state_ = State::kOpening;
  return Send(0, AMQP_CONNECTION_OPEN_METHOD, &open);
}

void Connection::OnClose(const ServerMethod& close) {
  base::Error error = CloseError(name_, close.code, close.text);
  if (state_ == State::kTuning) {
    error.kind = Kind::kUnauthenticated;
    error.message += "; check the credentials of the component";
  } else if (state_ == State::kOpening) {
    error.message +=
        StrCat("; check the vhost ", base::Quote(settings_.vhost), " and the user's rights in it");
  }
  // The broker waits for the answer; with luck it is out before the socket is closed.
  amqp_connection_close_ok_t answer{};
  if (Send(0, AMQP_CONNECTION_CLOSE_OK_METHOD, &answer) && unsent() > 0) {
    (void)stream_->Write(std::string_view(out_).substr(out_begin_));
  }
  Break(std::move(error));
}

base::Status Connection::OnMethod(const ServerMethod& method) {
  switch (method.id) {
    case AMQP_CONNECTION_START_METHOD:
      if (state_ == State::kGreeting) return Greet(method);
      break;
    case AMQP_CONNECTION_TUNE_METHOD:
      if (state_ == State::kTuning) return Tune(method);
      break;
    case AMQP_CONNECTION_OPEN_OK_METHOD:
      if (state_ != State::kOpening) break;
      state_ = State::kOpen;
      opened_.Set();
      return {};
    case AMQP_CONNECTION_CLOSE_METHOD:
      OnClose(method);
      return {};
    case AMQP_CONNECTION_CLOSE_OK_METHOD:
      if (state_ != State::kClosing) break;
      closed_.Set();
      return {};
    case AMQP_CONNECTION_BLOCKED_METHOD:
      if (state_ != State::kOpen) break;
      blocked_ = std::string(method.text);
      return {};
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
      blocked_.reset();
      unblocked_.Pulse();
      return {};
    default:
      break;
  }
  return base::Fail(Kind::kProtocol, "a method arrived on channel 0 out of its turn");
}

}  // namespace components::rabbitmq
