#include "components/redis/reply.hpp"

#include "base/strings.hpp"

namespace components::redis {

using base::Kind;

base::Error ServerError(std::string_view text) {
  struct Known {
    std::string_view word;
    Kind kind;
    std::string_view mend;
  };
  static constexpr Known kKnown[] = {
      {"NOAUTH", Kind::kUnauthenticated, "set redisPassword (and redisUsername)"},
      {"WRONGPASS", Kind::kUnauthenticated, "check redisUsername and redisPassword"},
      {"NOPERM", Kind::kPermissionDenied, "the user's access control list does not allow this"},
      {"WRONGTYPE", Kind::kInvalidArgument, "the key holds something this component did not write"},
      {"CROSSSLOT", Kind::kInvalidArgument,
       "keys used together must share one slot of the cluster: use a {hash tag}"},
      {"TOOLARGE", Kind::kTooLarge, ""},
      {"OOM", Kind::kExhausted, "the server has reached its maxmemory"},
      {"MISCONF", Kind::kUnavailable, "the server cannot write to its disk and refuses writes"},
      {"READONLY", Kind::kUnavailable,
       "the server is a read-only replica; point redisHost at the "
       "master"},
      {"NOREPLICAS", Kind::kUnavailable, "the server has too few replicas in touch"},
      {"LOADING", Kind::kUnavailable, ""},
      {"MASTERDOWN", Kind::kUnavailable, ""},
      {"CLUSTERDOWN", Kind::kUnavailable, ""},
      {"TRYAGAIN", Kind::kUnavailable, ""},
      {"BUSY", Kind::kUnavailable, ""},
  };
  for (const Known& known : kKnown) {
    if (!text.starts_with(known.word)) continue;
    std::string message = base::StrCat("redis: ", text);
    if (!known.mend.empty()) base::StrAppend(message, " (", known.mend, ")");
    return base::Error(known.kind, std::move(message));
  }
  if (text.starts_with("ERR max number of clients")) {
    return base::Error(Kind::kUnavailable, base::StrCat("redis: ", text));
  }
  return base::Error(Kind::kInternal, base::StrCat("redis: ", text));
}

Refusal ClassifyRefusal(std::string_view text) {
  if (text.starts_with("MOVED ")) return Refusal::kMoved;
  if (text.starts_with("ASK ")) return Refusal::kAsk;
  // Servers before 7 wrap what a script ran into.
  if (text.starts_with("READONLY ") || text.find("-READONLY ") != std::string_view::npos) {
    return Refusal::kReadOnly;
  }
  for (std::string_view word : {"LOADING ", "TRYAGAIN ", "CLUSTERDOWN ", "MASTERDOWN "}) {
    if (text.starts_with(word)) return Refusal::kLater;
  }
  return Refusal::kFinal;
}

}  // namespace components::redis
