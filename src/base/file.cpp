#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/strings.hpp"

namespace base {
namespace {

std::unexpected<Error> Failure(const std::string& path, int code) {
  Kind kind = Kind::kInternal;
  if (code == ENOENT || code == ENOTDIR) kind = Kind::kNotFound;
  if (code == EACCES || code == EPERM) kind = Kind::kPermissionDenied;
  return Fail(kind, StrCat("cannot read ", path, ": ", std::generic_category().message(code)));
}

}  // namespace

Result<std::string> ReadFile(const std::string& path, size_t limit) {
  // Without O_NONBLOCK, opening a pipe waits for its writer.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return Failure(path, errno);
  struct stat about{};
  if (::fstat(fd, &about) == 0 && !S_ISREG(about.st_mode)) {
    ::close(fd);
    return Fail(Kind::kInvalidArgument,
                StrCat("cannot read ", path,
                       S_ISDIR(about.st_mode) ? ": it is a folder" : ": it is no regular file",
                       "; give the path of a file"));
  }
  std::string out;
  for (;;) {
    const size_t had = out.size();
    out.resize(had + 16384);
    const ssize_t n = ::read(fd, out.data() + had, 16384);
    if (n < 0) {
      const int code = errno;
      out.resize(had);
      if (code == EINTR) continue;
      ::close(fd);
      return Failure(path, code);
    }
    out.resize(had + static_cast<size_t>(n));
    if (n == 0) break;
    if (out.size() > limit) {
      ::close(fd);
      return Fail(Kind::kTooLarge, StrCat("cannot read ", path, ": larger than ", limit, " bytes"));
    }
  }
  ::close(fd);
  return out;
}

}  // namespace base
