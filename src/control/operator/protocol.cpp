#include "control/operator/protocol.hpp"

#include "control/link/wire_writer.hpp"
#include "grpc/wire.hpp"

namespace control {
namespace {

using grpc::wire::Type;
using wire::AddText;

#define DAPR_OPERATOR "/dapr.proto.operator.v1.Operator/"
constexpr std::string_view kList[] = {
    DAPR_OPERATOR "ListComponents", DAPR_OPERATOR "ListSubscriptionsV2",
    DAPR_OPERATOR "ListHTTPEndpoints", DAPR_OPERATOR "ListResiliency",
    DAPR_OPERATOR "GetConfiguration"};
constexpr std::string_view kUpdate[] = {
    DAPR_OPERATOR "ComponentUpdate", DAPR_OPERATOR "SubscriptionUpdate",
    DAPR_OPERATOR "HTTPEndpointUpdate", DAPR_OPERATOR "ResiliencyUpdate",
    DAPR_OPERATOR "ConfigurationUpdate"};
#undef DAPR_OPERATOR

std::unexpected<base::Error> Malformed() {
  return base::Fail(base::Kind::kProtocol, "the operator sent a malformed message");
}

}  // namespace

std::string_view ListPath(ResourceKind kind) {
  return kList[IndexOf(kind)];
}

std::string_view UpdatePath(ResourceKind kind) {
  return kUpdate[IndexOf(kind)];
}

std::string ListRequest(ResourceKind kind, std::string_view name_space, std::string_view name) {
  std::string out;
  if (kind == ResourceKind::kConfiguration) {
    AddText(out, 1, name);
    AddText(out, 2, name_space);
  } else {
    AddText(out, kind == ResourceKind::kSubscription ? 2 : 1, name_space);
  }
  return out;
}

std::string UpdateRequest(std::string_view name_space) {
  std::string out;
  AddText(out, 1, name_space);
  return out;
}

base::Result<std::vector<std::string_view>> ReadList(std::string_view reply) {
  std::vector<std::string_view> out;
  grpc::wire::Reader reader(reply);
  while (reader.Next()) {
    if (reader.Is(1, Type::kBytes)) out.push_back(reader.bytes());
  }
  if (!reader.ok()) return Malformed();
  return out;
}

base::Result<ResourceEvent> ReadEvent(std::string_view message) {
  ResourceEvent out;
  grpc::wire::Reader reader(message);
  while (reader.Next()) {
    if (reader.Is(1, Type::kBytes)) out.object = reader.bytes();
    if (reader.Is(2, Type::kVarint) && reader.number() <= 3) {
      out.type = static_cast<EventType>(reader.number());
    }
  }
  if (!reader.ok()) return Malformed();
  return out;
}

}  // namespace control
