#include "base/random.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace base {
namespace {

void FromKernel(unsigned char* out, size_t size) {
  while (size > 0) {
    const ssize_t n = ::getrandom(out, size, 0);
    if (n < 0) {
      if (errno == EINTR) continue;
      std::abort();
    }
    out += n;
    size -= static_cast<size_t>(n);
  }
}

struct Buffer {
  std::array<unsigned char, 512> bytes;
  size_t used = sizeof bytes;
};
thread_local Buffer buffer;

// splitmix64: one add and three multiplications, and any seed is a good one.
struct Fast {
  uint64_t state;
  Fast() { FromKernel(reinterpret_cast<unsigned char*>(&state), sizeof state); }
};
thread_local Fast fast;

}  // namespace

void FillRandom(std::span<unsigned char> out) {
  if (out.size() > sizeof buffer.bytes) return FromKernel(out.data(), out.size());
  if (sizeof buffer.bytes - buffer.used < out.size()) {
    FromKernel(buffer.bytes.data(), buffer.bytes.size());
    buffer.used = 0;
  }
  unsigned char* from = buffer.bytes.data() + buffer.used;
  std::memcpy(out.data(), from, out.size());
  // What was handed out may be a key: it does not stay behind.
  std::memset(from, 0, out.size());
  buffer.used += out.size();
}

uint64_t FastRandom() {
  uint64_t z = fast.state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

uint64_t FastRandomBelow(uint64_t bound) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(FastRandom()) * bound) >> 64);
}

double FastRandomUnit() {
  return static_cast<double>(FastRandom() >> 11) * 0x1.0p-53;
}

Duration Jitter(Duration delay, double fraction) {
  const double factor = 1.0 + fraction * (2.0 * FastRandomUnit() - 1.0);
  const double ticks = std::max(0.0, static_cast<double>(delay.count()) * factor);
  return Duration(static_cast<Duration::rep>(ticks));
}

}  // namespace base
