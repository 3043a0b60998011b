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

constexpr std::string_view kFormat = "1";
constexpr std::size_t kLimit = std::size_t{8} << 20;

std::unexpected<base::Error> Failed(std::string_view what, const std::string& file) {
  return base::Fail(base::Kind::kInternal,
                    base::StrCat("cannot ", what, " ", file, ": ", std::strerror(errno)));
}

class DiscoveryFile final : public contracts::TextStore {
 public:
  explicit DiscoveryFile(std::string file) : file_(std::move(file)) {}
  async::Task<base::Result<std::string>> Read(const async::Context&) override {
    co_return base::ReadFile(file_, kLimit);
  }
  async::Task<base::Status> Write(const async::Context&, std::string text) override {
    co_return Replace(text);
  }
  std::string where() const override { return file_; }

 private:
  base::Status Replace(std::string_view text) const;
  const std::string file_;
};

// Written beside, then put in its place: a reader sees the old one or the new one.
base::Status DiscoveryFile::Replace(std::string_view text) const {
  const std::string scratch = base::StrCat(file_, ".", getpid(), ".tmp");
  const int fd = open(scratch.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return Failed("write", scratch);
  while (!text.empty()) {
    const ssize_t wrote = write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      const auto error = Failed("write", scratch);
      close(fd);
      unlink(scratch.c_str());
      return error;
    }
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  const bool synced = fsync(fd) == 0;
  close(fd);
  if (synced && rename(scratch.c_str(), file_.c_str()) == 0) return {};
  const auto error = Failed("write", file_);
  unlink(scratch.c_str());
  return error;
}

base::Result<RememberedAnswers> Decode(const std::string& text) {
  const auto bad = [&](std::string_view why) {
    return base::Fail(base::Kind::kInvalidArgument, std::string(why));
  };
  ASSIGN_OR_RETURN(const CloudEvent parsed, CloudEvent::Parse(text));
  if (parsed.Raw("format") != kFormat) return bad("unknown format");
  RememberedAnswers out;
  out.grpc = parsed.Raw("grpc") == "true";
  const auto read = [&](std::string_view key, std::optional<std::string>& to) {
    if (!parsed.Has(key)) return true;
    const auto encoded = parsed.String(key);
    if (encoded) to = base::Base64Decode(*encoded);
    return to.has_value();
  };
  if (!read("config", out.config) || !read("subscriptions", out.subscriptions)) {
    return bad("an answer is not base64");
  }
  return out;
}

std::string Encode(const RememberedAnswers& answers) {
  std::string text = base::StrCat(R"({"format":)", kFormat, R"(,"grpc":)", answers.grpc);
  if (answers.config) {
    base::StrAppend(text, R"(,"config":")", base::Base64Encode(*answers.config), '"');
  }
  if (answers.subscriptions) {
    base::StrAppend(text, R"(,"subscriptions":")", base::Base64Encode(*answers.subscriptions), '"');
  }
  text += "}\n";
  return text;
}

}  // namespace

std::string DiscoveryName(std::string_view app_id) {
  return base::StrCat(app_id, ".discovery.json");
}

base::Result<std::unique_ptr<contracts::TextStore>> OpenDiscoveryFile(const std::string& directory,
                                                                      const std::string& app_id) {
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return Failed("make the discovery cache's folder", directory);
  }
  // App-ids are names without dots; what else they may hold must not lead out of the folder.
  return std::make_unique<DiscoveryFile>(
      base::StrCat(directory, "/", DiscoveryName(base::PercentEncodeQuery(app_id))));
}

async::Task<base::Result<RememberedAnswers>> DiscoveryCache::Load(
    const async::Context& context) const {
  CO_ASSIGN_OR_RETURN(const std::string text, co_await store_->Read(context));
  auto answers = Decode(text);
  if (answers) co_return std::move(*answers);
  co_return base::Fail(
      base::Kind::kInvalidArgument,
      base::StrCat(where(), " is not what was written there: ", answers.error().message));
}

async::Task<base::Status> DiscoveryCache::Store(const async::Context& context,
                                                const RememberedAnswers& answers) const {
  return store_->Write(context, Encode(answers));
}

}  // namespace blocks::pubsub
