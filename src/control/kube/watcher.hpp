// Watcher: a list of objects of the Kubernetes API that keeps itself up to date: it is read whole,
// then followed by a watch; a watch that ends is opened again where it ended, and one that has
// fallen too far behind begins anew with the whole list. One task pulls; home loop.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <vector>

#include "control/kube/api.hpp"

namespace control::kube {

struct Change {
  enum class Kind : unsigned char {
    kAll,   // `objects` are all there are; what was known before is void
    kPut,   // one object is new or has changed
    kGone,  // one object, as it was last, is gone
  };
  Kind kind = Kind::kAll;
  std::vector<boost::json::value> objects;
};

class Watcher {
 public:
  /// `path` of a list ("/api/v1/namespaces/x/configmaps"); `selector` is empty or its query,
  /// encoded
  /// ("labelSelector=a%3Db"). `api` outlives the watcher.
  Watcher(Api& api, std::string path, std::string selector);

  /// The next change; the first one is kAll. An error means that the list cannot be read or
  /// followed now: call again, and the next try begins after a back-off of up to 10 s (a minute
  /// where only a change of rights can help: IsLasting). A watch that breaks is no error, and
  /// neither is a refusal after better times unless it lasts for half a minute: a server that has
  /// just started knows nobody's rights. kCanceled and kTimeout by the context.
  async::Task<base::Result<Change>> Next(const async::Context& context);

 private:
  struct Stream {
    http::Response response;
    std::string buffer;
    std::size_t scanned = 0;
  };
  enum class Event : unsigned char { kChange, kNothing, kTooOld, kBroken };

  async::Task<base::Result<Change>> ListAll(const async::Context& context);
  async::Task<base::Status> OpenStream(const async::Context& context);
  async::Task<base::Result<std::optional<std::string>>> NextLine(const async::Context& context);
  Event Read(const std::string& line, Change& change);
  void BackOff(bool lasting);
  bool Doubts(base::Kind refusal);

  Api& api_;
  const std::string path_;
  const std::string selector_;
  bool listed_ = false;
  std::string version_;
  std::optional<Stream> stream_;
  async::TimePoint opened_{};
  async::TimePoint ends_{};
  async::TimePoint retry_at_{};
  int failures_ = 0;
  bool served_ = false;
  async::TimePoint refused_since_ = async::kForever;
};

}  // namespace control::kube
