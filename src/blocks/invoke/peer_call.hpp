// One attempt to invoke an app through its own runtime: CallLocalStream, and CallLocal for runtimes
// that do not know it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "async/task.hpp"
#include "base/result.hpp"
#include "blocks/invoke/internal_message.hpp"
#include "blocks/invoke/types.hpp"
#include "http/client.hpp"

namespace blocks::invoke {

struct PeerCallOptions {
  http::Client* client = nullptr;
  http::Origin origin;  // of the peer's internal port
  std::string authority;
  CallNames names;
  std::size_t max_message = 4 * 1024 * 1024;
  /// The whole request body where it is known: then the call can be repeated. Lives until the
  /// response has been dropped.
  std::optional<std::string_view> whole_body;
};

/// The answer, with headers as the app gave them, or an error that is a gRPC status
/// (Error::remote()). `request` stays where it is until this returns.
async::Task<base::Result<InvokeResponse>> CallPeer(const contracts::Call& call,
                                                   const InvokeRequest& request,
                                                   const PeerCallOptions& options);

/// The gRPC status of a call that got no answer: what a gRPC library would say. The kind stays
/// kUnreachable where nothing was sent.
base::Error PeerFailure(const base::Error& error);

/// Names under which trailers of an HTTP app travel in the trailers of the stream.
inline constexpr std::string_view kTrailerPrefix = "dapr-trailer-";

}  // namespace blocks::invoke
