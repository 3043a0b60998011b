// Host names for librdkafka, which asks on threads of its own that may block.
#pragma once

#include <librdkafka/rdkafka.h>

namespace components::kafka {

/// Makes clients of `conf` ask net::Resolver in place of the C library's name services, which would
/// load shared libraries into a static program.
void UseOwnResolver(rd_kafka_conf_t* conf);

}  // namespace components::kafka
