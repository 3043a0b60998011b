// For tests: a real Kafka broker (its own controller) in a temporary folder, from the jars that
// tools/setup.sh puts into .tools/kafka. It has a plain listener, one with SASL, one with TLS, one
// with TLS and client certificates, and one with SASL over TLS; it ends with the test process.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/source_dir.hpp"
#include "base/strings.hpp"
#include "components/kafka/rdkafka.hpp"
#include "net/test_certs.hpp"

namespace components::kafka {

class TestBroker {
 public:
  static constexpr const char* kUser = "alice";
  static constexpr const char* kPassword = "al1ce secret";

  TestBroker() {
    std::string pattern = "/tmp/kafkatest-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    for (const char* listener : {"PLAIN", "CONTROLLER", "SASL", "TLS", "MTLS", "SASLTLS"}) {
      ports_[listener] = FreePort();
    }
    WriteCertificates();
    WriteProperties();
    if (!std::filesystem::exists(Jars())) {
      ADD_FAILURE() << "Kafka's jars are not in " << Jars() << ": run tools/setup.sh test";
      return;
    }
    Run({"kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", Properties(),
         "--add-scram", Scram("SCRAM-SHA-256"), "--add-scram", Scram("SCRAM-SHA-512")});
    Start();
  }
  TestBroker(const TestBroker&) = delete;
  TestBroker& operator=(const TestBroker&) = delete;
  ~TestBroker() {
    Kill();
    std::filesystem::remove_all(folder_);
  }

  /// host:port of a listener: PLAIN, SASL, TLS, MTLS or SASLTLS.
  std::string address(const std::string& listener = "PLAIN") const {
    return base::StrCat("127.0.0.1:", ports_.at(listener));
  }
  const std::string& ca_pem() const { return ca_pem_; }
  const net::TlsIdentity& client() const { return client_; }

  void Start() {
    process_ = Spawn(Java({"kafka.Kafka", Properties()}), folder_ / "server.log");
    for (int i = 0; i < 600; ++i) {
      if (Answers()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    ADD_FAILURE() << "Kafka does not start: " << Log();
  }
  /// As a crash.
  void Kill() {
    if (process_ <= 0) return;
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    process_ = 0;
  }
  /// In good order.
  void Stop() {
    kill(process_, SIGTERM);
    waitpid(process_, nullptr, 0);
    process_ = 0;
  }
  void Pause() const { kill(process_, SIGSTOP); }
  void Resume() const { kill(process_, SIGCONT); }
  std::string Log() const {
    std::ifstream file(folder_ / "server.log");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  void CreateTopic(const std::string& topic, int partitions) const {
    char text[512] = "";
    rd_kafka_t* const admin = Admin();
    rd_kafka_NewTopic_t* wanted =
        rd_kafka_NewTopic_new(topic.c_str(), partitions, 1, text, sizeof text);
    rd_kafka_queue_t* const queue = rd_kafka_queue_new(admin);
    rd_kafka_CreateTopics(admin, &wanted, 1, nullptr, queue);
    {
      const EventPtr event(rd_kafka_queue_poll(queue, 10'000));
      EXPECT_TRUE(event && rd_kafka_event_error(event.get()) == RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(wanted);
    rd_kafka_destroy(admin);
  }
  /// What the group has committed; -1 for nothing.
  int64_t Committed(const std::string& group, const std::string& topic, int partition) const {
    rd_kafka_t* const reader = Make(RD_KAFKA_CONSUMER, group);
    const PartitionsPtr list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
    EXPECT_EQ(rd_kafka_committed(reader, list.get(), 10'000), RD_KAFKA_RESP_ERR_NO_ERROR);
    const int64_t offset = list->elems[0].offset;
    rd_kafka_destroy_flags(reader, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return offset >= 0 ? offset : -1;
  }

 private:
  static std::filesystem::path Jars() {
    return std::filesystem::path(base::SourceDir()) / ".tools" / "kafka" / "lib";
  }
  static std::string Scram(const std::string& mechanism) {
    return base::StrCat(mechanism, "=[name=", kUser, ",password=", kPassword, "]");
  }
  std::string Properties() const { return folder_ / "server.properties"; }

  static std::vector<std::string> Java(const std::vector<std::string>& words) {
    std::vector<std::string> command{"java",
                                     "-Xms64m",
                                     "-Xmx256m",
                                     "-XX:+UseSerialGC",
                                     "-XX:TieredStopAtLevel=1",
                                     "-XX:-UsePerfData",
                                     "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                                     "-cp",
                                     Jars().string() + "/*"};
    command.insert(command.end(), words.begin(), words.end());
    return command;
  }
  void Run(const std::vector<std::string>& words) const {
    int status = -1;
    waitpid(Spawn(Java(words), folder_ / "format.log"), &status, 0);
    EXPECT_EQ(status, 0) << "Kafka's storage cannot be made; is there a java?";
  }
  // The signal at the parent's death comes when the thread that forked ends: one that never does.
  static pid_t Spawn(std::vector<std::string> command, const std::filesystem::path& log) {
    std::promise<pid_t> child;
    std::thread([&command, &log, &child] {
      child.set_value(Fork(command, log));
      while (true) pause();
    }).detach();
    return child.get_future().get();
  }
  static pid_t Fork(std::vector<std::string>& command, const std::filesystem::path& log) {
    std::vector<char*> arguments;
    for (std::string& one : command) arguments.push_back(one.data());
    arguments.push_back(nullptr);
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child != 0) return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || !freopen(log.c_str(), "a", stdout) ||
        dup2(STDOUT_FILENO, STDERR_FILENO) < 0) {
      _exit(126);
    }
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  rd_kafka_t* Make(rd_kafka_type_t type, const std::string& group = "tests") const {
    char text[512] = "";
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", address().c_str(), text, sizeof text);
    rd_kafka_conf_set(conf, "log_level", "0", text, sizeof text);
    if (type == RD_KAFKA_CONSUMER) {
      rd_kafka_conf_set(conf, "group.id", group.c_str(), text, sizeof text);
    }
    return rd_kafka_new(type, conf, text, sizeof text);
  }
  rd_kafka_t* Admin() const { return Make(RD_KAFKA_PRODUCER); }
  bool Answers() const {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(ports_.at("PLAIN")));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool open = connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
    close(fd);
    if (!open) return false;
    rd_kafka_t* const admin = Admin();
    const struct rd_kafka_metadata* metadata = nullptr;
    const bool good =
        rd_kafka_metadata(admin, 0, nullptr, &metadata, 5000) == RD_KAFKA_RESP_ERR_NO_ERROR &&
        metadata->broker_cnt > 0;
    if (metadata) rd_kafka_metadata_destroy(metadata);
    rd_kafka_destroy(admin);
    return good;
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
  void WriteCertificates() {
    const net::testing::TestCa authority;
    ca_pem_ = authority.pem();
    client_ = authority.Issue({.common_name = "client", .alternative = ""});
    const net::TlsIdentity server =
        authority.Issue({.common_name = "localhost", .alternative = "DNS:localhost,IP:127.0.0.1"});
    std::ofstream(folder_ / "ca.pem") << ca_pem_;
    std::ofstream(folder_ / "server.pem") << server.private_key_pem << server.certificate_chain_pem;
  }
  void WriteProperties() const {
    std::ofstream file(Properties());
    const auto place = [this](const std::string& name) {
      return base::StrCat(name, "://127.0.0.1:", ports_.at(name));
    };
    const std::string clients =
        base::Join(std::vector<std::string>{place("PLAIN"), place("SASL"), place("TLS"),
                                            place("MTLS"), place("SASLTLS")},
                   ",");
    file << "process.roles=broker,controller\nnode.id=1\n"
         << "controller.quorum.voters=1@127.0.0.1:" << ports_.at("CONTROLLER") << "\n"
         << "controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAIN\n"
         << "listeners=" << clients << "," << place("CONTROLLER") << "\n"
         << "advertised.listeners=" << clients << "\n"
         << "listener.security.protocol.map=PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT,"
            "SASL:SASL_PLAINTEXT,TLS:SSL,MTLS:SSL,SASLTLS:SASL_SSL\n"
         << "log.dirs=" << (folder_ / "data").string() << "\n"
         << "offsets.topic.replication.factor=1\noffsets.topic.num.partitions=2\n"
            "transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n"
            "group.initial.rebalance.delay.ms=0\nbroker.session.timeout.ms=1500\n"
            "broker.heartbeat.interval.ms=300\n"
         << "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n"
         << "ssl.keystore.type=PEM\nssl.keystore.location=" << (folder_ / "server.pem").string()
         << "\nssl.truststore.type=PEM\nssl.truststore.location=" << (folder_ / "ca.pem").string()
         << "\nlistener.name.mtls.ssl.client.auth=required\n";
    const std::string modules = "org.apache.kafka.common.security.";
    for (const char* listener : {"sasl", "sasltls"}) {
      const std::string before = base::StrCat("listener.name.", listener, ".");
      file << before << "plain.sasl.jaas.config=" << modules
           << "plain.PlainLoginModule required user_" << kUser << "=\"" << kPassword << "\";\n";
      for (const char* mechanism : {"scram-sha-256", "scram-sha-512"}) {
        file << before << mechanism << ".sasl.jaas.config=" << modules
             << "scram.ScramLoginModule required;\n";
      }
    }
  }

  std::filesystem::path folder_;
  std::map<std::string, int> ports_;
  std::string ca_pem_;
  net::TlsIdentity client_;
  pid_t process_ = 0;
};

/// One broker that the tests of a process share; each uses topics and groups of its own.
inline TestBroker& SharedBroker() {
  static TestBroker broker;
  return broker;
}

}  // namespace components::kafka
