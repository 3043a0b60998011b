#include "net/errno_text.hpp"

#include <cerrno>
#include <cstring>

#include "base/strings.hpp"

namespace net {

std::string ErrnoText(int error_number) {
  const char* text = ::strerrordesc_np(error_number);
  if (!text) return base::StrCat("errno ", error_number);
  std::string out = text;
  // "No route to host" starts lower in a sentence, "RPC ..." does not.
  if (out.size() > 1 && !(out[1] >= 'A' && out[1] <= 'Z')) out[0] = base::LowerChar(out[0]);
  return out;
}

base::Kind ErrnoKind(int error_number) {
  switch (error_number) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return base::Kind::kExhausted;
    case EACCES:
    case EPERM:
      return base::Kind::kPermissionDenied;
    case ETIMEDOUT:
      return base::Kind::kTimeout;
    default:
      return base::Kind::kUnavailable;
  }
}

}  // namespace net
