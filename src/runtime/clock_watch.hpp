// Tells when somebody sets the wall clock: a step of NTP, a virtual machine that goes on after a
// pause. Costs nothing in between. Used by the IdentityBook, on the home loop.
#pragma once

#include <functional>

#include "async/task.hpp"
#include "async/wait.hpp"

namespace runtime {

/// Calls `was_set` on the current loop after each time, until the context ends. Returns at once
/// where the kernel cannot tell.
async::Task<void> WatchClock(const async::Context context, std::function<void()> was_set);

}  // namespace runtime
