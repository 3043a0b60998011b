// For tests: a real PostgreSQL server in a temporary folder, on a free port and a Unix socket, and
// plain synchronous SQL without any code of the components. The server runs as an unprivileged user
// where the tests run as root, and ends with the test process.
#pragma once

#include <arpa/inet.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <postgresql/libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/strings.hpp"
#include "net/test_certs.hpp"

namespace components::postgres {

using SqlRow = std::vector<std::optional<std::string>>;

/// Plain SQL over one connection. Failures fail the test.
class Sql {
 public:
  explicit Sql(const std::string& connection) : connection_(PQconnectdb(connection.c_str())) {
    EXPECT_EQ(PQstatus(connection_), CONNECTION_OK) << PQerrorMessage(connection_);
    PQsetNoticeProcessor(connection_, [](void*, const char*) {}, nullptr);
  }
  Sql(const Sql&) = delete;
  Sql& operator=(const Sql&) = delete;
  ~Sql() { PQfinish(connection_); }

  std::vector<SqlRow> Query(const std::string& sql) {
    std::vector<SqlRow> rows;
    PGresult* result = PQexec(connection_, sql.c_str());
    const ExecStatusType status = PQresultStatus(result);
    EXPECT_TRUE(status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        << sql << "\n"
        << PQresultErrorMessage(result);
    for (int row = 0; row < PQntuples(result); ++row) {
      SqlRow& out = rows.emplace_back();
      for (int column = 0; column < PQnfields(result); ++column) {
        if (PQgetisnull(result, row, column)) {
          out.emplace_back();
        } else {
          out.emplace_back(PQgetvalue(result, row, column));
        }
      }
    }
    PQclear(result);
    return rows;
  }
  void Exec(const std::string& sql) { Query(sql); }
  std::string One(const std::string& sql) {
    const std::vector<SqlRow> rows = Query(sql);
    return rows.size() == 1 && rows[0].size() == 1 ? rows[0][0].value_or("NULL")
                                                   : "no single value";
  }

 private:
  PGconn* connection_;
};

struct TestServerOptions {
  bool tls = false;
  bool durable = false;                         // fsync on
  std::map<std::string, std::string> settings;  // of postgresql.conf
};

class TestServer {
 public:
  static constexpr const char* kPassword = "pass word's";

  explicit TestServer(TestServerOptions options = {}) : options_(std::move(options)) {
    std::string pattern = "/tmp/pgtest-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    Own(folder_);
    data_ = folder_ / "data";
    const std::filesystem::path& fresh = Template();
    EXPECT_EQ(RunAs({"/bin/cp", "-a", fresh, data_}, User(), folder_ / "cp.log"), 0);
    port_ = FreePort();
    if (options_.tls) WriteCertificate();
    Start();
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  ~TestServer() {
    Kill();
    std::filesystem::remove_all(folder_);
  }

  int port() const { return port_; }
  std::string folder() const { return folder_; }
  std::string ca_file() const { return folder_ / "ca.pem"; }
  /// For the superuser, over TCP and with its password.
  std::string connection() const {
    return base::StrCat("host=127.0.0.1 port=", port_, " user=postgres password='pass word\\'s' ",
                        "dbname=postgres", options_.tls ? "" : " sslmode=disable");
  }
  /// Over the Unix socket, without password.
  std::string local_connection() const {
    return base::StrCat("host=", folder_.string(), " port=", port_,
                        " user=postgres dbname=postgres");
  }
  Sql sql() const { return Sql(local_connection()); }

  void Start() {
    std::vector<std::string> command{Program("postgres"), "-D", data_.string()};
    const auto set = [&command](const std::string& name, const std::string& value) {
      command.insert(command.end(), {"-c", name + "=" + value});
    };
    set("port", std::to_string(port_));
    set("listen_addresses", "127.0.0.1");
    set("unix_socket_directories", folder_.string());
    set("fsync", options_.durable ? "on" : "off");
    set("synchronous_commit", options_.durable ? "on" : "off");
    set("shared_buffers", "16MB");
    set("max_connections", "40");
    if (options_.tls) {
      set("ssl", "on");
      set("ssl_cert_file", folder_ / "server.crt");
      set("ssl_key_file", folder_ / "server.key");
    }
    for (const auto& [name, value] : options_.settings) set(name, value);
    process_ = Spawn(command, User(), folder_ / "server.log");
    const std::string probe = local_connection();
    for (int i = 0; i < 1000 && PQping(probe.c_str()) != PQPING_OK; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_EQ(PQping(probe.c_str()), PQPING_OK) << Log();
  }
  /// As a crash.
  void Kill() {
    if (process_ <= 0) return;
    Signal(SIGKILL);
    waitpid(process_, nullptr, 0);
    process_ = 0;
  }
  /// In order: the server breaks off all connections.
  void Stop() {
    kill(process_, SIGINT);
    waitpid(process_, nullptr, 0);
    process_ = 0;
  }
  void Pause() { Signal(SIGSTOP); }
  void Resume() { Signal(SIGCONT); }
  std::string Log() const {
    std::ifstream file(folder_ / "server.log");
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  static std::string Program(const std::string& name) {
    std::filesystem::path best;
    int best_version = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql")) {
      const int version = std::atoi(entry.path().filename().c_str());
      if (version > best_version && std::filesystem::exists(entry.path() / "bin" / name)) {
        best_version = version;
        best = entry.path() / "bin" / name;
      }
    }
    return best;
  }
  // Null: the tests are not root and need no other user.
  static const passwd* User() {
    if (geteuid() != 0) return nullptr;
    const passwd* user = getpwnam("postgres");
    return user ? user : getpwnam("nobody");
  }
  static void Own(const std::filesystem::path& path) {
    if (const passwd* user = User()) {
      EXPECT_EQ(chown(path.c_str(), user->pw_uid, user->pw_gid), 0);
    }
  }
  // The signal at the parent's death comes when the thread that forked ends: one that never does.
  static pid_t Spawn(const std::vector<std::string>& command, const passwd* user,
                     const std::filesystem::path& log) {
    std::promise<pid_t> child;
    std::thread([&] {
      child.set_value(Fork(command, user, log));
      while (true) pause();
    }).detach();
    return child.get_future().get();
  }
  static pid_t Fork(const std::vector<std::string>& command, const passwd* user,
                    const std::filesystem::path& log) {
    std::vector<char*> arguments;
    for (const std::string& one : command) arguments.push_back(const_cast<char*>(one.c_str()));
    arguments.push_back(nullptr);
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child != 0) return child;
    if (!freopen(log.c_str(), "a", stdout) || dup2(STDOUT_FILENO, STDERR_FILENO) < 0) _exit(126);
    if (user &&
        (setgroups(0, nullptr) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) {
      _exit(126);
    }
    setenv("LC_ALL", "C", 1);
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (getppid() != parent || chdir("/") != 0) _exit(126);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  static int RunAs(const std::vector<std::string>& command, const passwd* user,
                   const std::filesystem::path& log) {
    int status = -1;
    waitpid(Spawn(command, user, log), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  // A data folder fresh from initdb, made once for the process.
  static const std::filesystem::path& Template() {
    struct Made {
      Made() {
        std::string pattern = "/tmp/pgtemplate-XXXXXX";
        folder = mkdtemp(pattern.data());
        Own(folder);
        const std::filesystem::path password = folder / "password";
        std::ofstream(password) << kPassword << "\n";
        Own(password);
        EXPECT_EQ(RunAs({Program("initdb"), "-D", (folder / "data").string(), "-U", "postgres",
                         "-E", "UTF8", "--no-locale", "--no-sync", "-A", "trust", "--pwfile",
                         password.string()},
                        User(), folder / "initdb.log"),
                  0);
        std::ofstream(folder / "data" / "pg_hba.conf")
            << "local all all trust\n"
               "host all md5_user 127.0.0.1/32 md5\n"
               "hostnossl all tls_user 127.0.0.1/32 reject\n"
               "host all all 127.0.0.1/32 scram-sha-256\n";
        data = folder / "data";
      }
      ~Made() { std::filesystem::remove_all(folder); }
      std::filesystem::path folder;
      std::filesystem::path data;
    };
    static const Made kMade;
    return kMade.data;
  }
  static int FreePort() {
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
  void WriteCertificate() {
    const net::testing::TestCa authority;
    std::ofstream(ca_file()) << authority.pem();
    const net::TlsIdentity identity =
        authority.Issue({.common_name = "localhost", .alternative = "DNS:localhost,IP:127.0.0.1"});
    std::ofstream(folder_ / "server.crt") << identity.certificate_chain_pem;
    const std::filesystem::path key = folder_ / "server.key";
    std::ofstream(key) << identity.private_key_pem;
    std::filesystem::permissions(key, std::filesystem::perms::owner_read);
    Own(folder_ / "server.crt");
    Own(key);
  }
  // To the server and its children, each of which is a session of its own.
  void Signal(int signal) const {
    std::vector<pid_t> children;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const pid_t pid = std::atoi(entry.path().filename().c_str());
      if (pid <= 0) continue;
      std::ifstream file(entry.path() / "stat");
      std::string line;
      std::getline(file, line);
      const std::size_t name_end = line.rfind(") ");
      if (name_end == std::string::npos) continue;
      if (std::atoi(line.c_str() + name_end + 4) == process_) children.push_back(pid);
    }
    kill(process_, signal);
    for (const pid_t child : children) kill(child, signal);
  }

  TestServerOptions options_;
  std::filesystem::path folder_;
  std::filesystem::path data_;
  int port_ = 0;
  pid_t process_ = 0;
};

/// One server that the tests of a process share; each uses tables or databases of its own.
inline TestServer& SharedServer() {
  static TestServer server;
  return server;
}

}  // namespace components::postgres
