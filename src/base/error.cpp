#include "base/error.hpp"

namespace base {

std::string_view KindName(Kind kind) {
  switch (kind) {
    case Kind::kInternal:
      return "internal";
    case Kind::kInvalidArgument:
      return "invalid argument";
    case Kind::kNotFound:
      return "not found";
    case Kind::kConflict:
      return "conflict";
    case Kind::kInvalidEtag:
      return "invalid etag";
    case Kind::kAlreadyExists:
      return "already exists";
    case Kind::kTimeout:
      return "timeout";
    case Kind::kCanceled:
      return "canceled";
    case Kind::kUnavailable:
      return "unavailable";
    case Kind::kUnreachable:
      return "unreachable";
    case Kind::kUnauthenticated:
      return "unauthenticated";
    case Kind::kPermissionDenied:
      return "permission denied";
    case Kind::kExhausted:
      return "exhausted";
    case Kind::kUnimplemented:
      return "unimplemented";
    case Kind::kPreconditionFailed:
      return "precondition failed";
    case Kind::kTooLarge:
      return "too large";
    case Kind::kProtocol:
      return "protocol error";
  }
  return "internal";
}

Error::Extra& Error::extra() {
  if (!extra_) {
    extra_ = std::make_shared<Extra>();
  } else if (extra_.use_count() > 1) {
    auto copy = std::make_shared<Extra>();
    copy->details = extra_->details;
    if (extra_->remote) copy->remote = std::make_unique<RemoteStatus>(*extra_->remote);
    extra_ = std::move(copy);
  }
  return *extra_;
}

Error& Error::With(ErrorDetail detail) & {
  extra().details.push_back(std::move(detail));
  return *this;
}
Error&& Error::With(ErrorDetail detail) && {
  With(std::move(detail));
  return std::move(*this);
}
const std::vector<ErrorDetail>& Error::details() const {
  static const std::vector<ErrorDetail> kNoDetails;
  return extra_ ? extra_->details : kNoDetails;
}
Error& Error::WithRemote(RemoteStatus status) & {
  extra().remote = std::make_unique<RemoteStatus>(std::move(status));
  return *this;
}
Error&& Error::WithRemote(RemoteStatus status) && {
  WithRemote(std::move(status));
  return std::move(*this);
}
const RemoteStatus* Error::remote() const {
  return extra_ ? extra_->remote.get() : nullptr;
}

}  // namespace base
