#include "blocks/pubsub/errors.hpp"

#include <map>
#include <string>

#include "base/strings.hpp"

namespace blocks::pubsub {

using base::Error;
using base::ErrorId;
using base::ErrorInfo;
using base::Kind;
using base::StrCat;

namespace {

using Details = std::map<std::string, std::string>;

Error Make(Kind kind, ErrorId id, std::string_view reason, std::string_view pubsub,
           std::string message, Details metadata) {
  Error error(kind, id, message);
  return std::move(error)
      .With(base::ResourceInfo{
          .type = "pubsub", .name = std::string(pubsub), .owner = {}, .description = message})
      .With(ErrorInfo{.reason = std::string(reason), .metadata = std::move(metadata)});
}

Details AppAnd(std::string_view app_id, std::string_view cause) {
  Details details{{"appID", std::string(app_id)}};
  if (!cause.empty()) details.emplace("error", cause);
  return details;
}

}  // namespace

Error NameEmpty() {
  return Make(Kind::kInvalidArgument, ErrorId::kPubsubNameEmpty, "DAPR_PUBSUB_NAME_EMPTY", "",
              "pubsub name is empty", {});
}

Error PubSubNotFound(std::string_view pubsub) {
  return Error(Kind::kNotFound, ErrorId::kPubsubNotFound,
               StrCat("pubsub ", pubsub, " is not found"))
      .With(ErrorInfo{.reason = "DAPR_PUBSUB_NOT_FOUND", .metadata = {}});
}

Error TopicEmpty(std::string_view pubsub) {
  return Make(Kind::kInvalidArgument, ErrorId::kPubsubTopicEmpty, "DAPR_PUBSUB_TOPIC_NAME_EMPTY",
              pubsub, StrCat("topic is empty in pubsub ", pubsub), {});
}

Error BadRawPayload(std::string_view pubsub, std::string_view value) {
  return Make(Kind::kInvalidArgument, ErrorId::kPubsubMetadata,
              "DAPR_PUBSUB_METADATA_DESERIALIZATION", pubsub,
              StrCat("failed deserializing metadata. Error: rawPayload value must be a valid "
                     "boolean: actual is '",
                     value, "'"),
              {{"rawPayload", std::string(value)}});
}

Error TopicForbidden(std::string_view pubsub, std::string_view topic, std::string_view app_id) {
  const std::string text = StrCat("topic ", topic, " is not allowed for app id ", app_id);
  return Make(Kind::kPermissionDenied, ErrorId::kPubsubForbidden, "DAPR_PUBSUB_FORBIDDEN", pubsub,
              text, {{"topic", std::string(topic)}, {"error", text}});
}

Error PublishFailed(std::string_view pubsub, std::string_view topic, const Error& cause) {
  return Make(
      cause.kind, ErrorId::kPubsubPublish, "DAPR_PUBSUB_PUBLISH_MESSAGE", pubsub,
      StrCat("error when publishing to topic ", topic, " in pubsub ", pubsub, ": ", cause.message),
      {{"topic", std::string(topic)}, {"error", cause.message}});
}

Error EnvelopeFailed(std::string_view pubsub, std::string_view app_id, std::string_view cause) {
  return Make(Kind::kInvalidArgument, ErrorId::kPubsubCloudEventCreation,
              "DAPR_PUBSUB_CLOUD_EVENT_CREATION", pubsub, "cannot create cloudevent",
              AppAnd(app_id, cause));
}

Error OutboxFailed(std::string_view app_id, const Error& cause) {
  return Error(Kind::kInternal, ErrorId::kPubsubOutbox,
               StrCat("error while publishing outbox message: ", cause.message))
      .With(ErrorInfo{.reason = "DAPR_PUBSUB_OUTBOX", .metadata = AppAnd(app_id, cause.message)});
}

Error BulkEventMismatch(std::string_view pubsub, std::string_view topic, std::string_view app_id,
                        std::string_view cause) {
  return Make(Kind::kInvalidArgument, ErrorId::kPubsubMarshalEnvelope,
              "DAPR_PUBSUB_MARSHAL_ENVELOPE", pubsub,
              StrCat("error when marshalling cloud event envelope for topic ", topic, " pubsub ",
                     pubsub, ": ", cause),
              AppAnd(app_id, cause));
}

Error BulkEntryIds(std::string_view pubsub, std::string_view topic, std::string_view app_id) {
  constexpr std::string_view kCause = "entryId is duplicated or not present for entry";
  return Make(Kind::kInvalidArgument, ErrorId::kPubsubMarshalEvents, "DAPR_PUBSUB_MARSHAL_EVENTS",
              pubsub,
              StrCat("error marshaling events to bytes for topic ", topic, " pubsub ", pubsub,
                     ". error: ", kCause),
              AppAnd(app_id, kCause));
}

Error BulkBodyMalformed(std::string_view pubsub, std::string_view topic, std::string_view app_id,
                        std::string_view cause) {
  return Make(Kind::kInvalidArgument, ErrorId::kPubsubUnmarshalEvents,
              "DAPR_PUBSUB_UNMARSHAL_EVENTS", pubsub,
              StrCat("error when unmarshaling the request for topic ", topic, " pubsub ", pubsub,
                     ": ", cause),
              AppAnd(app_id, cause));
}

}  // namespace blocks::pubsub
