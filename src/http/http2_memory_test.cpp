// What an idle connection costs.
#include "http/http2_memory.hpp"

#include <malloc.h>
#include <sys/mman.h>

#include "http/http2_test_util.hpp"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define DAPR_OWN_ALLOCATOR 1
#endif
#endif

namespace http {
namespace {
using namespace test;

#ifndef DAPR_OWN_ALLOCATOR  // a sanitizer's allocator does not tell
// Bytes allocated for each of `count` connections that has had an answer and rests. Their pages
// come beside the allocator.
std::size_t IdleBytes(Rig& rig, int count) {
  std::vector<RawPeer> peers;
  peers.reserve(static_cast<std::size_t>(count));
  const std::size_t before = mallinfo2().uordblks;
  for (int i = 0; i < count; ++i) {
    peers.push_back(RawPeer::Client(rig));
    peers.back().Send(MakeFrame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, 1, RequestFields()));
    EXPECT_EQ(peers.back().NextOf(NGHTTP2_DATA).payload, "hello");
  }
  rig.Settle();
  EXPECT_EQ(rig.core.connections.size(), static_cast<std::size_t>(count));
  const std::size_t after = mallinfo2().uordblks;
  return after > before ? (after - before) / static_cast<std::size_t>(count) : 0;
}

TEST(Http2Memory, AnIdleServerConnectionIsSmall) {
  Rig rig;
  rig.handler.now = [](Exchange& exchange) {
    exchange.Respond(ResponseHead{}, "hello");
    return true;
  };
  IdleBytes(rig, 10);  // pays for what a thread keeps
  const std::size_t each = IdleBytes(rig, 100);
  RecordProperty("bytes", static_cast<int>(each));
  EXPECT_LT(each, 9u * 1024);
}
#endif

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
