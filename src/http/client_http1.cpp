// One request of a client over HTTP/1.1.
#include "base/strings.hpp"
#include "http/client_impl.hpp"

namespace http {
namespace {
constexpr int kMaxInterim = 64;
}  // namespace

async::Task<base::Result<Response>> ClientImpl::SendHttp1(const async::Context& context,
                                                          const Origin& origin, RequestHead head,
                                                          Body* body, InterimObserver* interim) {
  if (closing_) co_return std::unexpected(ClientClosing());
  ClientPool& pool = PoolOf(origin);
  const InUse use(pool.users, &quiet_);
  Http1Request request;
  bool fresh = false;
  for (;;) {
    if (closing_) co_return std::unexpected(ClientClosing());
    if (!pool.http1.permits.TryAcquire()) {
      const async::Wake wake = co_await pool.http1.permits.Acquire(context);
      if (wake != async::Wake::kReady) {
        co_return std::unexpected(EndOfWait(wake, "waiting for a free connection to", pool.origin));
      }
    }
    Http1Permit permit(pool.http1);
    if (closing_) co_return std::unexpected(ClientClosing());
    std::unique_ptr<Http1ClientConnection> connection;
    if (!fresh) connection = pool.http1.TakeIdle();
    if (!connection) {
      fresh = true;
      CO_ASSIGN_OR_RETURN(auto tls, TlsOf(pool.origin));
      auto stream = co_await Connect(context, pool.origin, std::move(tls),
                                     loop_.After(options_.dial_timeout), closing_token_);
      if (!stream) co_return std::unexpected(std::move(stream).error());
      connection = std::make_unique<Http1ClientConnection>(pool.http1, std::move(*stream));
    }
    permit.PassOn();

    if (!request.ready) {
      request.bytes = StringPool::Take();
      auto status = request.Prepare(head, body);
      if (!status) co_return std::unexpected(std::move(status).error());
    }
    Response response;
    connection->Begin(std::move(request), body, response.head);
    int interims = 0;
    for (;;) {
      const auto step = connection->ReadHead();
      if (connection->request_error()) co_return std::unexpected(*connection->request_error());
      if (step == Http1ClientConnection::Step::kWait) {
        const async::Wake wake = co_await async::Readable(connection->stream->watch(), context);
        if (wake == async::Wake::kReady) continue;
        co_return std::unexpected(EndOfWait(wake, "awaiting a response from", pool.origin));
      }
      if (step == Http1ClientConnection::Step::kHead) {
        if (response.head.status >= 200) {
          const bool head_only = head.method == "HEAD";
          response.body =
              std::make_unique<Http1ResponseBody>(std::move(connection), response.head, head_only);
          co_return std::move(response);
        }
        if (response.head.status == 101 || ++interims > kMaxInterim) {
          co_return base::Fail(
              base::Kind::kProtocol,
              base::StrCat("unexpected interim response from ", pool.origin.address.ToString()));
        }
        if (interim) interim->OnInterim(response.head);
        connection->NextHead(response.head);
        continue;
      }
      if (step == Http1ClientConnection::Step::kBad) {
        co_return base::Fail(
            base::Kind::kProtocol,
            base::StrCat("bad response from ", pool.origin.address.ToString(), ": ",
                         connection->parser.fault().detail.empty()
                             ? "malformed head"
                             : connection->parser.fault().detail));
      }
      break;
    }
    // The peer closed without an answer. A kept connection may have been closed before the request
    // came; then a fresh one will do.
    auto again = fresh || connection->received() ? std::nullopt : connection->TakeRequest();
    const bool aborted = connection->pool() == nullptr;
    connection.reset();
    if (!again) {
      co_return base::Fail(base::Kind::kUnavailable,
                           aborted
                               ? std::string("the HTTP client is closing")
                               : base::StrCat("the connection to ", pool.origin.address.ToString(),
                                              " was closed before a response came"));
    }
    request = std::move(*again);
    fresh = true;
  }
}

}  // namespace http
