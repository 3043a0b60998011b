#include "control/operator/cache.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/go_json.hpp"
#include "base/strings.hpp"

namespace control {
namespace {

constexpr std::size_t kLimit = std::size_t{64} << 20;

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

std::unexpected<base::Error> Failed(std::string_view what, const std::string& path) {
  const base::Kind kind = errno == ENOENT ? base::Kind::kNotFound : base::Kind::kInternal;
  return base::Fail(kind, base::StrCat("cannot ", what, " ", path, ": ", std::strerror(errno)));
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

bool ReadAll(int fd, std::string& out) {
  char buffer[16384];
  while (out.size() <= kLimit) {
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) return true;
    out.append(buffer, static_cast<std::size_t>(got));
  }
  errno = EFBIG;
  return false;
}

// Only the user of the process may get at it.
bool IsPrivate(const struct stat& entry) {
  return entry.st_uid == geteuid() && (entry.st_mode & 077) == 0;
}

// App-ids and namespaces are plain names; nothing in one may lead elsewhere.
std::string Safe(std::string_view name) {
  std::string out;
  for (const char c : name) out += c == '/' || c == '\\' || c == '\0' ? '_' : c;
  return out.empty() || out.front() == '.' ? "_" + out : out;
}

}  // namespace

ResourceCache::ResourceCache(std::string directory, std::string app_namespace, std::string app_id,
                             std::string configuration)
    : directory_(std::move(directory)),
      app_id_(std::move(app_id)),
      configuration_(std::move(configuration)) {
  if (directory_.empty()) return;
  folder_ = base::StrCat(directory_, "/", Safe(app_namespace));
  name_ = Safe(app_id_) + ".resources";
  file_ = base::StrCat(folder_, "/", name_);
}

std::string ResourceCache::Header() const {
  std::string out = R"({"format":1,"appId":)";
  base::AppendJsonString(out, app_id_);
  out += R"(,"configuration":)";
  base::AppendJsonString(out, configuration_);
  return out + "}";
}

base::Result<int> ResourceCache::OpenFolder(bool make) const {
  if (make) {
    for (const std::string& path : {directory_, folder_}) {
      if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return Failed("make", path);
    }
  }
  const int fd = open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return Failed("open", folder_);
  struct stat entry{};
  if (fstat(fd, &entry) == 0 && IsPrivate(entry)) return fd;
  close(fd);
  return base::Fail(base::Kind::kPermissionDenied,
                    base::StrCat(folder_, " must belong to the user of this process (", geteuid(),
                                 ") and have mode 0700, because secrets are kept in it"));
}

base::Result<ResourceSet> ResourceCache::Load() const {
  ASSIGN_OR_RETURN(const int folder_fd, OpenFolder(false));
  const Fd folder(folder_fd);
  const Fd file(openat(folder.get(), name_.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (file.get() < 0) return Failed("open", file_);
  struct stat entry{};
  std::string text;
  if (fstat(file.get(), &entry) != 0 || !ReadAll(file.get(), text)) return Failed("read", file_);
  const auto bad = [&](std::string_view why) {
    return base::Fail(base::Kind::kInvalidArgument, base::StrCat(file_, " cannot be used: ", why));
  };
  if (!S_ISREG(entry.st_mode) || !IsPrivate(entry)) {
    return bad("it must belong to the user of this process and have mode 0600");
  }
  std::vector<std::string_view> lines = base::SplitView(text, '\n');
  if (lines.size() < 3 || !lines.back().empty()) return bad("it is cut off");
  lines.pop_back();
  if (lines.front() != Header()) {
    return bad("it is of another app, Configuration or format");
  }
  if (lines.back() != base::StrCat("end ", lines.size() - 2)) return bad("it is cut off");
  ResourceSet out;
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
    const std::size_t space = lines[i].find(' ');
    bool known = false;
    for (const ResourceKind kind : kResourceKinds) {
      if (space == std::string_view::npos || lines[i].substr(0, space) != KindName(kind)) continue;
      auto manifest = ReadManifest(kind, lines[i].substr(space + 1));
      if (!manifest) return bad("one of its lines is no manifest");
      out.Put(kind, *std::move(manifest));
      known = true;
    }
    if (!known) return bad("it holds an unknown kind");
  }
  return out;
}

base::Status ResourceCache::Store(const ResourceSet& set) const {
  std::string text = Header() + "\n";
  std::size_t count = 0;
  for (const ResourceKind kind : kResourceKinds) {
    for (const auto& [name, manifest] : set.of(kind)) {
      base::StrAppend(text, KindName(kind), " ", manifest.json, "\n");
      ++count;
    }
  }
  base::StrAppend(text, "end ", count, "\n");
  ASSIGN_OR_RETURN(const int folder_fd, OpenFolder(true));
  const Fd folder(folder_fd);
  // Written beside, then put in its place: a reader sees the old one or the new one.
  const std::string scratch = base::StrCat(name_, ".", getpid(), ".tmp");
  unlinkat(folder.get(), scratch.c_str(), 0);
  bool written = false;
  {
    const Fd file(openat(folder.get(), scratch.c_str(),
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file.get() < 0) return Failed("write", file_);
    written = WriteAll(file.get(), text) && fsync(file.get()) == 0;
  }
  if (written && renameat(folder.get(), scratch.c_str(), folder.get(), name_.c_str()) == 0) {
    fsync(folder.get());
    return {};
  }
  const auto error = Failed("write", file_);
  unlinkat(folder.get(), scratch.c_str(), 0);
  return error;
}

}  // namespace control
