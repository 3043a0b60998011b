// Tells when what is in a folder may have changed, also when the folder itself is replaced, or
// reached by links one of which is swapped, as a mounted ConfigMap does. One thread.
#pragma once

#include <string>

namespace runtime {

class FolderWatch {
 public:
  explicit FolderWatch(std::string path);
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  /// Becomes readable when Changed should be called; -1 if the kernel gives no watch.
  int fd() const { return inotify_; }
  /// Takes what has happened so far; never blocks. False if none of it concerns the folder.
  bool Changed();

 private:
  bool Follow();

  const std::string path_;
  std::string parent_;
  int inotify_ = -1;
  int folder_ = -1;  // watch descriptors
  int parent_watch_ = -1;
  std::string real_path_;
};

}  // namespace runtime
