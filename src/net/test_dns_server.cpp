#include "net/test_dns_server.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "net/bind.hpp"

namespace net::testing {
namespace {

void Put16(std::string& out, unsigned value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value);
}
unsigned Get16(std::string_view in, size_t at) {
  return static_cast<unsigned char>(in[at]) << 8 | static_cast<unsigned char>(in[at + 1]);
}

}  // namespace

TestDnsServer::TestDnsServer(Handler handler)
    : handler_(std::move(handler)),
      tcp_(*BindTcp("127.0.0.1", 0)),
      udp_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
  EXPECT_EQ(bind(udp_.fd(), tcp_.address().data(), tcp_.address().size()), 0);
  EXPECT_TRUE(watch_.Open(*async::Loop::Current(), udp_.fd()));
  EXPECT_TRUE(tcp_.Start(*async::Loop::Current(),
                         [this](auto stream) { gate_.Spawn(ServeTcp(std::move(stream))); }));
  gate_.Spawn(ServeUdp());
}

int TestDnsServer::questions(uint16_t type) const {
  return static_cast<int>(std::ranges::count(seen_, type, &DnsQuestion::type));
}

async::Task<void> TestDnsServer::ServeUdp() {
  const async::Context context = gate_.context();
  std::array<char, 1500> buffer;
  for (;;) {
    sockaddr_in peer;
    socklen_t length = sizeof peer;
    auto* address = reinterpret_cast<sockaddr*>(&peer);
    const ssize_t n = recvfrom(udp_.fd(), buffer.data(), buffer.size(), 0, address, &length);
    if (n < 0) {
      watch_.set_readable(false);
      if (co_await async::Readable(watch_, context) != async::Wake::kReady) co_return;
      continue;
    }
    const auto reply = Answer({buffer.data(), static_cast<size_t>(n)}, false);
    if (reply) sendto(udp_.fd(), reply->data(), reply->size(), 0, address, length);
  }
}

async::Task<void> TestDnsServer::ServeTcp(std::unique_ptr<Stream> stream) {
  const async::Context context = gate_.context();
  std::string in;
  std::array<char, 1500> buffer;
  for (;;) {
    const IoResult result = stream->Read(buffer);
    if (result.status == Io::kWouldBlock) {
      if (co_await async::Readable(stream->watch(), context) != async::Wake::kReady) co_return;
      continue;
    }
    if (result.status != Io::kOk) co_return;
    in.append(buffer.data(), result.bytes);
    while (in.size() >= 2 && in.size() >= 2 + Get16(in, 0)) {
      const size_t size = Get16(in, 0);
      if (const auto reply = Answer(std::string_view(in).substr(2, size), true)) {
        std::string framed;
        Put16(framed, static_cast<unsigned>(reply->size()));
        // In two parts, as a slow network would.
        stream->Write(framed);
        stream->Write(*reply);
      }
      in.erase(0, 2 + size);
    }
  }
}

std::optional<std::string> TestDnsServer::Answer(std::string_view message, bool tcp) {
  if (message.size() < 17) return std::nullopt;
  DnsQuestion question{.tcp = tcp};
  size_t at = 12;
  while (at < message.size() && message[at] != 0) {
    if (!question.name.empty()) question.name += '.';
    const size_t label = static_cast<unsigned char>(message[at]);
    question.name += message.substr(at + 1, label);
    at += 1 + label;
  }
  question.type = static_cast<uint16_t>(Get16(message, at + 1));
  const std::string_view asked = message.substr(12, at + 5 - 12);
  seen_.push_back(question);
  const auto reply = handler_(question);
  if (!reply) return std::nullopt;

  std::string answers;
  unsigned count = 0;
  for (const DnsRecord& record : reply->records) {
    if (record.type != question.type) continue;
    std::array<char, 16> bytes;
    const bool v6 = record.type == kTypeAaaa;
    inet_pton(v6 ? AF_INET6 : AF_INET, record.data.c_str(), bytes.data());
    Put16(answers, 0xC00C);  // the question's name
    Put16(answers, record.type);
    Put16(answers, 1);
    Put16(answers, record.ttl >> 16);
    Put16(answers, record.ttl & 0xFFFF);
    Put16(answers, v6 ? 16 : 4);
    answers.append(bytes.data(), v6 ? 16 : 4);
    ++count;
  }
  std::string out(message.substr(0, 2));
  Put16(out, 0x8180u | static_cast<unsigned>(reply->code) | (reply->truncated ? 0x0200u : 0));
  Put16(out, 1);
  Put16(out, count);
  Put16(out, 0);
  Put16(out, 0);
  out += asked;
  out += answers;
  return out;
}

}  // namespace net::testing
