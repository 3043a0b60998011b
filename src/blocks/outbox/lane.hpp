// Lane: the outbox of one state store. Before a transaction each of its upserts is told to an
// internal topic, and the transaction gets a marker row for each. The lane listens to that topic
// itself: what has its marker is published where the app wants it, and then the marker goes.
//
// Nothing is lost: a transaction whose internal messages the broker did not take does not happen,
// and a message is only acknowledged when it has been published or its transaction has not
// happened. It may be published twice.
//
// Transactions come on any loop; the subscription lives on the home loop.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "async/gate.hpp"
#include "blocks/outbox/ledger.hpp"
#include "blocks/pubsub/publish.hpp"
#include "blocks/state/named_store.hpp"
#include "contracts/pubsub.hpp"
#include "telemetry/log.hpp"

namespace blocks::outbox {

/// How long is waited for what; tests are in a hurry.
struct Waits {
  async::Duration first{std::chrono::milliseconds(500)};  // between looks for a marker, then thrice
  async::Duration longest{std::chrono::seconds(3)};       // each time, up to this
  async::Duration total{std::chrono::seconds(10)};        // for all looks
  async::Duration subscription{std::chrono::seconds(5)};  // of a transaction for the topic
};

class Lane final : public state::TransactionHook, public contracts::MessageHandler {
 public:
  struct Options {
    std::string app_id;
    std::string app_namespace;
    std::string store_name;
    std::shared_ptr<contracts::StateStore> store;
    state::OutboxSettings settings;
    std::shared_ptr<const pubsub::PublishBlock> publish;  // of the two brokers in the settings
    telemetry::Log log{"dapr.outbox"};
    Waits waits;
  };
  explicit Lane(Options options);
  ~Lane() override;

  /// Begins to listen. Home loop. Await Close before destruction.
  void Start();
  /// What is being published has until the context ends. Home loop; may be called again.
  async::Task<void> Close(const async::Context& context);

  const std::string& topic() const { return topic_; }
  /// Whether a lane with these options would do the same.
  bool SameAs(const Options& other) const;

  // state::TransactionHook
  async::Task<base::Result<std::unique_ptr<Attempt>>> Begin(
      const contracts::Call& call, contracts::TransactionRequest& transaction) override;
  // contracts::MessageHandler
  async::Task<contracts::Verdict> Handle(const contracts::Call& call,
                                         contracts::Message message) override;
  async::Task<std::vector<contracts::Verdict>> HandleBatch(
      const contracts::Call& call, std::vector<contracts::Message> messages) override;

 private:
  class Visit;
  enum class Marker : uint8_t { kThere, kThereAsDocument, kMissing, kUnreadable };
  async::Task<void> Listen();
  async::Task<base::Status> Listening(const contracts::Call& call) const;
  async::Task<base::Status> Tell(const contracts::Call& call,
                                 contracts::TransactionRequest& transaction, Visit& visit);
  base::Result<const pubsub::NamedPubSub*> Broker() const;
  async::Task<contracts::Verdict> Forward(const contracts::Call& call, const std::string& id,
                                          const contracts::Message& message, bool as_document);
  async::Task<Marker> FindMarker(const contracts::Call& call, const std::string& id) const;
  async::Task<Marker> LookForMarker(const contracts::Call& call, const std::string& id) const;
  async::Task<bool> DeleteMarker(const contracts::Call& call, const std::string& id,
                                 bool as_document) const;
  contracts::Verdict Missing(const std::string& id, Progress progress, Marker marker) const;
  void Complain(std::string_view key, std::string_view text) const;

  const Options options_;
  const std::string topic_;
  const std::shared_ptr<Ledger> ledger_;
  std::atomic<bool> listening_{false};
  // Home loop.
  std::unique_ptr<contracts::Subscription> subscription_;
  async::Gate gate_;
};

}  // namespace blocks::outbox
