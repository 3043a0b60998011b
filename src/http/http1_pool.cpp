// The HTTP/1.1 connections of a client to one origin.
#include "http/http1_client.hpp"

namespace http {

Http1Pool::Http1Pool(const ClientOptions& options)
    : options(options), permits(options.max_connections) {}

Http1Pool::~Http1Pool() {
  AbortAll();
}

std::unique_ptr<Http1ClientConnection> Http1Pool::TakeIdle() {
  while (!idle_.empty()) {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    connection->OnReadable(nullptr);
    if (connection->stream->watch().hung_up()) continue;
    connection->BeginUse();
    return connection;
  }
  return nullptr;
}

void Http1Pool::Put(std::unique_ptr<Http1ClientConnection> connection) {
  connection->StopRequest();
  connection->in.Release();
  connection->Unlist();
  StringPool::Give(std::move(connection->request_.bytes));
  connection->request_ = {};
  if (!retired_ && connection->epoch_ == epoch_ && idle_.size() < options.max_idle_connections &&
      connection->QuietlyIdle()) {
    connection->idle_since_ = async::Loop::Current()->now();
    connection->OnReadable(&connection->idle_edge_);
    idle_.push_back(std::move(connection));
  } else {
    connection.reset();
  }
  Release();
}

void Http1Pool::Release() {
  async::Event* const event = quiet;
  permits.Release();
  if (event) event->Pulse();
}

void Http1Pool::DropIdle(Http1ClientConnection& connection) {
  for (auto at = idle_.begin(); at != idle_.end(); ++at) {
    if (at->get() != &connection) continue;
    auto dropped = std::move(*at);
    idle_.erase(at);
    return;
  }
}

void Http1Pool::CloseIdleSince(async::TimePoint time) {
  std::size_t old = 0;
  while (old < idle_.size() && idle_[old]->idle_since_ <= time) ++old;
  idle_.erase(idle_.begin(), idle_.begin() + static_cast<std::ptrdiff_t>(old));
}

void Http1Pool::Forget() {
  ++epoch_;
  idle_.clear();
}

void Http1Pool::Retire() {
  retired_ = true;
  idle_.clear();
}

void Http1Pool::AbortAll() {
  Retire();
  while (!in_use_.empty()) {
    Http1ClientConnection* const connection = in_use_.back();
    connection->Unlist();
    connection->pool_ = nullptr;
    connection->stream->Abort();
    Release();
  }
}

}  // namespace http
