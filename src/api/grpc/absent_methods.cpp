// One row for each method whose building block is not there. A row goes when its block comes.
#include <array>
#include <string>

#include "api/grpc/method.hpp"
#include "base/strings.hpp"
#include "blocks/invoke/wire.hpp"
#include "dapr/proto/runtime/v1/configuration.pb.h"
#include "dapr/proto/runtime/v1/jobs.pb.h"
#include "dapr/proto/runtime/v1/lock.pb.h"
#include "dapr/proto/runtime/v1/pubsub.pb.h"

namespace api {
namespace {

namespace runtime = dapr::proto::runtime::v1;
namespace wire = blocks::invoke::wire;
using base::Error;
using base::ErrorId;
using base::ErrorInfo;
using base::Kind;
using base::StrCat;

struct AbsentMethod {
  std::string_view name;
  /// The error for one (the first) request message, which may be malformed.
  Error (*error)(const AppContext& app, std::string_view request);
  bool streaming = false;
};

// The first field of a message as text: in these requests the name of what is asked for.
std::string FirstText(std::string_view message) {
  wire::Reader reader(message);
  while (reader.Next()) {
    if (reader.Is(1, wire::Type::kBytes)) return std::string(reader.bytes());
  }
  return {};
}

template <class Request>
Request Parse(std::string_view bytes) {
  Request request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) request.Clear();
  return request;
}

Error NoPlacement(const AppContext&, std::string_view) {
  return Error(Kind::kUnavailable, ErrorId::kActorNoPlacement,
               "placement service is not configured");
}

Error NoBinding(const AppContext&, std::string_view request) {
  const std::string name = FirstText(request);
  return Error(Kind::kNotFound, ErrorId::kInvokeOutputBinding,
               StrCat("error invoking output binding ", name, ": couldn't find output binding ",
                      name))
      .With(ErrorInfo{.reason = "ERR_INVOKE_OUTPUT_BINDING", .metadata = {}});
}

Error NoConfiguration(const AppContext&, std::string_view) {
  return Error(Kind::kPreconditionFailed, ErrorId::kConfigurationStoreNotConfigured,
               "configuration stores not configured")
      .With(ErrorInfo{.reason = "ERR_CONFIGURATION_STORE_NOT_CONFIGURED", .metadata = {}});
}

Error NoLock(const AppContext&, std::string_view) {
  return Error(Kind::kPreconditionFailed, ErrorId::kLockStoresNotConfigured,
               "lock store is not configured");
}
Error NoTryLock(const AppContext& app, std::string_view bytes) {
  const auto request = Parse<runtime::TryLockRequest>(bytes);
  if (request.expiry_in_seconds() <= 0) {
    return Error(Kind::kInvalidArgument, ErrorId::kExpiryNotPositive,
                 StrCat("ExpiryInSeconds is not positive in lock store ", request.store_name()));
  }
  return NoLock(app, bytes);
}

Error NoCrypto(const AppContext&, std::string_view) {
  return Error(Kind::kPreconditionFailed, ErrorId::kCryptoProvidersNotConfigured,
               "crypto providers not configured");
}
Error NoSubtleCrypto(const AppContext&, std::string_view) {
  return Error(Kind::kUnimplemented, ErrorId::kApiUnimplemented,
               "this API is currently not implemented");
}
Error NoConversation(const AppContext&, std::string_view request) {
  return Error(Kind::kNotFound, ErrorId::kConversationNotFound,
               StrCat("failed finding conversation component ", FirstText(request)));
}

Error JobError(const AppContext& app, Kind kind, ErrorId id, std::string_view reason,
               std::string text) {
  return Error(kind, id, std::move(text))
      .With(ErrorInfo{.reason = std::string(reason),
                      .metadata = {{"appID", app.app_id}, {"namespace", app.app_namespace}}});
}
Error NoJobName(const AppContext& app) {
  return JobError(app, Kind::kInvalidArgument, ErrorId::kSchedulerJobNameEmpty,
                  "DAPR_SCHEDULER_JOB_NAME_EMPTY", "Name is empty");
}
constexpr std::string_view kNoScheduler = "scheduler is not configured";

Error NoScheduleJob(const AppContext& app, std::string_view bytes) {
  const auto request = Parse<runtime::ScheduleJobRequest>(bytes);
  if (!request.has_job()) {
    return JobError(app, Kind::kInvalidArgument, ErrorId::kSchedulerEmpty, "DAPR_SCHEDULER_EMPTY",
                    "Job is empty");
  }
  const runtime::Job& job = request.job();
  if (job.name().empty()) return NoJobName(app);
  if (job.schedule().empty() && job.due_time().empty()) {
    return JobError(app, Kind::kInvalidArgument, ErrorId::kSchedulerScheduleEmpty,
                    "DAPR_SCHEDULER_SCHEDULE_EMPTY", "Schedule is empty");
  }
  return JobError(app, Kind::kUnavailable, ErrorId::kSchedulerScheduleJob,
                  "DAPR_SCHEDULER_SCHEDULE_JOB",
                  StrCat("failed to schedule job due to: ", kNoScheduler));
}
Error NoGetJob(const AppContext& app, std::string_view request) {
  if (FirstText(request).empty()) return NoJobName(app);
  return JobError(app, Kind::kUnavailable, ErrorId::kSchedulerGetJob, "DAPR_SCHEDULER_GET_JOB",
                  StrCat("failed to get job due to: ", kNoScheduler));
}
Error NoDeleteJob(const AppContext& app, std::string_view request) {
  if (FirstText(request).empty()) return NoJobName(app);
  return JobError(app, Kind::kUnavailable, ErrorId::kSchedulerDeleteJob,
                  "DAPR_SCHEDULER_DELETE_JOB",
                  StrCat("failed to delete job due to: ", kNoScheduler));
}
Error NoDeleteJobs(const AppContext& app, std::string_view) {
  return JobError(app, Kind::kUnavailable, ErrorId::kSchedulerDeleteJob,
                  "DAPR_SCHEDULER_DELETE_JOB",
                  StrCat("failed to delete job due to: ", kNoScheduler));
}
Error NoListJobs(const AppContext& app, std::string_view) {
  return JobError(app, Kind::kUnavailable, ErrorId::kSchedulerListJobs, "DAPR_SCHEDULER_LIST_JOBS",
                  StrCat("failed to list jobs due to: ", kNoScheduler));
}

constexpr auto kMethods = std::to_array<AbsentMethod>({
    {"InvokeBinding", NoBinding},
    {"RegisterActorTimer", NoPlacement},
    {"UnregisterActorTimer", NoPlacement},
    {"RegisterActorReminder", NoPlacement},
    {"UnregisterActorReminder", NoPlacement},
    {"UnregisterActorRemindersByType", NoPlacement},
    {"ListActorReminders", NoPlacement},
    {"GetActorState", NoPlacement},
    {"GetActorReminder", NoPlacement},
    {"ExecuteActorStateTransaction", NoPlacement},
    {"InvokeActor", NoPlacement},
    {"SubscribeActorEventsAlpha1", NoPlacement, true},
    {"GetConfiguration", NoConfiguration},
    {"GetConfigurationAlpha1", NoConfiguration},
    {"SubscribeConfiguration", NoConfiguration, true},
    {"SubscribeConfigurationAlpha1", NoConfiguration, true},
    {"UnsubscribeConfiguration", NoConfiguration},
    {"UnsubscribeConfigurationAlpha1", NoConfiguration},
    {"TryLockAlpha1", NoTryLock},
    {"UnlockAlpha1", NoLock},
    {"EncryptAlpha1", NoCrypto, true},
    {"DecryptAlpha1", NoCrypto, true},
    {"SubtleGetKeyAlpha1", NoSubtleCrypto},
    {"SubtleEncryptAlpha1", NoSubtleCrypto},
    {"SubtleDecryptAlpha1", NoSubtleCrypto},
    {"SubtleWrapKeyAlpha1", NoSubtleCrypto},
    {"SubtleUnwrapKeyAlpha1", NoSubtleCrypto},
    {"SubtleSignAlpha1", NoSubtleCrypto},
    {"SubtleVerifyAlpha1", NoSubtleCrypto},
    {"StartWorkflowAlpha1", NoPlacement},
    {"GetWorkflowAlpha1", NoPlacement},
    {"PurgeWorkflowAlpha1", NoPlacement},
    {"TerminateWorkflowAlpha1", NoPlacement},
    {"PauseWorkflowAlpha1", NoPlacement},
    {"ResumeWorkflowAlpha1", NoPlacement},
    {"RaiseEventWorkflowAlpha1", NoPlacement},
    {"StartWorkflowBeta1", NoPlacement},
    {"GetWorkflowBeta1", NoPlacement},
    {"PurgeWorkflowBeta1", NoPlacement},
    {"TerminateWorkflowBeta1", NoPlacement},
    {"PauseWorkflowBeta1", NoPlacement},
    {"ResumeWorkflowBeta1", NoPlacement},
    {"RaiseEventWorkflowBeta1", NoPlacement},
    {"ScheduleJob", NoScheduleJob},
    {"ScheduleJobAlpha1", NoScheduleJob},
    {"GetJob", NoGetJob},
    {"GetJobAlpha1", NoGetJob},
    {"DeleteJob", NoDeleteJob},
    {"DeleteJobAlpha1", NoDeleteJob},
    {"DeleteJobsByPrefix", NoDeleteJobs},
    {"DeleteJobsByPrefixAlpha1", NoDeleteJobs},
    {"ListJobs", NoListJobs},
    {"ListJobsAlpha1", NoListJobs},
    {"ConverseAlpha1", NoConversation},
    {"ConverseAlpha2", NoConversation},
});

async::Task<grpc::UnaryReply> AnswerUnary(const AppContext& app, const AbsentMethod& row,
                                          std::string request) {
  co_return std::unexpected(Refuse(app, row.error(app, request)));
}

async::Task<grpc::CallStatus> AnswerStream(const AppContext& app, const AbsentMethod& row,
                                           grpc::ServerStream& stream) {
  auto first = co_await stream.Read();
  if (!first) {
    co_return std::unexpected(
        grpc::Status{grpc::CodeOfKind(first.error().kind), first.error().message, {}});
  }
  co_return std::unexpected(Refuse(app, row.error(app, *first ? **first : std::string())));
}

}  // namespace

void AddAbsentMethods(const Registrar& registrar) {
  const AppContext& app = registrar.app;
  for (const AbsentMethod& row : kMethods) {
    grpc::Method method;
    if (row.streaming) {
      method.stream = [&app, &row](grpc::ServerStream& stream) {
        return AnswerStream(app, row, stream);
      };
    } else {
      method.unary = [&app, &row](grpc::ServerCall&, std::string request) {
        return AnswerUnary(app, row, std::move(request));
      };
    }
    registrar.Add(row.name, std::move(method));
  }
}

}  // namespace api
