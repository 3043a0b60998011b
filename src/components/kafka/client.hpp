// Client: one librdkafka object (a producer or a consumer), its events brought to a loop.
//
// librdkafka works on threads of its own and puts events into queues. A queue rings an eventfd when
// it stops being empty; the loop watches that, and whoever owns the client takes the events out.
// Nothing here blocks or polls. Belongs to the loop it was made on, but for what says otherwise.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "async/blocking_pool.hpp"
#include "async/wait.hpp"
#include "base/result.hpp"
#include "components/kafka/rdkafka.hpp"
#include "components/kafka/settings.hpp"

namespace components::kafka {

/// What queues ring and a coroutine hears.
class Bell {
 public:
  Bell();
  ~Bell();
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  /// `queue` rings from now on, until Detach or its end; it must not outlive the bell.
  void Attach(rd_kafka_queue_t* queue) const;
  static void Detach(rd_kafka_queue_t* queue);
  base::Status Open(async::Loop& loop);
  /// Forgets what rang so far: call it, look into all queues, then wait.
  void Clear();
  async::FdWait Rung(const async::Context& context) { return async::Readable(watch_, context); }
  /// Rings it ourselves. Any thread.
  void Ring() const;

 private:
  int fd_;
  async::FdWatch watch_;
};

/// What went wrong last between the client and the brokers, for errors that only say "no answer".
/// Any thread.
class Trouble {
 public:
  void Note(rd_kafka_resp_err_t code, std::string text);
  /// Empty if there was nothing of late.
  std::string Last() const;
  rd_kafka_resp_err_t code() const;

 private:
  mutable std::mutex mutex_;
  std::string text_;
  rd_kafka_resp_err_t code_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  async::TimePoint when_;
};

class Client {
 public:
  /// `options` come after the settings' own; `events` are RD_KAFKA_EVENT bits beyond errors and
  /// logs.
  static base::Result<std::unique_ptr<Client>> Make(rd_kafka_type_t type, const Settings& settings,
                                                    const Settings::Options& options, int events);
  /// Blocks until librdkafka's threads have ended; End does that elsewhere.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Any thread.
  rd_kafka_t* get() const { return rk_; }
  rd_kafka_queue_t* queue() const { return queue_.get(); }
  Bell& bell() { return bell_; }
  /// Any thread.
  const Trouble& trouble() const { return trouble_; }
  /// An error after which this client does nothing more.
  rd_kafka_resp_err_t fatal() const { return fatal_; }

  /// Errors and log lines, which all clients have. False if the event is something else.
  bool ServeCommon(rd_kafka_event_t* event);

  /// Destroys the client on a thread of its own kind. Every event and queue of it must be gone.
  /// Without brokers librdkafka needs as long as a session for that, so it is waited for only a
  /// while; the rest goes on behind, touching nothing of ours.
  static async::Task<void> End(std::unique_ptr<Client> client);

 private:
  Client(const Settings& settings) : component_(settings.component) {}  // NOLINT
  void ServeLog(rd_kafka_event_t* event) const;
  void ServeError(rd_kafka_event_t* event);

  const std::string component_;
  rd_kafka_t* rk_ = nullptr;
  QueuePtr queue_;
  Bell bell_;
  Trouble trouble_;
  rd_kafka_resp_err_t fatal_ = RD_KAFKA_RESP_ERR_NO_ERROR;
};

/// Success when a broker answers before `limit`. Runs on `pool`.
async::Task<base::Status> AwaitBroker(const Client& client, const Settings& settings,
                                      async::BlockingPool& pool, const async::Context& context);

}  // namespace components::kafka
