#include "components/rabbitmq/frame_reader.hpp"

#include "base/strings.hpp"

namespace components::rabbitmq {

using base::Kind;
using base::StrCat;

namespace {

constexpr char kEndMark = '\xCE';
constexpr std::size_t kHead = 7;
// A buffer that has grown beyond this is given back once it is empty.
constexpr std::size_t kKeep = 32 * 1024;

uint32_t Big(std::string_view bytes) {
  uint32_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

}  // namespace

void FrameReader::Feed(std::string_view bytes) {
  if (begin_ == buffer_.size()) {
    if (buffer_.capacity() > kKeep && bytes.size() <= kKeep) buffer_ = std::string();
    buffer_.clear();
    begin_ = 0;
  } else if (begin_ > 0) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  buffer_.append(bytes);
}

base::Result<bool> FrameReader::Next(Frame& frame) {
  const std::string_view rest = std::string_view(buffer_).substr(begin_);
  // A broker that speaks another version answers with its protocol header.
  if (rest.starts_with("AMQP")) {
    return base::Fail(Kind::kProtocol, "the broker does not speak AMQP 0-9-1");
  }
  if (rest.size() < kHead) return false;
  const auto type = static_cast<unsigned char>(rest[0]);
  if (type != 1 && type != 2 && type != 3 && type != 8) {
    return base::Fail(Kind::kProtocol,
                      StrCat("what arrived is no AMQP frame (type ", static_cast<int>(type),
                             "): is this the port of an AMQP broker, and its TLS as configured?"));
  }
  const std::size_t size = Big(rest.substr(3, 4));
  if (size + kFrameOverhead > max_frame_) {
    return base::Fail(Kind::kProtocol, StrCat("a frame of ", size, " bytes is over the limit of ",
                                              max_frame_, " that was agreed on"));
  }
  if (rest.size() < size + kFrameOverhead) return false;
  if (rest[kHead + size] != kEndMark) {
    return base::Fail(Kind::kProtocol, "a frame ends without its end mark");
  }
  frame.type = static_cast<FrameType>(type);
  frame.channel = static_cast<uint16_t>(Big(rest.substr(1, 2)));
  frame.payload = rest.substr(kHead, size);
  begin_ += size + kFrameOverhead;
  return true;
}

void AppendFrameHead(std::string& out, FrameType type, uint16_t channel, std::size_t size) {
  const char head[kHead] = {static_cast<char>(type),       static_cast<char>(channel >> 8),
                            static_cast<char>(channel),    static_cast<char>(size >> 24),
                            static_cast<char>(size >> 16), static_cast<char>(size >> 8),
                            static_cast<char>(size)};
  out.append(head, sizeof head);
}

void AppendFrameEnd(std::string& out) {
  out += kEndMark;
}

}  // namespace components::rabbitmq
