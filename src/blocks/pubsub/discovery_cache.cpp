#include "blocks/pubsub/discovery_cache.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/base64.hpp"
#include "base/file.hpp"
#include "base/go_json.hpp"
#include "base/strings.hpp"
#include "blocks/pubsub/cloud_event.hpp"

namespace blocks::pubsub {
namespace {

constexpr std::string_view kScheme = "file:";
constexpr std::string_view kFormat = "1";
constexpr std::size_t kLimit = std::size_t{8} << 20;

std::unexpected<base::Error> Failed(std::string_view what, const std::string& file) {
  return base::Fail(base::Kind::kInternal,
                    base::StrCat("cannot ", what, " ", file, ": ", std::strerror(errno)));
}

// App-ids are names without dots; what else they may hold must not lead out of the folder.
std::string FileName(std::string_view app_id) {
  return base::PercentEncodeQuery(app_id) + ".discovery.json";
}

}  // namespace

base::Result<DiscoveryCache> DiscoveryCache::Open(const std::string& where,
                                                  const std::string& app_id) {
  DiscoveryCache out;
  if (where.empty()) return out;
  const std::string directory =
      where.starts_with(kScheme) ? where.substr(kScheme.size()) : std::string();
  if (directory.empty()) {
    return base::Fail(
        base::Kind::kInvalidArgument,
        base::StrCat("discovery cache ", base::Quote(where), " is not of the form file:DIR"));
  }
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return Failed("make the discovery cache's folder", directory);
  }
  out.file_ = base::StrCat(directory, "/", FileName(app_id));
  return out;
}

base::Result<RememberedAnswers> DiscoveryCache::Load() const {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(file_, kLimit));
  const auto bad = [&](std::string_view why) {
    return base::Fail(base::Kind::kInvalidArgument,
                      base::StrCat(file_, " is not what was written there: ", why));
  };
  auto parsed = CloudEvent::Parse(text);
  if (!parsed) return bad(parsed.error().message);
  if (parsed->Raw("format") != kFormat) return bad("unknown format");
  RememberedAnswers out;
  out.grpc = parsed->Raw("grpc") == "true";
  const auto read = [&](std::string_view key, std::optional<std::string>& to) {
    if (!parsed->Has(key)) return true;
    const auto encoded = parsed->String(key);
    if (encoded) to = base::Base64Decode(*encoded);
    return to.has_value();
  };
  if (!read("config", out.config) || !read("subscriptions", out.subscriptions)) {
    return bad("an answer is not base64");
  }
  return out;
}

base::Status DiscoveryCache::Store(const RememberedAnswers& answers) const {
  std::string text = base::StrCat(R"({"format":)", kFormat, R"(,"grpc":)", answers.grpc);
  if (answers.config) {
    base::StrAppend(text, R"(,"config":")", base::Base64Encode(*answers.config), '"');
  }
  if (answers.subscriptions) {
    base::StrAppend(text, R"(,"subscriptions":")", base::Base64Encode(*answers.subscriptions), '"');
  }
  text += "}\n";
  // Written beside, then put in its place: a reader sees the old one or the new one.
  const std::string scratch = base::StrCat(file_, ".", getpid(), ".tmp");
  const int fd = open(scratch.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return Failed("write", scratch);
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t wrote = write(fd, rest.data(), rest.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      const auto error = Failed("write", scratch);
      close(fd);
      unlink(scratch.c_str());
      return error;
    }
    rest.remove_prefix(static_cast<std::size_t>(wrote));
  }
  const bool synced = fsync(fd) == 0;
  close(fd);
  if (synced && rename(scratch.c_str(), file_.c_str()) == 0) return {};
  const auto error = Failed("write", file_);
  unlink(scratch.c_str());
  return error;
}

}  // namespace blocks::pubsub
