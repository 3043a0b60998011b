#include <gtest/gtest.h>

#include "components/pubsub/rabbitmq/descriptor.hpp"
#include "contracts/descriptor_docs_test.hpp"

namespace components::pubsub::rabbitmq {
namespace {

TEST(Descriptor, DocsAreCurrent) {
  contracts::ExpectDocsAreCurrent(Descriptor());
}

}  // namespace
}  // namespace components::pubsub::rabbitmq
