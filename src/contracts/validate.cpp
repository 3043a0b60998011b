#include <algorithm>

#include "base/duration.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "contracts/descriptor.hpp"

namespace contracts {

using base::StrCat;

namespace {

bool IsNumber(std::string_view text) {
  return base::ParseDouble(text).has_value();
}

// An empty value counts as not given, so it fits every type.
bool FitsType(FieldType type, std::string_view value) {
  value = base::Trim(value);
  switch (type) {
    case FieldType::kString:
    case FieldType::kBool:
      return true;  // every text that is not a word for true means false
    case FieldType::kNumber:
      return IsNumber(value);
    case FieldType::kDuration:
      return IsNumber(value) || base::ParseDuration(value).has_value();
    case FieldType::kByteSize:
      return base::ParseQuantity(value).has_value();
  }
  return true;
}

std::string_view Expectation(FieldType type) {
  switch (type) {
    case FieldType::kNumber:
      return "a number";
    case FieldType::kDuration:
      return "a duration such as 500ms, 20s or 1h";
    case FieldType::kByteSize:
      return "a size such as 64Ki or 4Mi";
    default:
      return "a text";
  }
}

bool Names(const Field& field, std::string_view name) {
  return base::EqualsIgnoreCase(field.name, name) ||
         std::ranges::any_of(field.aliases, [name](const std::string& alias) {
           return base::EqualsIgnoreCase(alias, name);
         });
}

const Field* FindField(const std::vector<Field>& fields, std::string_view name) {
  const auto it = std::ranges::find_if(fields, [name](const Field& f) { return Names(f, name); });
  return it == fields.end() ? nullptr : &*it;
}

base::Status CheckValue(const Field& field, const config::Properties::Entry& entry,
                        std::string_view where) {
  const std::string& value = entry.value;
  const std::string given = field.secret || entry.secret ? std::string("its value")
                                                         : StrCat("the value ", base::Quote(value));
  if (!FitsType(field.type, value)) {
    return base::Fail(base::Kind::kInvalidArgument,
                      StrCat(where, ": metadata field ", field.name, ": ", given,
                             " is not valid: give ", Expectation(field.type)));
  }
  const bool allowed = field.allowed.empty() ||
                       std::ranges::any_of(field.allowed, [value](const std::string& choice) {
                         return base::EqualsIgnoreCase(choice, base::Trim(value));
                       });
  if (!allowed) {
    return base::Fail(base::Kind::kInvalidArgument,
                      StrCat(where, ": metadata field ", field.name, ": ", given,
                             " is not valid: give one of ", base::Join(field.allowed, ", ")));
  }
  return {};
}

base::Status CheckRequired(const Field& field, const config::Properties& properties,
                           std::string_view where) {
  if (!field.required) return {};
  const bool given = std::ranges::any_of(properties.entries(), [&field](const auto& entry) {
    return Names(field, entry.name) && !entry.value.empty();
  });
  if (given) return {};
  return base::Fail(base::Kind::kInvalidArgument, StrCat(where, ": metadata field ", field.name,
                                                         " is required: add it to spec.metadata"));
}

}  // namespace

std::string_view FieldTypeName(FieldType type) {
  switch (type) {
    case FieldType::kString:
      return "string";
    case FieldType::kBool:
      return "bool";
    case FieldType::kNumber:
      return "number";
    case FieldType::kDuration:
      return "duration";
    case FieldType::kByteSize:
      return "bytesize";
  }
  return "string";
}

std::string_view StabilityName(Stability stability) {
  switch (stability) {
    case Stability::kStable:
      return "stable";
    case Stability::kBeta:
      return "beta";
    case Stability::kAlpha:
      return "alpha";
  }
  return "stable";
}

base::Result<Warnings> ValidateMetadata(const Descriptor& descriptor,
                                        std::string_view component_name,
                                        const config::Properties& properties,
                                        const std::vector<Field>& common) {
  const std::string where = StrCat("component ", component_name, " (", descriptor.type, ")");
  Warnings warnings;
  for (const config::Properties::Entry& entry : properties.entries()) {
    const Field* field = FindField(descriptor.fields, entry.name);
    if (!field) field = FindField(common, entry.name);
    if (!field) {
      warnings.push_back(StrCat(where, ": metadata field ", entry.name,
                                " is not known and has no effect: check its spelling"));
      continue;
    }
    if (!entry.value.empty()) RETURN_IF_ERROR(CheckValue(*field, entry, where));
  }
  for (const Field& field : descriptor.fields) {
    RETURN_IF_ERROR(CheckRequired(field, properties, where));
  }
  return warnings;
}

const std::vector<Field>& CommonFields(std::string_view type) {
  static const std::vector<Field> kNone;
  static const std::vector<Field> kState{
      {.name = "keyPrefix",
       .default_value = "appid",
       .description =
           "What stands before every key: `appid`, `name` (of the component), `namespace` "
           "(and app-id), `none`, or any other text."},
      {.name = "actorStateStore",
       .type = FieldType::kBool,
       .default_value = "false",
       .description = "Keep the state of actors and workflows here."},
      {.name = "primaryEncryptionKey",
       .secret = true,
       .description = "AES key as 32, 48 or 64 hexadecimal digits; values are encrypted with it."},
      {.name = "secondaryEncryptionKey",
       .secret = true,
       .description =
           "A key values may still be encrypted with, after the primary one was changed."},
      {.name = "outboxPublishPubsub",
       .description = "Pub/sub component that transactions are published to."},
      {.name = "outboxPublishTopic", .description = "Topic that transactions are published to."},
      {.name = "outboxPubsub",
       .description = "Pub/sub component of the outbox itself; `outboxPublishPubsub` if empty."},
      {.name = "outboxDiscardWhenMissingState",
       .type = FieldType::kBool,
       .default_value = "false",
       .description = "Drop an outbox message whose transaction is not found."}};
  static const std::vector<Field> kPubSub{
      {.name = "consumerID",
       .description =
           "The consumer group, the app-id if empty. `{appID}`, `{podName}`, `{uuid}` and "
           "`{namespace}` are filled in; with `{namespace}` the names of topics begin "
           "with the namespace as well."},
      {.name = "allowedTopics",
       .description = "The only topics apps may use, with commas between; all if empty."},
      {.name = "protectedTopics",
       .description = "Topics that only those apps may use whom a scope names."},
      {.name = "publishingScopes",
       .description = "Which topics an app may publish: `app1=topic1,topic2;app2=`."},
      {.name = "subscriptionScopes",
       .description = "Which topics an app may subscribe to, in the same form."}};
  if (base::StartsWithIgnoreCase(type, "state.")) return kState;
  return base::StartsWithIgnoreCase(type, "pubsub.") ? kPubSub : kNone;
}

}  // namespace contracts
