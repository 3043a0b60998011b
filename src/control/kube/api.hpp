// Api: requests to the Kubernetes API server over one HTTP/2 connection. Reads the token anew for
// each request and follows a changed certificate authority. One object a process, shared by all who
// need it; home loop only, outlives its users' tasks.
#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "async/task.hpp"
#include "async/wait.hpp"
#include "base/result.hpp"
#include "control/kube/access.hpp"
#include "http/client_set.hpp"
#include "net/resolver.hpp"

namespace control::kube {

class Api {
 public:
  /// `resolver` gives that of the current loop.
  Api(Access access, http::ClientSet& clients, std::function<net::Resolver&()> resolver);

  /// The object or list at `target` (path and query). Ends within 10 s. What the API refuses
  /// becomes kUnauthenticated (401), kPermissionDenied (403), kNotFound (404), kConflict (409),
  /// kPreconditionFailed (410: a resource version that is too old), kInvalidArgument (400, 422),
  /// kTooLarge (413), kExhausted (429) or kUnavailable (5xx); other failures are those of
  /// http::Client. Errors name method, path and the API's own words, never the token.
  async::Task<base::Result<boost::json::value>> Get(const async::Context& context,
                                                    std::string target);
  /// Server-side apply: makes the object or changes what `manager` owns of it, taking over from
  /// others. `path` without query; `body` is the object as JSON. Errors as for Get.
  async::Task<base::Status> Apply(const async::Context& context, std::string path,
                                  std::string manager, std::string body);
  /// A GET whose answer is a stream: waits at most 10 s for its head.
  async::Task<base::Result<http::Response>> Open(const async::Context& context, std::string target);

  /// Namespace of the own pod; empty if it is not known.
  const std::string& own_namespace() const { return access_.own_namespace; }

 private:
  struct Request {
    std::string method = "GET";
    std::string target;
    std::string content_type;
  };
  async::Task<base::Result<http::Response>> Send(const async::Context& context,
                                                 const Request& request, http::Body* body);
  base::Status Prepare();
  base::Result<std::string> Token() const;
  async::Task<base::Error> Refusal(const async::Context& context, const Request& request,
                                   http::Response response) const;

  const Access access_;
  http::ClientSet& clients_;
  std::function<net::Resolver&()> resolver_;
  http::Origin origin_;  // without address
  std::string ca_;       // what the origin's TLS trusts
  std::string authority_;
};

/// Whether asking again can only help after somebody has changed something: no right, no such API.
bool IsLasting(base::Kind kind);

}  // namespace control::kube
