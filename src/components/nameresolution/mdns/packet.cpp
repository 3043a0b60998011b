#include "components/nameresolution/mdns/packet.hpp"

namespace components::nameresolution::mdns {
namespace {

constexpr std::size_t kHeader = 12;
constexpr uint16_t kClassInternet = 1;
constexpr uint16_t kClassAny = 255;
constexpr uint16_t kTopBit =
    0x8000;  // "flush the cache" in records, "answer me alone" in questions
constexpr uint16_t kResponse = 0x8000;
constexpr uint16_t kAuthoritative = 0x0400;
constexpr uint16_t kOpcode = 0x7800;
constexpr uint16_t kResponseCode = 0x000F;
constexpr std::size_t kQuerySize = 1200;  // fits every usual network

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  uint16_t U16() {
    const std::string_view raw = Bytes(2);
    if (!ok_) return 0;
    return static_cast<uint16_t>(Byte(raw[0]) << 8 | Byte(raw[1]));
  }
  uint32_t U32() {
    const uint32_t high = U16();
    return high << 16 | U16();
  }
  std::string_view Bytes(std::size_t count) {
    if (!ok_ || bytes_.size() - at_ < count) {
      ok_ = false;
      return {};
    }
    const std::string_view result = bytes_.substr(at_, count);
    at_ += count;
    return result;
  }
  std::size_t at() const { return at_; }
  void Fail() { ok_ = false; }

  /// A name here; where it is compressed the rest stands earlier in the message.
  Name ReadName() {
    Name name;
    std::size_t at = at_;
    std::size_t lowest =
        at_;  // a pointer must lead below every place read so far, so there is no loop
    bool jumped = false;
    while (ok_) {
      if (at >= bytes_.size()) return Bad();
      const unsigned char length = Byte(bytes_[at]);
      if (length == 0) {
        if (!jumped) at_ = at + 1;
        return name;
      }
      if ((length & 0xC0) == 0xC0) {
        if (bytes_.size() - at < 2) return Bad();
        const std::size_t target = std::size_t{length & 0x3Fu} << 8 | Byte(bytes_[at + 1]);
        if (target >= lowest || target < kHeader) return Bad();
        if (!jumped) at_ = at + 2;
        jumped = true;
        at = lowest = target;
        continue;
      }
      if (length > kMaxLabel || bytes_.size() - at < std::size_t{length} + 1 ||
          name.size() + length + 2 > kMaxName) {
        return Bad();
      }
      name += bytes_.substr(at, std::size_t{length} + 1);
      at += std::size_t{length} + 1;
    }
    return {};
  }

 private:
  static unsigned char Byte(char c) { return static_cast<unsigned char>(c); }
  Name Bad() {
    ok_ = false;
    return {};
  }
  std::string_view bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

void ReadTexts(Reader& reader, std::size_t end, Record& record) {
  while (reader.ok() && reader.at() < end) {
    const std::string_view length = reader.Bytes(1);
    if (!reader.ok()) return;
    const std::string_view text = reader.Bytes(static_cast<unsigned char>(length[0]));
    if (reader.at() > end) return reader.Fail();
    record.texts.emplace_back(text);
  }
}

// Reads one record; false if it is of a class that is not ours.
bool ReadRecord(Reader& reader, Record& record) {
  record.name = reader.ReadName();
  record.type = reader.U16();
  const auto internet = static_cast<uint16_t>(reader.U16() & ~kTopBit) == kClassInternet;
  record.ttl = reader.U32();
  const std::size_t length = reader.U16();
  const std::size_t end = reader.at() + length;
  switch (record.type) {
    case kTypeA:
      if (length != 4) reader.Fail();
      record.address = reader.Bytes(4);
      break;
    case kTypeAaaa:
      if (length != 16) reader.Fail();
      record.address = reader.Bytes(16);
      break;
    case kTypePtr:
      record.target = reader.ReadName();
      break;
    case kTypeSrv:
      reader.Bytes(4);  // priority and weight, which nobody uses here
      record.port = reader.U16();
      record.target = reader.ReadName();
      break;
    case kTypeTxt:
      ReadTexts(reader, end, record);
      break;
    default:
      reader.Bytes(length);
  }
  if (reader.ok() && reader.at() != end) reader.Fail();
  return internet;
}

void PutU16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8 & 0xFF);
  out += static_cast<char>(value & 0xFF);
}
void PutHeader(std::string& out, uint16_t flags, std::size_t questions, std::size_t answers,
               std::size_t additional) {
  PutU16(out, 0);
  PutU16(out, flags);
  PutU16(out, questions);
  PutU16(out, answers);
  PutU16(out, 0);
  PutU16(out, additional);
}
void PutName(std::string& out, std::string_view name) {
  out += name;
  out += '\0';
}
void PutRecord(std::string& out, std::string_view name, uint16_t type, bool unique, uint32_t ttl,
               std::string_view data) {
  PutName(out, name);
  PutU16(out, type);
  PutU16(out, unique ? kClassInternet | kTopBit : kClassInternet);
  PutU16(out, ttl >> 16);
  PutU16(out, ttl & 0xFFFF);
  PutU16(out, data.size());
  out += data;
}

}  // namespace

std::optional<Packet> ParsePacket(std::string_view bytes) {
  if (bytes.size() < kHeader || bytes.size() > kMaxPacket) return std::nullopt;
  Reader reader(bytes);
  reader.U16();  // the id means nothing in multicast
  const uint16_t flags = reader.U16();
  if ((flags & (kOpcode | kResponseCode)) != 0) return std::nullopt;
  Packet packet;
  packet.response = (flags & kResponse) != 0;
  const std::size_t questions = reader.U16();
  const std::size_t answers = reader.U16();
  const std::size_t others = std::size_t{reader.U16()} + reader.U16();
  if (questions > kMaxQuestions || answers + others > kMaxRecords) return std::nullopt;
  for (std::size_t i = 0; i < questions; ++i) {
    Question question;
    question.name = reader.ReadName();
    question.type = reader.U16();
    const uint16_t asked_class = reader.U16() & static_cast<uint16_t>(~kTopBit);
    if (!reader.ok()) return std::nullopt;
    if (asked_class == kClassInternet || asked_class == kClassAny) {
      packet.questions.push_back(std::move(question));
    }
  }
  for (std::size_t i = 0; i < answers + others; ++i) {
    Record record;
    const bool internet = ReadRecord(reader, record);
    if (!reader.ok()) return std::nullopt;
    if (!internet) continue;
    packet.records.push_back(std::move(record));
    if (i < answers) ++packet.answers;
  }
  return packet;
}

std::vector<std::string> WriteQueries(std::span<const Name> services) {
  std::vector<std::string> packets;
  std::string body;
  std::size_t count = 0;
  const auto flush = [&] {
    if (count == 0) return;
    std::string packet;
    PutHeader(packet, 0, count, 0, 0);
    packets.push_back(packet + body);
    body.clear();
    count = 0;
  };
  for (const Name& service : services) {
    if (kHeader + body.size() + service.size() + 5 > kQuerySize || count == kMaxQuestions) flush();
    PutName(body, service);
    PutU16(body, kTypePtr);
    PutU16(body, kClassInternet);
    ++count;
  }
  flush();
  return packets;
}

std::string WriteResponse(const Instance& instance, uint32_t ttl) {
  std::string out;
  PutHeader(out, kResponse | kAuthoritative, 0, 1, 3);
  std::string data;
  PutName(data, instance.name);
  PutRecord(out, instance.service, kTypePtr, false, ttl, data);
  data.assign(4, '\0');
  PutU16(data, instance.port);
  PutName(data, instance.host);
  PutRecord(out, instance.name, kTypeSrv, true, ttl, data);
  data.assign(1, static_cast<char>(instance.text.size()));
  data += instance.text;
  PutRecord(out, instance.name, kTypeTxt, true, ttl, data);
  PutRecord(out, instance.host, instance.address.size() == 4 ? kTypeA : kTypeAaaa, true, ttl,
            instance.address);
  return out;
}

}  // namespace components::nameresolution::mdns
