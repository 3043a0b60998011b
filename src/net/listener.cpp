#include "net/listener.hpp"

#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/strings.hpp"
#include "net/bind.hpp"
#include "net/errno_text.hpp"

namespace net {
namespace {

// After so many the other connections of the loop get their turn.
constexpr int kBatch = 128;
constexpr async::Duration kFirstPause = std::chrono::milliseconds(50);
constexpr async::Duration kLongestPause = std::chrono::seconds(1);
constexpr async::Duration kQuiet = std::chrono::minutes(1);

}  // namespace

Listener::Edge::Edge(Listener* listener)
    : Waiter([](Waiter* waiter) { static_cast<Edge*>(waiter)->listener->AcceptBatch(); }),
      listener(listener) {}

Listener::Pause::Pause(Listener* listener)
    : Timer([](Timer* timer) { static_cast<Pause*>(timer)->listener->AcceptBatch(); }),
      listener(listener) {}

Listener::Listener(Socket socket) : socket_(std::move(socket)), address_(LocalAddress(socket_)) {
  struct stat file;
  if (address_.is_unix() && lstat(address_.ip().c_str(), &file) == 0) {
    file_device_ = file.st_dev;
    file_inode_ = file.st_ino;
  }
}

base::Status Listener::Start(async::Loop& loop, OnAccept on_accept, OnWarning on_warning) {
  if (!watch_.Open(loop, socket_.fd())) {
    const int error = errno;
    return base::Fail(ErrnoKind(error), base::StrCat("cannot accept on ", address_.ToString(), ": ",
                                                     ErrnoText(error)));
  }
  loop_ = &loop;
  on_accept_ = std::move(on_accept);
  on_warning_ = std::move(on_warning);
  // Not at once: the caller's own start-up is still on the stack.
  watch_.OnReadable(&edge_);
  return {};
}

void Listener::Stop() {
  if (gone_) *std::exchange(gone_, nullptr) = true;
  pause_.Cancel();
  watch_.Close();
  if (!socket_) return;
  if (const ino_t inode = std::exchange(file_inode_, 0); inode != 0) {
    struct stat file;
    const std::string path = address_.ip();
    if (lstat(path.c_str(), &file) == 0 && file.st_dev == file_device_ && file.st_ino == inode) {
      unlink(path.c_str());
    }
  }
  socket_.Close();
}

void Listener::Warn(const std::string& text) {
  if (loop_->now() < quiet_until_) return;
  quiet_until_ = loop_->After(kQuiet);
  if (on_warning_) on_warning_(base::StrCat("cannot accept on ", address_.ToString(), ": ", text));
}

void Listener::AcceptBatch() {
  bool gone = false;
  gone_ = &gone;
  // The callbacks stay usable if one of them destroys the listener.
  const OnAccept on_accept = on_accept_;
  for (int i = 0; i < kBatch; ++i) {
    Socket accepted(accept4(socket_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    int error = accepted ? 0 : errno;
    if (accepted) {
      auto stream = Stream::Open(*loop_, std::move(accepted));
      if (stream) {
        back_off_ = {};
        on_accept(std::move(*stream));
        if (gone) return;
        continue;
      }
      error = ENOMEM;
    }
    if (error == EAGAIN) {
      gone_ = nullptr;
      watch_.OnReadable(&edge_);
      return;
    }
    if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
      back_off_ = std::clamp(back_off_ * 2, kFirstPause, kLongestPause);
      loop_->timers().Arm(pause_, loop_->After(back_off_));
      Warn(base::StrCat(ErrnoText(error), "; raise the limit of open files (ulimit -n)"));
      if (!gone) gone_ = nullptr;
      return;
    }
    if (error == EBADF || error == EINVAL || error == ENOTSOCK) {
      Warn(ErrnoText(error));
      if (!gone) gone_ = nullptr;
      return;
    }
    // Anything else is the failure of one connection (reset while waiting, refused by a firewall).
  }
  gone_ = nullptr;
  loop_->timers().Arm(pause_, loop_->now());
}

}  // namespace net
