// What an idle connection costs.
#include "http/http2_memory.hpp"

#include <sys/mman.h>

#include <cstring>
#include <fstream>

#include "http/http2_test_util.hpp"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define DAPR_OWN_ALLOCATOR 1
#endif
#endif

namespace http {
namespace {
using namespace test;

std::size_t ResidentBytes() {
  std::size_t pages = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * 4096;
}

// Bytes per connection after each of `count` has had an answer and rests.
std::size_t IdleBytes(Rig& rig, int count) {
  std::vector<RawPeer> peers;
  peers.reserve(static_cast<std::size_t>(count));
  const std::size_t before = ResidentBytes();
  for (int i = 0; i < count; ++i) {
    peers.push_back(RawPeer::Client(rig));
    peers.back().Send(MakeFrame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, 1, RequestFields()));
    EXPECT_EQ(peers.back().NextOf(NGHTTP2_DATA).payload, "hello");
  }
  const auto end = async::Clock::now() + milliseconds(1500);
  rig.RunUntil([&] { return async::Clock::now() > end; });
  EXPECT_EQ(rig.core.connections.size(), static_cast<std::size_t>(count));
  const std::size_t after = ResidentBytes();
  return after > before ? (after - before) / static_cast<std::size_t>(count) : 0;
}

TEST(Http2Memory, AnIdleServerConnectionIsSmall) {
#ifdef DAPR_OWN_ALLOCATOR
  GTEST_SKIP() << "the sanitizer's allocator does not tell";
#endif
  ServerOptions options;
  options.body_stall_timeout = milliseconds(100);  // looks at connections often
  Rig rig(options);
  rig.handler.now = [](Exchange& exchange) {
    exchange.Respond(ResponseHead{}, "hello");
    return true;
  };
  // The first round pays for what a thread keeps; the second may use what the first has freed.
  const std::size_t each = IdleBytes(rig, 300);
  RecordProperty("bytes", static_cast<int>(each));
  std::printf("an idle HTTP/2 server connection: %zu bytes\n", each);
  EXPECT_LT(each, 10u * 1024);
}

bool Resident(void* page) {
  unsigned char state = 0;
  EXPECT_EQ(mincore(page, Http2Page::kSize, &state), 0);
  return state & 1;
}

TEST(Http2Memory, PagesGoBackWhileTheyAreEmpty) {
  auto* page = static_cast<char*>(Http2Page::Take());
  ASSERT_NE(page, nullptr);
  page[100] = 1;
  Http2Page::Trim(page);
  EXPECT_EQ(page[100], 1) << "still in use";
  EXPECT_TRUE(Resident(page));
  page[100] = 0;
  Http2Page::Trim(page);
  EXPECT_FALSE(Resident(page));
  page[4095] = 1;
  Http2Page::Give(page);
  auto* again = static_cast<char*>(Http2Page::Take());
  EXPECT_EQ(std::string_view(again, Http2Page::kSize).find_first_not_of('\0'),
            std::string_view::npos);
  Http2Page::Give(again);
}

}  // namespace
}  // namespace http
