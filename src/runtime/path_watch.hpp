// Tells when what is in some files and folders may have changed, also when a folder is replaced, or
// reached by links one of which is swapped, as a mounted ConfigMap does. One thread.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace runtime {

class PathWatch {
 public:
  PathWatch();
  ~PathWatch();
  PathWatch(const PathWatch&) = delete;
  PathWatch& operator=(const PathWatch&) = delete;

  /// The files, and the folders of YAML files, that count from now on; they need not exist. True if
  /// these are others than before: what happened to them until now was not seen.
  bool Watch(std::vector<std::string> paths);
  /// Becomes readable when Changed should be called; -1 if the kernel gives no watch.
  int fd() const { return inotify_; }
  /// Takes what has happened so far; never blocks. False if none of it concerns the paths.
  bool Changed();
  /// How long the paths should be at rest before they are read: longer while a file is open that
  /// was written to, or a file is gone, which may be the first half of its replacement.
  std::chrono::milliseconds Pause() const;
  /// They have been read: what is gone is gone.
  void Read() { gone_.clear(); }
  /// From now on Unfinished looks at what happens. Call Changed first, to take what was before.
  void BeginReading();
  /// Whether what was read of this file since BeginReading may be a part of it only: a writer has
  /// it open, or it was changed in the meantime as of the latest call of Changed.
  bool Unfinished(const std::string& path) const;

 private:
  // What of a folder counts.
  struct Interest {
    bool documents = false;        // all YAML files
    std::set<std::string> names;   // files
    std::set<std::string> places;  // entries that lead to what is watched
  };
  void AddFolder(const std::string& path, const std::string& only);
  void AddPlace(const std::string& path);
  Interest* At(const std::string& folder, bool contents);
  bool Follow();
  bool Concerns(int folder, uint32_t mask, std::string_view name) const;

  const int inotify_;
  std::vector<std::string> paths_;
  std::map<int, Interest> folders_;     // by watch descriptor
  std::vector<std::string> real_;       // where the paths lead to
  std::map<std::string, int> watches_;  // of folders, by their real paths
  // By folder and name.
  std::map<std::pair<int, std::string>, std::chrono::steady_clock::time_point> writing_;
  std::optional<std::set<std::pair<int, std::string>>> touched_;  // since BeginReading; unset: any
  std::set<std::pair<int, std::string>> gone_;
};

}  // namespace runtime
