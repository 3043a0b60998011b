// One row for each operation whose building block is not there. A row goes when its block comes.
#include <array>
#include <optional>
#include <string>

#include "api/http/handlers.hpp"
#include "base/go_json.hpp"
#include "base/json_scan.hpp"
#include "base/strings.hpp"
#include "telemetry/baggage.hpp"

namespace api {
namespace {

using base::Error;
using base::ErrorId;
using base::ErrorInfo;
using base::Kind;
using base::StrCat;

// What a body of JSON must be before anything else is looked at.
enum class Json : uint8_t { kNotRead, kOptional, kRequired };

struct AbsentRow {
  Op op;
  Json body;
  Error (*error)(HttpCall& call, std::string_view body);
};

Error Malformed(std::string_view cause) {
  return Error(Kind::kInvalidArgument, ErrorId::kMalformedRequest,
               StrCat("failed deserializing HTTP body: ", cause));
}
Error NoPlacement() {
  return Error(Kind::kUnavailable, ErrorId::kActorNoPlacement,
               "placement service is not configured");
}
Error NoConfiguration() {
  return Error(Kind::kPreconditionFailed, ErrorId::kConfigurationStoreNotConfigured,
               "configuration stores not configured");
}
Error NoBinding(HttpCall& call, std::string_view) {
  return Error(Kind::kNotFound, ErrorId::kInvokeOutputBinding,
               StrCat("error invoking output binding ", call.Param(0),
                      ": couldn't find output binding ", call.Param(0)));
}

// The member `name` of an object, or nothing. Not recursive; the text is valid JSON.
std::optional<std::string> Member(std::string_view json, std::string_view name) {
  // Compact first: keys then stand directly after a brace or comma at depth one.
  const auto compact = base::CompactLikeGo(json, false);
  if (!compact || !compact->starts_with('{')) return std::nullopt;
  std::string wanted;
  base::AppendJsonString(wanted, name);
  const std::string& text = *compact;
  int depth = 0;
  bool key = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      std::size_t end = i + 1;
      while (text[end] != '"') end += text[end] == '\\' ? 2 : 1;
      if (depth == 1 && key && std::string_view(text).substr(i, end + 1 - i) == wanted) {
        std::size_t stop = end + 2;
        int inner = 0;
        for (bool quoted = false; stop < text.size(); ++stop) {
          const char d = text[stop];
          if (quoted) {
            if (d == '\\') ++stop;
            if (d == '"') quoted = false;
            continue;
          }
          if (d == '"') quoted = true;
          if (d == '{' || d == '[') ++inner;
          if (inner == 0 && (d == ',' || d == '}')) break;
          if (d == '}' || d == ']') --inner;
        }
        return text.substr(end + 2, stop - end - 2);
      }
      i = end;
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (c == ':') key = false;
    if (c == ',' || c == '{') key = true;
  }
  return std::nullopt;
}
// The member under either of its protobuf names; null is absent.
std::optional<std::string> Member(std::string_view json, std::string_view name,
                                  std::string_view other) {
  auto value = Member(json, name);
  if (!value) value = Member(json, other);
  if (value == "null") return std::nullopt;
  return value;
}
bool IsText(const std::optional<std::string>& value) {
  return value && *value != "\"\"";
}

Error NoLock(HttpCall& call, std::string_view body) {
  if (call.match().op() == Op::kTryLock) {
    const auto expiry = Member(body, "expiryInSeconds", "expiry_in_seconds");
    std::string_view digits = expiry ? std::string_view(*expiry) : std::string_view("0");
    if (digits.size() > 2 && digits.front() == '"') digits = digits.substr(1, digits.size() - 2);
    if (base::ParseInt(digits).value_or(0) <= 0) {
      return Error(Kind::kInvalidArgument, ErrorId::kExpiryNotPositive,
                   StrCat("ExpiryInSeconds is not positive in lock store ", call.Param(0)));
    }
  }
  return Error(Kind::kPreconditionFailed, ErrorId::kLockStoresNotConfigured,
               "lock store is not configured");
}

bool IsInstanceIdChar(char c) {
  return base::IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         c == '-';
}
Error NoWorkflowStart(HttpCall& call, std::string_view) {
  const std::string id = call.Query("instanceID").value_or("");
  if (id.size() > 64) {
    return Error(Kind::kInvalidArgument, ErrorId::kInstanceIdTooLong,
                 "workflow instance ID exceeds the max length of 64 characters");
  }
  if (id.find_first_of('\0') != std::string::npos ||
      std::string_view(id).end() != std::find_if_not(std::string_view(id).begin(),
                                                     std::string_view(id).end(),
                                                     IsInstanceIdChar)) {
    return Error(Kind::kInvalidArgument, ErrorId::kInvalidInstanceId,
                 StrCat("workflow instance ID '", id,
                        "' is invalid: only alphanumeric and underscore characters are allowed"));
  }
  return NoPlacement();
}

Error JobError(HttpCall& call, Kind kind, ErrorId id, std::string_view reason, std::string text) {
  return Error(kind, id, std::move(text))
      .With(ErrorInfo{
          .reason = std::string(reason),
          .metadata = {{"appID", call.app().app_id}, {"namespace", call.app().app_namespace}}});
}
constexpr std::string_view kNoScheduler = "scheduler is not configured";
Error NoScheduleJob(HttpCall& call, std::string_view body) {
  if (IsText(Member(body, "name", "name"))) {
    return JobError(call, Kind::kInvalidArgument, ErrorId::kSchedulerJobName,
                    "DAPR_SCHEDULER_JOB_NAME", "Set the job name in the url only");
  }
  if (!IsText(Member(body, "schedule", "schedule")) &&
      !IsText(Member(body, "dueTime", "due_time"))) {
    return JobError(call, Kind::kInvalidArgument, ErrorId::kSchedulerScheduleEmpty,
                    "DAPR_SCHEDULER_SCHEDULE_EMPTY", "Schedule is empty");
  }
  return JobError(call, Kind::kUnavailable, ErrorId::kSchedulerScheduleJob,
                  "DAPR_SCHEDULER_SCHEDULE_JOB",
                  StrCat("failed to schedule job due to: ", kNoScheduler));
}

const auto kRows = std::to_array<AbsentRow>({
    {Op::kInvokeBinding, Json::kRequired, NoBinding},
    {Op::kGetConfiguration, Json::kNotRead,
     [](HttpCall&, std::string_view) { return NoConfiguration(); }},
    {Op::kSubscribeConfiguration, Json::kNotRead,
     [](HttpCall&, std::string_view) { return NoConfiguration(); }},
    {Op::kUnsubscribeConfiguration, Json::kNotRead,
     [](HttpCall&, std::string_view) { return NoConfiguration(); }},
    {Op::kTryLock, Json::kOptional, NoLock},
    {Op::kUnlock, Json::kOptional, NoLock},
    {Op::kEncrypt, Json::kNotRead,
     [](HttpCall&, std::string_view) {
       return Error(Kind::kPreconditionFailed, ErrorId::kCryptoProvidersNotConfigured,
                    "crypto providers not configured");
     }},
    {Op::kDecrypt, Json::kNotRead,
     [](HttpCall&, std::string_view) {
       return Error(Kind::kPreconditionFailed, ErrorId::kCryptoProvidersNotConfigured,
                    "crypto providers not configured");
     }},
    {Op::kSubtleCrypto, Json::kNotRead,
     [](HttpCall&, std::string_view) {
       return Error(Kind::kUnimplemented, ErrorId::kApiUnimplemented,
                    "this API is currently not implemented");
     }},
    {Op::kGetWorkflow, Json::kNotRead, [](HttpCall&, std::string_view) { return NoPlacement(); }},
    {Op::kStartWorkflow, Json::kNotRead, NoWorkflowStart},
    {Op::kWorkflowAction, Json::kNotRead,
     [](HttpCall&, std::string_view) { return NoPlacement(); }},
    {Op::kScheduleJob, Json::kOptional, NoScheduleJob},
    {Op::kGetJob, Json::kNotRead,
     [](HttpCall& call, std::string_view) {
       return JobError(call, Kind::kUnavailable, ErrorId::kSchedulerGetJob,
                       "DAPR_SCHEDULER_GET_JOB",
                       StrCat("failed to get job due to: ", kNoScheduler));
     }},
    {Op::kDeleteJob, Json::kNotRead,
     [](HttpCall& call, std::string_view) {
       return JobError(call, Kind::kUnavailable, ErrorId::kSchedulerDeleteJob,
                       "DAPR_SCHEDULER_DELETE_JOB",
                       StrCat("failed to delete job due to: ", kNoScheduler));
     }},
    {Op::kConverse, Json::kOptional,
     [](HttpCall& call, std::string_view) {
       return Error(Kind::kNotFound, ErrorId::kConversationNotFound,
                    StrCat("failed finding conversation component ", call.Param(0)));
     }},
    {Op::kActor, Json::kNotRead, [](HttpCall&, std::string_view) { return NoPlacement(); }},
});

const AbsentRow* RowFor(Op op) {
  for (const AbsentRow& row : kRows) {
    if (row.op == op) return &row;
  }
  return nullptr;
}

// A protobuf body is an object.
std::optional<Error> Check(Json rule, std::string_view body) {
  if (rule == Json::kOptional && body.empty()) return std::nullopt;
  if (auto valid = base::CheckJson(body); !valid) {
    return Malformed(body.empty() ? "EOF" : valid.error().message);
  }
  const std::size_t first = body.find_first_not_of(" \t\r\n");
  if (body[first] != '{') return Malformed("the body is not a JSON object");
  return std::nullopt;
}

}  // namespace

async::Task<void> AnswerAbsent(HttpCall& call) {
  const AbsentRow* row = RowFor(call.match().op());
  if (!row) {
    co_return call.Fail(Error(Kind::kUnimplemented, ErrorId::kApiUnimplemented,
                              "this API is currently not implemented"));
  }
  std::string body;
  if (row->body != Json::kNotRead) {
    auto read = co_await call.ReadJson();
    if (!read) co_return call.Fail(Malformed(read.error().message));
    body = *std::move(read);
    if (auto bad = Check(row->body, body)) co_return call.Fail(*bad);
  }
  call.Fail(row->error(call, body));
}

}  // namespace api
