#include "api/grpc/access.hpp"

#include <algorithm>
#include <array>

#include "base/strings.hpp"

namespace api {
namespace {

struct Row {
  std::string_view method;
  std::string_view group;
};

// Sorted by method.
constexpr auto kRows = std::to_array<Row>({
    {"BulkPublishEvent", "publish.v1"},
    {"BulkPublishEventAlpha1", "publish.v1alpha1"},
    {"ConverseAlpha1", "conversation.v1alpha1"},
    {"ConverseAlpha2", "conversation.v1alpha2"},
    {"DecryptAlpha1", "crypto.v1alpha1"},
    {"DeleteBulkState", "state.v1"},
    {"DeleteJob", "jobs.v1"},
    {"DeleteJobAlpha1", "jobs.v1alpha1"},
    {"DeleteJobsByPrefix", "jobs.v1"},
    {"DeleteJobsByPrefixAlpha1", "jobs.v1alpha1"},
    {"DeleteState", "state.v1"},
    {"EncryptAlpha1", "crypto.v1alpha1"},
    {"ExecuteActorStateTransaction", "actors.v1"},
    {"ExecuteStateTransaction", "state.v1"},
    {"GetActorReminder", "actors.v1"},
    {"GetActorState", "actors.v1"},
    {"GetBulkSecret", "secrets.v1"},
    {"GetBulkState", "state.v1"},
    {"GetConfiguration", "configuration.v1"},
    {"GetConfigurationAlpha1", "configuration.v1alpha1"},
    {"GetJob", "jobs.v1"},
    {"GetJobAlpha1", "jobs.v1alpha1"},
    {"GetMetadata", "metadata.v1"},
    {"GetSecret", "secrets.v1"},
    {"GetState", "state.v1"},
    {"GetWorkflowAlpha1", "workflows.v1alpha1"},
    {"GetWorkflowBeta1", "workflows.v1beta1"},
    {"InvokeActor", "actors.v1"},
    {"InvokeBinding", "bindings.v1"},
    {"InvokeService", "invoke.v1"},
    {"ListActorReminders", "actors.v1"},
    {"ListJobs", "jobs.v1"},
    {"ListJobsAlpha1", "jobs.v1alpha1"},
    {"PauseWorkflowAlpha1", "workflows.v1alpha1"},
    {"PauseWorkflowBeta1", "workflows.v1beta1"},
    {"PublishEvent", "publish.v1"},
    {"PurgeWorkflowAlpha1", "workflows.v1alpha1"},
    {"PurgeWorkflowBeta1", "workflows.v1beta1"},
    {"QueryStateAlpha1", "state.v1alpha1"},
    {"RaiseEventWorkflowAlpha1", "workflows.v1alpha1"},
    {"RaiseEventWorkflowBeta1", "workflows.v1beta1"},
    {"RegisterActorReminder", "actors.v1"},
    {"RegisterActorTimer", "actors.v1"},
    {"ResumeWorkflowAlpha1", "workflows.v1alpha1"},
    {"ResumeWorkflowBeta1", "workflows.v1beta1"},
    {"SaveState", "state.v1"},
    {"ScheduleJob", "jobs.v1"},
    {"ScheduleJobAlpha1", "jobs.v1alpha1"},
    {"SetMetadata", "metadata.v1"},
    {"Shutdown", "shutdown.v1"},
    {"StartWorkflowAlpha1", "workflows.v1alpha1"},
    {"StartWorkflowBeta1", "workflows.v1beta1"},
    {"SubscribeActorEventsAlpha1", "actors.v1alpha1"},
    {"SubscribeConfiguration", "configuration.v1"},
    {"SubscribeConfigurationAlpha1", "configuration.v1alpha1"},
    {"SubscribeTopicEventsAlpha1", "subscribe.v1alpha1"},
    {"SubtleDecryptAlpha1", "subtlecrypto.v1alpha1"},
    {"SubtleEncryptAlpha1", "subtlecrypto.v1alpha1"},
    {"SubtleGetKeyAlpha1", "subtlecrypto.v1alpha1"},
    {"SubtleSignAlpha1", "subtlecrypto.v1alpha1"},
    {"SubtleUnwrapKeyAlpha1", "subtlecrypto.v1alpha1"},
    {"SubtleVerifyAlpha1", "subtlecrypto.v1alpha1"},
    {"SubtleWrapKeyAlpha1", "subtlecrypto.v1alpha1"},
    {"TerminateWorkflowAlpha1", "workflows.v1alpha1"},
    {"TerminateWorkflowBeta1", "workflows.v1beta1"},
    {"TryLockAlpha1", "lock.v1alpha1"},
    {"UnlockAlpha1", "unlock.v1alpha1"},
    {"UnregisterActorReminder", "actors.v1"},
    {"UnregisterActorRemindersByType", "actors.v1"},
    {"UnregisterActorTimer", "actors.v1"},
    {"UnsubscribeConfiguration", "configuration.v1"},
    {"UnsubscribeConfigurationAlpha1", "configuration.v1alpha1"},
});
static_assert(kRows.size() == 72);
static_assert(std::ranges::is_sorted(kRows, {}, &Row::method));

bool Names(const ApiRule& rule, std::string_view group) {
  return rule.protocol == "grpc" && base::StrCat(rule.name, ".", rule.version) == group;
}

}  // namespace

std::string_view GroupOfMethod(std::string_view method) {
  const auto row = std::ranges::lower_bound(kRows, method, {}, &Row::method);
  return row != kRows.end() && row->method == method ? row->group : std::string_view();
}

bool IsMethodAllowed(const AppContext& app, std::string_view method) {
  const std::string_view group = GroupOfMethod(method);
  const auto names = [group](const ApiRule& rule) { return Names(rule, group); };
  if (std::ranges::any_of(app.denied, names)) return false;
  const bool all = std::ranges::none_of(
      app.allowed, [](const ApiRule& rule) { return rule.protocol == "grpc"; });
  return all || std::ranges::any_of(app.allowed, names);
}

}  // namespace api
