// Whatever a peer sends on CallLocalStream, in whatever pieces: no crash, and what comes out of the
// body goes in again unchanged.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "blocks/invoke/frames.hpp"
#include "blocks/invoke/internal_message.hpp"

namespace {

class Pieces final : public http::Body {
 public:
  Pieces(std::string_view data, std::size_t step) : data_(data), step_(step) {}
  Poll TryRead(std::string_view& chunk) override {
    if (data_.empty()) return Poll::kEnd;
    held_.assign(data_.substr(0, step_));
    data_.remove_prefix(held_.size());
    chunk = held_;
    return Poll::kChunk;
  }
  void OnReady(async::Waiter*) override {}

 private:
  std::string_view data_;
  std::string held_;
  std::size_t step_;
};

bool Drain(http::Body& body, std::string& out) {
  std::string_view chunk;
  while (true) {
    switch (body.TryRead(chunk)) {
      case http::Body::Poll::kChunk:
        out += chunk;
        break;
      case http::Body::Poll::kEnd:
        return true;
      default:
        return false;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, std::size_t size) {
  using namespace blocks::invoke;
  if (size == 0) return 0;
  const std::string_view data(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const std::size_t step = bytes[0] % 64 + 1;
  {
    Pieces wire(data, step);
    MessageSource source(wire, 4096, bytes[0] & 64);
    std::string_view message;
    if (source.Next(message) == MessageSource::Poll::kMessage) {
      const auto parsed = ParseStreamMessage(message);
      if (parsed) {
        if (parsed->head) {
          (void)DecodeRequest(*parsed->head);
          (void)DecodeResponse(*parsed->head);
        }
        PayloadBody body(source, parsed->data.value_or(std::string_view()), parsed->data ? 1 : 0,
                         bytes[0] & 128);
        std::string out;
        (void)Drain(body, out);
      }
    }
  }
  Pieces plain(data, step);
  std::string first;
  EndMessage(first, BeginMessage(first));
  FramedBody framed(std::move(first), &plain, 0);
  MessageSource source(framed, 1 << 20, false);
  PayloadBody body(source, {}, 0, true);
  std::string out;
  if (!Drain(body, out) || out != data) std::abort();
  return 0;
}
