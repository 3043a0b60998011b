// librdkafka's objects as owners, and its codes as our errors. Only files of this folder include
// it.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace components::kafka {

template <auto kFree>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using EventPtr = std::unique_ptr<rd_kafka_event_t, Freed<rd_kafka_event_destroy>>;
using QueuePtr = std::unique_ptr<rd_kafka_queue_t, Freed<rd_kafka_queue_destroy>>;
using PartitionsPtr =
    std::unique_ptr<rd_kafka_topic_partition_list_t, Freed<rd_kafka_topic_partition_list_destroy>>;
using HeadersPtr = std::unique_ptr<rd_kafka_headers_t, Freed<rd_kafka_headers_destroy>>;
using ConfPtr = std::unique_ptr<rd_kafka_conf_t, Freed<rd_kafka_conf_destroy>>;
using ErrorPtr = std::unique_ptr<rd_kafka_error_t, Freed<rd_kafka_error_destroy>>;

/// What an error of librdkafka or of a broker means for policies.
base::Kind KindOf(rd_kafka_resp_err_t code);
/// "what: Broker: Message size too large (MSG_SIZE_TOO_LARGE)", with `detail` behind it if any.
base::Error ErrorOf(rd_kafka_resp_err_t code, std::string_view what, std::string_view detail = "");

}  // namespace components::kafka
