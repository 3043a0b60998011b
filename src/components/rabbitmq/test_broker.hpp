// For tests: a real RabbitMQ node on free ports and in a temporary folder, with an epmd and a
// cookie of its own. It takes some seconds to start, so a test program shares one (SharedBroker). A
// node that cannot be started fails the test: tools/setup.sh installs rabbitmq-server.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace components::rabbitmq::testing {

inline int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  close(fd);
  return ntohs(address.sin_port);
}

/// True as soon as `done` is; false after 60 s.
inline bool WaitFor(const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

/// A thread that lives as long as this and does what it is told. Processes are to end with the
/// thread that started them, which must not be a passing one.
class Parent {
 public:
  Parent() : thread_([this] { Run(); }) {}
  ~Parent() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    change_.notify_all();
    thread_.join();
  }
  void Do(std::function<void()> work) {
    std::unique_lock lock(mutex_);
    work_ = std::move(work);
    change_.notify_all();
    change_.wait(lock, [this] { return !work_; });
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    while (true) {
      change_.wait(lock, [this] { return work_ || ending_; });
      if (!work_) return;
      work_();
      work_ = nullptr;
      change_.notify_all();
    }
  }
  std::mutex mutex_;
  std::condition_variable change_;
  std::function<void()> work_;
  bool ending_ = false;
  std::thread thread_;
};

class TestBroker {
 public:
  /// `lines` are added to rabbitmq.conf.
  explicit TestBroker(std::string lines = {}, std::string plugins = "[].")
      : port_(FreePort()),
        dist_port_(FreePort()),
        epmd_port_(FreePort()),
        node_("test" + std::to_string(port_) + "@localhost") {
    char name[] = "/tmp/rabbitmq-test-XXXXXX";
    folder_ = mkdtemp(name);
    std::ofstream(folder_ + "/rabbitmq.conf")
        << "listeners.tcp.1 = 127.0.0.1:" << port_
        << "\nlog.console = true\nlog.console.level = warning\nlog.file = false\n"
           "disk_free_limit.absolute = 1MB\n"
        << lines;
    std::ofstream(folder_ + "/plugins") << plugins << "\n";
    epmd_ = Spawn({"epmd", "-port", std::to_string(epmd_port_), "-address", "127.0.0.1"});
    Start();
  }
  ~TestBroker() {
    Kill();
    End(epmd_);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  TestBroker(const TestBroker&) = delete;
  TestBroker& operator=(const TestBroker&) = delete;

  int port() const { return port_; }
  const std::string& folder() const { return folder_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string uri() const { return "amqp://guest:guest@" + address(); }

  /// After Kill or Stop: the same ports, with what the disk has.
  void Start() {
    pid_ = Spawn({"/usr/lib/rabbitmq/bin/rabbitmq-server"});
    ASSERT_TRUE(WaitFor([&] {
      if (waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
      return pid_ < 0 || Greets();
    })) << "rabbitmq-server does not answer; see "
        << folder_;
    std::ifstream log(folder_ + "/log");
    ASSERT_GT(pid_, 0) << "rabbitmq-server (tools/setup.sh installs it) ended at once: "
                       << std::string(std::istreambuf_iterator<char>(log), {});
  }
  void Kill() { End(pid_); }
  /// In good order.
  void Stop() {
    if (pid_ <= 0) return;
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  void Freeze() const { kill(pid_, SIGSTOP); }
  void Continue() const { kill(pid_, SIGCONT); }

  /// What rabbitmqctl prints; columns are divided by tabs.
  std::string Ctl(const std::string& words) const {
    std::string command = "env";
    for (const auto& [name, value] : Environment()) command += " " + name + "='" + value + "'";
    command += " /usr/lib/rabbitmq/bin/rabbitmqctl --quiet -n " + node_ + " " + words + " 2>&1";
    std::string out;
    FILE* const pipe = popen(command.c_str(), "r");
    std::array<char, 4096> buffer{};
    while (const std::size_t size = fread(buffer.data(), 1, buffer.size(), pipe)) {
      out.append(buffer.data(), size);
    }
    EXPECT_EQ(pclose(pipe), 0) << words << ": " << out;
    return out;
  }
  /// The line of `rabbitmqctl list_<what>` that begins with `name`, "" if there is none; `columns`
  /// come after the name.
  std::string Line(const std::string& what, const std::string& name,
                   const std::string& columns) const {
    std::string out = Ctl("list_" + what + " --no-table-headers name " + columns);
    for (std::size_t at = 0; at < out.size();) {
      const std::size_t end = out.find('\n', at);
      const std::string line = out.substr(at, end - at);
      if (line == name || line.starts_with(name + "\t")) return line;
      if (end == std::string::npos) break;
      at = end + 1;
    }
    return {};
  }
  /// Publishers are not read from, as if the memory were full.
  void Block(bool block) const {
    Ctl(std::string("set_vm_memory_high_watermark ") + (block ? "0.0000001" : "0.9"));
  }

 private:
  using Variables = std::vector<std::pair<std::string, std::string>>;
  Variables Environment() const {
    return {{"HOME", folder_},
            {"ERL_EPMD_PORT", std::to_string(epmd_port_)},
            {"RABBITMQ_NODENAME", node_},
            {"RABBITMQ_MNESIA_BASE", folder_ + "/data"},
            {"RABBITMQ_LOG_BASE", folder_ + "/logs"},
            {"RABBITMQ_CONFIG_FILE", folder_ + "/rabbitmq"},
            {"RABBITMQ_CONF_ENV_FILE", folder_ + "/none"},
            {"RABBITMQ_ENABLED_PLUGINS_FILE", folder_ + "/plugins"},
            {"RABBITMQ_PID_FILE", folder_ + "/pid"},
            {"RABBITMQ_DIST_PORT", std::to_string(dist_port_)},
            // With this the script becomes the node instead of waiting for it.
            {"RABBITMQ_ALLOW_INPUT", "1"},
            {"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
             "-noinput -kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none"}};
  }
  // The greeting comes only when the node has recovered what it had.
  bool Greets() const {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port_));
    char first = 0;
    const timeval limit{2, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const bool greets = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                        write(fd, "AMQP\0\0\x09\x01", 8) == 8 && read(fd, &first, 1) == 1 &&
                        first == 1;
    close(fd);
    return greets;
  }
  pid_t Spawn(const std::vector<std::string>& args) {
    pid_t pid = -1;
    parent_.Do([&] { pid = Fork(args); });
    return pid;
  }
  pid_t Fork(std::vector<std::string> args) const {
    const Variables variables = Environment();
    std::vector<char*> argv;
    for (std::string& arg : args) argv.push_back(arg.data());
    argv.push_back(nullptr);
    const pid_t pid = fork();
    EXPECT_GE(pid, 0);
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
    const int log = open((folder_ + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    const int nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, 0);
    dup2(log, 1);
    dup2(log, 2);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  static void End(pid_t& pid) {
    if (pid <= 0) return;
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    pid = -1;
  }

  const int port_;
  const int dist_port_;
  const int epmd_port_;
  const std::string node_;
  Parent parent_;
  std::string folder_;
  pid_t epmd_ = -1;
  pid_t pid_ = -1;
};

/// The one of this test program; ends with it.
inline TestBroker& SharedBroker() {
  static TestBroker broker;
  return broker;
}

}  // namespace components::rabbitmq::testing
