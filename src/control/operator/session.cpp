#include "control/operator/session.hpp"

#include <algorithm>

#include "base/strings.hpp"

namespace control {
namespace {

// What the operator, or something in front of it, says while it is not in service.
bool IsAway(grpc::Code code) {
  return code == grpc::Code::kUnavailable || code == grpc::Code::kDeadlineExceeded ||
         code == grpc::Code::kCancelled || code == grpc::Code::kResourceExhausted;
}

}  // namespace

OperatorSession::OperatorSession(OperatorClient& client, grpc::Channel channel)
    : client_(client), options_(client.options_), channel_(std::move(channel)) {}

async::Task<base::Status> OperatorSession::ListKind(const async::Context& context,
                                                    ResourceKind kind, bool& changed,
                                                    bool& answered) {
  const bool single = kind == ResourceKind::kConfiguration;
  if (single && options_.configuration.empty()) co_return base::Status();
  const async::Context limited = context.Until(async::Loop::Current()->After(options_.times.call));
  CO_ASSIGN_OR_RETURN(
      const grpc::UnaryResult result,
      co_await channel_.Unary(limited, ListPath(kind), {},
                              ListRequest(kind, options_.app_namespace, options_.configuration)));
  if (result.status.code == grpc::Code::kUnimplemented && !single) {
    client_.log_.Debug(base::StrCat("this operator has no ", KindPlural(kind)));
    co_return base::Status();
  }
  if (!result.status.ok()) {
    answered = !IsAway(result.status.code);
    const std::string_view what = single ? "error loading " : "failed to load ";
    co_return base::Fail(
        answered ? base::Kind::kPreconditionFailed : base::Kind::kUnavailable,
        base::StrCat(what, KindPlural(kind), ": ",
                     grpc::RpcErrorText(result.status.code, result.status.message)));
  }
  CO_ASSIGN_OR_RETURN(const auto objects, ReadList(result.message));
  std::vector<Manifest> manifests;
  for (const std::string_view object : objects) {
    auto manifest = ReadManifest(kind, object);
    if (manifest) {
      manifests.push_back(*std::move(manifest));
    } else {
      client_.log_.Warning(manifest.error().message);
    }
  }
  if (client_.set_.Replace(kind, std::move(manifests))) changed = true;
  co_return base::Status();
}

async::Task<base::Status> OperatorSession::List(const async::Context& context, bool strict,
                                                bool& changed, bool& answered) {
  // In the order of a start: what the Configuration says comes first.
  static constexpr ResourceKind kOrder[] = {ResourceKind::kConfiguration, ResourceKind::kResiliency,
                                            ResourceKind::kComponent, ResourceKind::kHttpEndpoint,
                                            ResourceKind::kSubscription};
  for (const ResourceKind kind : kOrder) {
    bool refused = false;
    auto status = co_await ListKind(context, kind, changed, refused);
    std::string& complaint = complaints_[IndexOf(kind)];
    if (status) {
      complaint.clear();
      continue;
    }
    if (strict || !refused) {
      answered = refused;
      co_return status;
    }
    // The app goes on with what it has: a Secret or a Configuration that is gone must not take
    // down what works.
    if (std::exchange(complaint, status.error().message) != complaint) {
      client_.log_.Error(base::StrCat(complaint, "; the ", KindPlural(kind),
                                      " of this app stay as they are until that is mended"));
    }
  }
  co_return base::Status();
}

async::Task<std::optional<base::Error>> OperatorSession::ReadStream(ResourceKind kind) {
  grpc::ClientStream stream(channel_, UpdatePath(kind), {});
  stream.Write(UpdateRequest(options_.app_namespace));
  stream.CloseSend();
  const async::Context context = streams_.context();
  // The head of the answer comes with the first event, which may be never.
  if (auto opened = co_await stream.Open(context); !opened) co_return opened.error();
  while (true) {
    auto message = co_await stream.Read(context);
    if (!message) co_return message.error();
    if (!*message) break;
    Event event{kind, **std::move(message), {}};
    if (!event.message.empty() && !co_await events_.Send(context, std::move(event))) {
      co_return base::Error(base::Kind::kCanceled, "the stream was closed");
    }
  }
  if (stream.status().code == grpc::Code::kUnimplemented) co_return std::nullopt;
  co_return StreamEnd(stream.status(), "the operator");
}

async::Task<void> OperatorSession::Stream(ResourceKind kind) {
  auto error = co_await ReadStream(kind);
  // Without a stream for a kind the regular lists find its changes.
  if (!error || streams_.closing()) co_return;
  error->message = base::StrCat("stream of ", KindPlural(kind), ": ", error->message);
  Event event{kind, {}, std::move(error)};
  co_await events_.Send(streams_.context(), std::move(event));
}

bool OperatorSession::Take(const Event& event) {
  const auto complain = [&](std::string_view text) {
    client_.log_.Warning(base::StrCat("operator stream of ", KindPlural(event.kind), ": ", text));
    return false;
  };
  const auto read = ReadEvent(event.message);
  if (!read) return complain(read.error().message);
  auto manifest = ReadManifest(event.kind, read->object);
  if (!manifest) return complain(manifest.error().message);
  if (event.kind == ResourceKind::kConfiguration) {
    // The operator streams what the pod's annotation names; the app runs with what --config names.
    if (manifest->name != options_.configuration) return false;
    if (read->type == EventType::kDeleted) {
      return complain(base::StrCat(manifest->name, " was deleted; the app keeps it"));
    }
  }
  return read->type == EventType::kDeleted ? client_.set_.Remove(event.kind, *manifest)
                                           : client_.set_.Put(event.kind, *std::move(manifest));
}

async::Task<base::Error> OperatorSession::Follow(const async::Context& context) {
  // Streams first: the list that follows then lacks nothing of what they will not tell.
  for (const ResourceKind kind : kResourceKinds) {
    const bool wanted = kind != ResourceKind::kConfiguration || !options_.configuration.empty();
    if (wanted) streams_.Spawn(Stream(kind));
  }
  async::Loop& loop = *async::Loop::Current();
  // What has been taken and not been told yet; it must be told after the next connection.
  struct Untold {
    OperatorClient& client;
    bool changed = false;
    bool asked = false;
    ~Untold() {
      if (changed) client.trusted_ = false;
      if (asked) client.asked_ = true;
    }
  } untold{client_};
  bool& changed = untold.changed;
  async::TimePoint due = loop.now();  // of the next list
  async::TimePoint publish = async::kForever;
  while (true) {
    if (client_.asked_ || loop.now() >= due) {
      // What was listed before it was asked for does not count.
      untold.asked = std::exchange(client_.asked_, false) || untold.asked;
      bool answered = false;
      if (auto listed = co_await List(context, false, changed, answered); !listed) {
        co_return listed.error();
      }
      client_.NoteConnected();
      due = loop.After(options_.times.reconcile);
    } else {
      auto event = co_await events_.Receive(context.Until(std::min(due, publish)));
      if (context.cancel && context.cancel->canceled()) {
        co_return base::Error(base::Kind::kCanceled, "the session is ended");
      }
      if (event) {
        if (event->error) co_return *event->error;
        if (event->message.empty()) continue;
        if (!Take(*event)) continue;
        if (!std::exchange(changed, true)) publish = loop.After(options_.times.settle);
        continue;
      }
    }
    if (!changed && !untold.asked && client_.trusted_) continue;
    changed = false;
    publish = async::kForever;
    co_await client_.Publish(std::exchange(untold.asked, false));
  }
}

async::Task<void> OperatorSession::Close() {
  events_.Close();
  co_await streams_.Close(async::Context());
}

}  // namespace control
