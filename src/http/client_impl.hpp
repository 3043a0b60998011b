// The client: pools by origin and what keeps them (client.cpp), and the way of one request over
// either protocol (client_http1.cpp, client_http2.cpp). Private to http/. Loop's thread only.
#pragma once

#include <memory>
#include <unordered_map>

#include "http/client_pool.hpp"

namespace http {

class ClientImpl final : public Client {
 public:
  ClientImpl(async::Loop& loop, const ClientOptions& options)
      : loop_(loop), options_(options), sweep_(this) {}

  async::Task<base::Result<Response>> Send(const async::Context& context, const Origin& origin,
                                           RequestHead head, Body* body,
                                           InterimObserver* interim) override {
    return origin.protocol == Protocol::kHttp2
               ? SendHttp2(context, origin, std::move(head), body, interim)
               : SendHttp1(context, origin, std::move(head), body, interim);
  }
  void Forget(const Origin& origin) override;
  void RenewTls(const std::function<bool(const Origin&)>& which) override;
  std::size_t connections() const override;
  async::Task<void> Close(const async::Context& context) override;

 private:
  struct Sweep : async::Timer {
    explicit Sweep(ClientImpl* client) : client(client) {
      set_callback([](async::Timer* timer) { static_cast<Sweep*>(timer)->client->SweepIdle(); });
    }
    ClientImpl* client;
  };

  ClientPool& PoolOf(const Origin& origin);
  void SweepIdle();
  static void Retire(ClientPool& pool);
  static void DropClosed(ClientPool& pool);
  bool Quiet() const;

  async::Task<base::Result<Response>> SendHttp1(const async::Context& context, const Origin& origin,
                                                RequestHead head, Body* body,
                                                InterimObserver* interim);
  async::Task<base::Result<Response>> SendHttp2(const async::Context& context, const Origin& origin,
                                                RequestHead head, Body* body,
                                                InterimObserver* interim);
  async::Task<base::Result<ClientPool::Http2*>> PickHttp2(const async::Context& context,
                                                          ClientPool& pool);
  async::Task<void> DialHttp2(ClientPool& pool);
  struct Dialed {
    base::Status status;
    bool again = false;  // another try may succeed at once
  };
  async::Task<Dialed> DialOnce(ClientPool& pool, async::TimePoint until);

  async::Loop& loop_;
  const ClientOptions options_;
  std::unordered_map<Origin, std::unique_ptr<ClientPool>, OriginHash> pools_;
  ClientPool* last_ = nullptr;  // most calls go where the one before went
  bool closing_ = false;
  async::CancelToken closing_token_;  // canceled when closing begins; for dials
  async::Event quiet_;
  async::Gate gate_;
  Sweep sweep_;
};

}  // namespace http
