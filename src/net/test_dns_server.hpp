// A DNS server on a loopback port that answers whatever a test tells it to. Lives on the test's
// loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/gate.hpp"
#include "net/listener.hpp"
#include "net/socket.hpp"
#include "net/stream.hpp"

namespace net::testing {

inline constexpr uint16_t kTypeA = 1;
inline constexpr uint16_t kTypeAaaa = 28;

struct DnsQuestion {
  std::string name;  // "a.example"
  uint16_t type = 0;
  bool tcp = false;
};
struct DnsRecord {
  uint16_t type = kTypeA;
  uint32_t ttl = 0;
  std::string data;  // an IP literal
};
struct DnsReply {
  int code = 0;  // 3 = no such name, 2 = server failure
  bool truncated = false;
  std::vector<DnsRecord> records;
};

class TestDnsServer {
 public:
  /// No reply = silence.
  using Handler = std::function<std::optional<DnsReply>(const DnsQuestion&)>;
  explicit TestDnsServer(Handler handler);
  /// Await before the server goes.
  async::Task<bool> Stop(const async::Context& context) { return gate_.Close(context); }

  std::string address() const { return tcp_.address().ToString(); }
  int questions(uint16_t type) const;

 private:
  async::Task<void> ServeUdp();
  async::Task<void> ServeTcp(std::unique_ptr<Stream> stream);
  std::optional<std::string> Answer(std::string_view message, bool tcp);

  Handler handler_;
  std::vector<DnsQuestion> seen_;
  Listener tcp_;
  Socket udp_;
  async::FdWatch watch_;
  async::Gate gate_;
};

}  // namespace net::testing
