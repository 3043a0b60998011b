// What a component declares at the broker: exchanges, queues and what binds them.
#pragma once

#include <string>
#include <vector>

#include "components/rabbitmq/codec.hpp"

namespace components::rabbitmq {

struct ExchangeSpec {
  std::string name;
  std::string kind = "fanout";
  bool durable = true;
  bool auto_delete = false;
};

struct QueueSpec {
  std::string name;
  bool durable = true;
  bool auto_delete = false;
  bool exclusive = false;
  Arguments arguments;
};

struct BindingSpec {
  std::string queue;
  std::string exchange;
  std::string routing_key;
};

/// Declared in this order.
struct Topology {
  std::vector<ExchangeSpec> exchanges;
  std::vector<QueueSpec> queues;
  std::vector<BindingSpec> bindings;
};

}  // namespace components::rabbitmq
