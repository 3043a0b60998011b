#include "runtime/clock_watch.hpp"

#include <sys/timerfd.h>

#include <cerrno>
#include <cstdint>

#include "async/loop.hpp"
#include "net/socket.hpp"

namespace runtime {

async::Task<void> WatchClock(const async::Context context, std::function<void()> was_set) {
  const net::Socket timer(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC));
  async::FdWatch edge;
  if (!timer || !edge.Open(*async::Loop::Current(), timer.fd())) co_return;
  // In the year 2242; the timer is cancelled when the clock is set, which makes it readable.
  itimerspec never{};
  never.it_value.tv_sec = int64_t{1} << 33;
  for (bool set = false;; set = true) {
    edge.set_readable(false);
    const int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
    // An error tells of a time that the clock was set while the timer did not look.
    if (timerfd_settime(timer.fd(), flags, &never, nullptr) != 0 && errno == ECANCELED) set = true;
    if (set) was_set();
    if (co_await async::Readable(edge, context) != async::Wake::kReady) co_return;
    uint64_t times = 0;
    [[maybe_unused]] const auto ignored = read(timer.fd(), &times, sizeof(times));
  }
}

}  // namespace runtime
