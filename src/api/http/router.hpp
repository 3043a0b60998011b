// The routes of the HTTP API, one row a route, and the look-up that finds the row for a request. A
// path is cleaned for the look-up only; invocation gets its bytes as they came. Immutable after
// construction; any thread; matching allocates nothing unless the path needs cleaning.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/app_context.hpp"

namespace api {

enum class Op : uint8_t {
  kInvoke,  // the catch-all
  kGetState,
  kDeleteState,
  kSaveState,
  kBulkGetState,
  kStateTransaction,
  kQueryState,
  kPublish,
  kBulkPublish,
  kInvokeBinding,
  kGetConfiguration,
  kSubscribeConfiguration,
  kUnsubscribeConfiguration,
  kGetBulkSecret,
  kGetSecret,
  kTryLock,
  kUnlock,
  kEncrypt,
  kDecrypt,
  kSubtleCrypto,
  kGetWorkflow,
  kStartWorkflow,
  kWorkflowAction,
  kScheduleJob,
  kGetJob,
  kDeleteJob,
  kConverse,
  kGetMetadata,
  kPutMetadata,
  kShutdown,
  kActor,
  kHealthz,
  kHealthzOutbound,
  kCount,
};

enum Method : uint8_t { kGet = 1, kPost = 2, kPut = 4, kDelete = 8 };
enum Version : uint8_t { kV1 = 1, kAlpha1 = 2, kAlpha2 = 4, kBeta1 = 8 };

struct Route {
  Op op;
  uint8_t methods;
  uint8_t versions;
  std::string_view
      pattern;            // after the version: "state/{storeName}/{key}"; a last "*" takes the rest
  std::string_view name;  // for API logs that hide URLs
  std::string_view group;  // in allow and deny rules
};

/// Every route but the catch-all.
std::span<const Route> Routes();
/// The catch-all: any other method and path.
const Route& InvokeRoute();

/// What a request matched. The parameters point into the path given to Match or into this object,
/// so it stays where it is.
class RouteMatch {
 public:
  RouteMatch() = default;
  RouteMatch(const RouteMatch&) = delete;
  RouteMatch& operator=(const RouteMatch&) = delete;

  const Route& route() const { return *route_; }
  Op op() const { return route_->op; }
  std::size_t size() const { return count_; }
  /// A parameter as it stands in the path, by its place in the pattern.
  std::string_view raw(std::size_t i) const { return i < count_ ? params_[i] : std::string_view(); }

 private:
  friend class Router;
  static constexpr std::size_t kMaxParams = 3;
  const Route* route_ = &InvokeRoute();
  std::array<std::string_view, kMaxParams> params_;
  uint8_t count_ = 0;
  std::string cleaned_;
};

class Router {
 public:
  /// Routes that the rules do not allow are absent: their paths fall to the catch-all.
  Router(const std::vector<ApiRule>& allowed, const std::vector<ApiRule>& denied);

  /// `path` is the request's, without query, not decoded; it outlives `match`.
  void Match(std::string_view method, std::string_view path, RouteMatch& match) const;
  /// False if the rules deny service invocation itself.
  bool invoke_allowed() const { return invoke_allowed_; }

 private:
  bool MatchClean(uint8_t method, std::string_view path, RouteMatch& match) const;
  std::vector<uint8_t> versions_;  // of each route, those that are allowed
  bool invoke_allowed_ = true;
};

}  // namespace api
