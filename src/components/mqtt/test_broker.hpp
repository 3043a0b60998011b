// For tests: a real mosquitto on a free port, with what it keeps in a folder of its own. A broker
// that cannot be started fails the test: tools/setup.sh installs mosquitto.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "net/test_certs.hpp"

namespace components::mqtt::testing {

/// True as soon as `done` is; false after 20 s.
inline bool WaitFor(const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

/// A thread that starts processes: they are killed when it ends, and it lives as long as its owner.
class Starter {
 public:
  Starter() : thread_([this] { Run(); }) {}
  ~Starter() {
    Do(nullptr);
    thread_.join();
  }
  Starter(const Starter&) = delete;
  Starter& operator=(const Starter&) = delete;

  pid_t Start(std::function<pid_t()> work) { return Do(std::move(work)); }

 private:
  pid_t Do(std::function<pid_t()> work) {
    work_.set_value(std::move(work));
    const pid_t pid = done_.get_future().get();
    done_ = {};
    return pid;
  }
  void Run() {
    while (true) {
      const auto work = work_.get_future().get();
      work_ = {};
      done_.set_value(work ? work() : 0);
      if (!work) return;
    }
  }
  std::promise<std::function<pid_t()>> work_;
  std::promise<pid_t> done_;
  std::thread thread_;
};

class TestBroker {
 public:
  struct Options {
    std::string user;  // with a password, the only one that is let in
    std::string password;
    bool tls = false;
    bool client_certificates = false;
    std::vector<std::string> lines;  // more of mosquitto.conf
  };

  TestBroker() : TestBroker(Options()) {}
  explicit TestBroker(Options options) : options_(std::move(options)), port_(FreePort()) {
    char name[] = "/tmp/mosquitto-test-XXXXXX";
    folder_ = mkdtemp(name);
    Configure();
    Start();
  }
  ~TestBroker() {
    Kill();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  TestBroker(const TestBroker&) = delete;
  TestBroker& operator=(const TestBroker&) = delete;

  int port() const { return port_; }
  std::string url() const {
    const std::string user =
        options_.user.empty() ? "" : options_.user + ":" + options_.password + "@";
    return (options_.tls ? "mqtts://" : "mqtt://") + user + "127.0.0.1:" + std::to_string(port_);
  }
  const net::testing::TestCa& authority() const { return authority_; }

  /// The same port and folder, with what the disk has. The broker ends with the test, whatever
  /// becomes of that.
  void Start() {
    pid_ = starter_.Start([this] { return Fork(); });
    ASSERT_GE(pid_, 0);
    ASSERT_TRUE(WaitFor([&] {
      if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
        pid_ = -1;
        return true;
      }
      return Answers();
    })) << "mosquitto does not answer; see "
        << folder_;
    ASSERT_GT(pid_, 0) << "mosquitto (tools/setup.sh installs it) ended at once: " << LogText();
  }
  void Kill() { End(SIGKILL); }
  /// In good order: what it keeps is written to disk.
  void Stop() { End(SIGTERM); }
  void Restart() {
    Stop();
    Start();
  }
  /// It forgets everything.
  void Forget() {
    Kill();
    std::filesystem::remove(folder_ + "/mosquitto.db");
  }
  void Pause() const { kill(pid_, SIGSTOP); }
  void Continue() const { kill(pid_, SIGCONT); }
  std::string LogText() const {
    std::ifstream log(folder_ + "/log");
    return {std::istreambuf_iterator<char>(log), {}};
  }

 private:
  static int Connect(int port, bool listen) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto* raw = reinterpret_cast<const sockaddr*>(&address);
    const int result = listen ? bind(fd, raw, sizeof address) : connect(fd, raw, sizeof address);
    if (result == 0) return fd;
    close(fd);
    return -1;
  }
  static int FreePort() {
    const int fd = Connect(0, true);
    sockaddr_in address{};
    socklen_t size = sizeof address;
    EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
    close(fd);
    return ntohs(address.sin_port);
  }
  pid_t Fork() const {
    const std::string log_file = folder_ + "/log";
    const std::string config_file = folder_ + "/mosquitto.conf";
    // Where Debian has it is on no ordinary user's path.
    const char* program =
        access("/usr/sbin/mosquitto", X_OK) == 0 ? "/usr/sbin/mosquitto" : "mosquitto";
    const pid_t pid = fork();
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int log = open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(log, 1);
    dup2(log, 2);
    execlp(program, "mosquitto", "-c", config_file.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  bool Answers() const {
    const int fd = Connect(port_, false);
    if (fd < 0) return false;
    close(fd);
    return true;
  }
  void End(int signal) {
    if (pid_ <= 0) return;
    kill(pid_, signal);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
  }
  void Configure() {
    std::string text = "listener " + std::to_string(port_) +
                       " 127.0.0.1\npersistence true\npersistence_location " + folder_ +
                       "/\nlog_dest stderr\nlog_type all\nmax_queued_messages 100000\n"
                       "set_tcp_nodelay true\n";
    // As root it would become another user, who cannot read the folder.
    if (geteuid() == 0) text += "user root\n";
    if (options_.user.empty()) {
      text += "allow_anonymous true\n";
    } else {
      text += "allow_anonymous false\npassword_file " + folder_ + "/passwords\n";
      Write("passwords", options_.user + ":" + options_.password + "\n");
      const std::string hash = "mosquitto_passwd -U " + folder_ + "/passwords";
      EXPECT_EQ(std::system(hash.c_str()), 0) << hash;
    }
    if (options_.tls) {
      const net::TlsIdentity server =
          authority_.Issue({.common_name = "broker", .alternative = "IP:127.0.0.1"});
      Write("ca.pem", authority_.pem());
      Write("server.pem", server.certificate_chain_pem);
      Write("server.key", server.private_key_pem);
      text += "cafile " + folder_ + "/ca.pem\ncertfile " + folder_ + "/server.pem\nkeyfile " +
              folder_ + "/server.key\n";
      if (options_.client_certificates) text += "require_certificate true\n";
    }
    for (const std::string& line : options_.lines) text += line + "\n";
    Write("mosquitto.conf", text);
  }

  const Options options_;
  const int port_;
  const net::testing::TestCa authority_;
  std::string folder_;
  pid_t pid_ = -1;
  Starter starter_;
};

}  // namespace components::mqtt::testing
