#include "runtime/folder_watch.hpp"

#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <utility>

namespace runtime {
namespace {

// IN_CREATE of a symbolic link and IN_MOVED_TO over one are how a mounted ConfigMap changes.
// IN_MODIFY tells of a file that is being written, whose contents are not to be relied on yet.
constexpr uint32_t kContents = IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_TO | IN_MOVED_FROM |
                               IN_DELETE | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr uint32_t kNames = IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE;

std::string Parent(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string RealPath(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(realpath(path.c_str(), nullptr), free);
  return real ? std::string(real.get()) : std::string();
}

}  // namespace

FolderWatch::FolderWatch(std::string path)
    : path_(std::move(path)),
      parent_(Parent(path_)),
      inotify_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  if (inotify_ < 0) return;
  parent_watch_ = inotify_add_watch(inotify_, parent_.c_str(), kNames | IN_MASK_ADD);
  Follow();
}

FolderWatch::~FolderWatch() {
  if (inotify_ >= 0) close(inotify_);
}

// Watches whatever the path leads to now. True if that is another folder than before.
bool FolderWatch::Follow() {
  std::string real = RealPath(path_);
  const int folder =
      real.empty() ? -1 : inotify_add_watch(inotify_, real.c_str(), kContents | IN_MASK_ADD);
  const bool other = folder != folder_ || real != real_path_;
  if (folder != folder_ && folder_ >= 0) inotify_rm_watch(inotify_, folder_);
  folder_ = folder;
  real_path_ = std::move(real);
  return other;
}

bool FolderWatch::Changed() {
  alignas(inotify_event) char events[4096];
  bool changed = false;
  while (true) {
    const ssize_t size = read(inotify_, events, sizeof events);
    if (size <= 0) break;
    for (ssize_t at = 0; at < size;) {
      inotify_event event;
      std::memcpy(&event, events + at, sizeof event);
      if (event.wd == folder_ || (event.mask & IN_Q_OVERFLOW)) changed = true;
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
  return Follow() || changed;
}

}  // namespace runtime
