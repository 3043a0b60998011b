#include "runtime/path_watch.hpp"

#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <memory>

namespace runtime {
namespace {

// IN_CREATE of a symbolic link and IN_MOVED_TO over one are how a mounted ConfigMap changes.
// IN_MODIFY tells of a file that is being written, whose contents are not to be relied on yet;
// IN_ATTRIB of one that may have become readable.
constexpr uint32_t kNames = IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB;
// Without IN_EXCL_UNLINK, writes to a file that was replaced would be told of under its old name.
constexpr uint32_t kContents =
    kNames | IN_CLOSE_WRITE | IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF | IN_EXCL_UNLINK;
// Of one that is changed without being opened (truncate), nobody tells when it is finished; nor
// does a writer that hangs ever finish.
constexpr std::chrono::seconds kLongestWrite(30);

std::string WithoutSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string Parent(const std::string& path) {
  const std::string clean = WithoutSlashes(path);
  const std::size_t slash = clean.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : clean.substr(0, slash);
}

std::string Name(const std::string& path) {
  const std::string clean = WithoutSlashes(path);
  return clean.substr(clean.rfind('/') + 1);
}

std::string RealPath(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(realpath(path.c_str(), nullptr), free);
  return real ? std::string(real.get()) : std::string();
}

bool IsFolder(const std::string& path) {
  struct stat info{};
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool IsDocument(std::string_view name) {
  return name.ends_with(".yaml") || name.ends_with(".yml");
}

}  // namespace

PathWatch::PathWatch() : inotify_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

PathWatch::~PathWatch() {
  if (inotify_ >= 0) close(inotify_);
}

bool PathWatch::Watch(std::vector<std::string> paths) {
  if (paths == paths_) return false;
  paths_ = std::move(paths);
  Follow();
  return true;
}

PathWatch::Interest* PathWatch::At(const std::string& folder, bool contents) {
  if (folder.empty()) return nullptr;
  const int watch =
      inotify_add_watch(inotify_, folder.c_str(), (contents ? kContents : kNames) | IN_MASK_ADD);
  if (watch < 0) return nullptr;
  if (contents) watches_[folder] = watch;
  return &folders_[watch];
}

// The folder itself may be replaced, as a link or as a whole.
void PathWatch::AddPlace(const std::string& path) {
  if (Interest* parent = At(Parent(path), false)) parent->places.insert(Name(path));
}

void PathWatch::AddFolder(const std::string& path, const std::string& only) {
  real_.push_back(RealPath(path));
  AddPlace(path);
  Interest* folder = At(real_.back(), true);
  if (!folder) return;
  if (only.empty()) {
    folder->documents = true;
  } else {
    folder->names.insert(only);
  }
}

// Watches whatever the paths lead to now. True if that is something else than before.
bool PathWatch::Follow() {
  if (inotify_ < 0) return false;
  const std::map<int, Interest> before = std::exchange(folders_, {});
  const std::vector<std::string> real = std::exchange(real_, {});
  watches_.clear();
  for (const std::string& path : paths_) {
    if (IsFolder(path)) {
      AddFolder(path, "");
      continue;
    }
    AddFolder(Parent(path), Name(path));
    const std::string target = RealPath(path);
    real_.push_back(target);
    if (!target.empty()) AddFolder(Parent(target), Name(target));
  }
  for (const auto& [watch, interest] : before) {
    if (!folders_.contains(watch)) inotify_rm_watch(inotify_, watch);
  }
  return real != real_;
}

bool PathWatch::Concerns(int folder, uint32_t mask, std::string_view name) const {
  const auto found = folders_.find(folder);
  if (found == folders_.end()) return false;
  const Interest& interest = found->second;
  if (name.empty()) return (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB)) != 0;
  const std::string text(name);
  if (interest.places.contains(text)) return (mask & kNames) != 0;
  if (!interest.documents && interest.names.empty()) return false;
  // Such as "..data", by which a mount's files are swapped.
  if (name.starts_with("..")) return true;
  return interest.names.contains(text) || (interest.documents && IsDocument(name));
}

void PathWatch::BeginReading() {
  touched_.emplace();
}

bool PathWatch::Unfinished(const std::string& path) const {
  // Whatever it was, it has been lost.
  if (!touched_) return true;
  const std::string target = RealPath(path);
  for (const auto& [folder, name] :
       {std::pair(RealPath(Parent(path)), Name(path)), std::pair(Parent(target), Name(target))}) {
    const auto watch = watches_.find(folder);
    if (watch == watches_.end()) continue;
    const std::pair<int, std::string> file(watch->second, name);
    if (writing_.contains(file) || touched_->contains(file)) return true;
  }
  return false;
}

std::chrono::milliseconds PathWatch::Pause() const {
  if (!writing_.empty()) return std::chrono::seconds(1);
  return std::chrono::milliseconds(gone_.empty() ? 10 : 100);
}

bool PathWatch::Changed() {
  alignas(inotify_event) char events[4096];
  bool changed = false;
  while (true) {
    const ssize_t size = read(inotify_, events, sizeof events);
    if (size <= 0) break;
    for (ssize_t at = 0; at < size;) {
      inotify_event event;
      std::memcpy(&event, events + at, sizeof event);
      // Filled up with zeros.
      const std::string_view name =
          event.len > 0 ? std::string_view(events + at + sizeof event) : std::string_view();
      at += static_cast<ssize_t>(sizeof event + event.len);
      if (event.mask & IN_Q_OVERFLOW) {
        changed = true;
        writing_.clear();
        touched_.reset();
        continue;
      }
      if (!Concerns(event.wd, event.mask, name)) continue;
      changed = true;
      const std::pair<int, std::string> file(event.wd, name);
      if (touched_) touched_->insert(file);
      if (event.mask & IN_MODIFY) {
        writing_[file] = std::chrono::steady_clock::now();
      } else if (event.mask & (IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE)) {
        writing_.erase(file);
      }
      if (event.mask & (IN_MOVED_FROM | IN_DELETE)) {
        gone_.insert(file);
      } else {
        gone_.erase(file);
      }
    }
  }
  if (Follow()) changed = true;
  const auto silent = std::chrono::steady_clock::now() - kLongestWrite;
  std::erase_if(writing_, [&](const auto& file) {
    if (file.second < silent) changed = true;
    return file.second < silent || !folders_.contains(file.first.first);
  });
  return changed;
}

}  // namespace runtime
