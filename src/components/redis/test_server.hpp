// For tests: real Redis servers on free ports and in temporary folders, and a plain client to look
// behind the component's back. A server that cannot be started fails the test: tools/setup.sh
// installs redis-server.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>
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
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace components::redis::testing {

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

/// True as soon as `done` is; false after 20 s.
inline bool WaitFor(const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

/// A connection that sends one command and waits: hiredis' own client.
class Raw {
 public:
  explicit Raw(int port, const std::string& password = "", const std::string& user = "default")
      : context_(redisConnectWithTimeout("127.0.0.1", port, {2, 0}), &redisFree) {
    if (context_) redisSetTimeout(context_.get(), {5, 0});
    if (ok() && !password.empty()) Do({"AUTH", user, password});
  }
  bool ok() const { return context_ && context_->err == 0; }

  /// The answer as text: elements joined by blanks, "(nil)", "(error) …".
  std::string Do(const std::vector<std::string>& args) {
    if (!ok()) return "(error) not connected";
    std::vector<const char*> texts;
    std::vector<size_t> sizes;
    for (const std::string& arg : args) {
      texts.push_back(arg.data());
      sizes.push_back(arg.size());
    }
    auto* reply = static_cast<redisReply*>(redisCommandArgv(
        context_.get(), static_cast<int>(args.size()), texts.data(), sizes.data()));
    if (!reply) return std::string("(error) ") + context_->errstr;
    std::string text = Text(*reply);
    freeReplyObject(reply);
    return text;
  }

 private:
  static std::string Text(const redisReply& reply) {
    switch (reply.type) {
      case REDIS_REPLY_NIL:
        return "(nil)";
      case REDIS_REPLY_INTEGER:
        return std::to_string(reply.integer);
      case REDIS_REPLY_ERROR:
        return "(error) " + std::string(reply.str, reply.len);
      case REDIS_REPLY_ARRAY: {
        std::string out;
        for (size_t i = 0; i < reply.elements; ++i) {
          if (i > 0) out += ' ';
          out += Text(*reply.element[i]);
        }
        return out;
      }
      default:
        return {reply.str, reply.len};
    }
  }
  std::unique_ptr<redisContext, void (*)(redisContext*)> context_;
};

/// One redis-server process. `options` are its command line ("--maxmemory", "1mb"); `port` 0 = a
/// free one.
class Server {
 public:
  explicit Server(std::vector<std::string> options = {}, bool sentinel = false)
      : port_(FreePort()), options_(std::move(options)), sentinel_(sentinel) {
    char name[] = "/tmp/redis-test-XXXXXX";
    folder_ = mkdtemp(name);
    Start();
  }
  ~Server() {
    Kill();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  const std::string& folder() const { return folder_; }

  /// After Kill: the same port and folder, with what the disk has. The server ends with the thread
  /// that calls this, whatever happens to the test.
  void Start() {
    std::vector<std::string> args = Arguments();
    pid_ = fork();
    ASSERT_GE(pid_, 0);
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int log = open((folder_ + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      dup2(log, 1);
      dup2(log, 2);
      std::vector<char*> argv;
      for (std::string& arg : args) argv.push_back(arg.data());
      argv.push_back(nullptr);
      execvp(argv[0], argv.data());
      _exit(127);
    }
    const bool tls = Has("--tls-port");
    ASSERT_TRUE(WaitFor([&] {
      if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
        pid_ = -1;
        return true;
      }
      Raw raw(port_);
      return tls ? raw.ok()
                 : !raw.Do({"PING"}).starts_with("(error) not") &&
                       !raw.Do({"PING"}).starts_with("(error) LOADING");
    })) << "redis-server does not answer; see "
        << folder_;
    std::ifstream log(folder_ + "/log");
    ASSERT_GT(pid_, 0) << "redis-server (tools/setup.sh installs it) ended at once: "
                       << std::string(std::istreambuf_iterator<char>(log), {});
  }
  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  void Pause() const { kill(pid_, SIGSTOP); }
  void Continue() const { kill(pid_, SIGCONT); }
  std::string Do(const std::vector<std::string>& args) const { return Raw(port_).Do(args); }

 private:
  bool Has(std::string_view option) const {
    for (const std::string& one : options_) {
      if (one == option) return true;
    }
    return false;
  }
  std::vector<std::string> Arguments() {
    const std::string port = std::to_string(port_);
    if (sentinel_) {
      const std::string file = folder_ + "/sentinel.conf";
      std::ofstream out(file);
      for (const std::string& line : options_) out << line << "\n";
      return {"redis-server", file, "--port", port, "--dir", folder_, "--sentinel"};
    }
    std::vector<std::string> args{"redis-server", "--dir", folder_, "--bind", "127.0.0.1"};
    if (!Has("--save")) args.insert(args.end(), {"--save", ""});
    if (Has("--tls-port")) {
      args.insert(args.end(), {"--port", "0"});
    } else {
      args.insert(args.end(), {"--port", port});
    }
    for (const std::string& option : options_) args.push_back(option == "{port}" ? port : option);
    return args;
  }

  const int port_;
  const std::vector<std::string> options_;
  const bool sentinel_;
  std::string folder_;
  pid_t pid_ = -1;
};

/// A cluster of masters without replicas, each with a third of the slots.
class Cluster {
 public:
  static constexpr int kNodes = 3;
  Cluster() {
    for (int i = 0; i < kNodes; ++i) {
      nodes_.push_back(std::make_unique<Server>(std::vector<std::string>{
          "--cluster-enabled", "yes", "--cluster-port", std::to_string(FreePort()),
          "--cluster-node-timeout", "2000", "--cluster-require-full-coverage", "no"}));
    }
    for (int i = 0; i < kNodes; ++i) {
      Raw raw(node(i).port());
      EXPECT_EQ(raw.Do({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)}), "OK");
      const int first = 16384 * i / kNodes;
      const int last = 16384 * (i + 1) / kNodes - 1;
      EXPECT_EQ(raw.Do({"CLUSTER", "ADDSLOTSRANGE", std::to_string(first), std::to_string(last)}),
                "OK");
      if (i == 0) continue;
      EXPECT_EQ(raw.Do({"CLUSTER", "MEET", "127.0.0.1", std::to_string(node(0).port()),
                        BusPort(node(0))}),
                "OK");
    }
    for (int i = 0; i < kNodes; ++i) {
      EXPECT_TRUE(WaitFor([&] {
        const std::string info = node(i).Do({"CLUSTER", "INFO"});
        return info.find("cluster_state:ok") != std::string::npos &&
               info.find("cluster_known_nodes:3") != std::string::npos &&
               info.find("cluster_slots_assigned:16384") != std::string::npos;
      })) << node(i).Do({"CLUSTER", "INFO"});
    }
  }
  Server& node(int i) { return *nodes_[static_cast<std::size_t>(i)]; }
  std::string addresses() {
    std::string out;
    for (const auto& node : nodes_) out += (out.empty() ? "" : ",") + node->address();
    return out;
  }

 private:
  static std::string BusPort(const Server& node) {
    std::string out = node.Do({"CONFIG", "GET", "cluster-port"});
    return out.substr(out.find(' ') + 1);
  }
  std::vector<std::unique_ptr<Server>> nodes_;
};

/// A master, its replica, and a sentinel that calls the master "mymaster".
class Watched {
 public:
  Watched()
      : master_(std::make_unique<Server>()),
        replica_(std::make_unique<Server>(std::vector<std::string>{
            "--replicaof", "127.0.0.1 " + std::to_string(master_->port())})) {
    EXPECT_TRUE(WaitFor([&] {
      return replica_->Do({"INFO", "replication"}).find("master_link_status:up") !=
             std::string::npos;
    }));
    const std::string port = std::to_string(master_->port());
    sentinel_ = std::make_unique<Server>(
        std::vector<std::string>{"sentinel monitor mymaster 127.0.0.1 " + port + " 1",
                                 "sentinel down-after-milliseconds mymaster 400",
                                 "sentinel failover-timeout mymaster 2000"},
        /*sentinel=*/true);
    EXPECT_TRUE(WaitFor([&] {
      const std::string info = sentinel_->Do({"INFO", "sentinel"});
      return info.find("status=ok") != std::string::npos &&
             info.find("slaves=1") != std::string::npos;
    }));
  }
  Server& master() { return *master_; }
  Server& replica() { return *replica_; }
  Server& sentinel() { return *sentinel_; }

 private:
  std::unique_ptr<Server> master_;
  std::unique_ptr<Server> replica_;
  std::unique_ptr<Server> sentinel_;
};

}  // namespace components::redis::testing
