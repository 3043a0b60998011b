#include "components/postgres/connection_string.hpp"

#include <gtest/gtest.h>

#include "components/postgres/settings.hpp"

namespace components::postgres {
namespace {

std::string Show(const Target& target) {
  std::string out;
  for (const Host& host : target.hosts) {
    base::StrAppend(out, out.empty() ? "" : ",", host.name, "|", host.address, "|", host.port);
  }
  for (const auto& [name, value] : target.options) base::StrAppend(out, " ", name, "=", value);
  for (const auto& [name, value] : target.session) base::StrAppend(out, " set ", name, "=", value);
  if (target.session_attributes != "any") base::StrAppend(out, " ", target.session_attributes);
  return out;
}

TEST(ConnectionString, FormsOfTheGoDriver) {
  const std::pair<const char*, const char*> cases[] = {
      {"host=db user=u password=p dbname=d", "db||5432 user=u password=p dbname=d"},
      {"host = db port= 6000 database ='my db' password='it\\'s \\\\'",
       "db||6000 dbname=my db password=it's \\"},
      {"host=db password=a\\ b\\'c user=''", "db||5432 password=a b'c user="},
      {"postgres://u:p%40%2F@db/d", "db||5432 user=u password=p@/ dbname=d"},
      {"postgresql://db", "db||5432"},
      {"POSTGRES://u@db:6000/?sslmode=require", "db||6000 user=u sslmode=require"},
      {"postgres://u:a:b@db", "db||5432 user=u password=a:b"},
      {"postgres://[::1]:6000/d", "::1||6000 dbname=d"},
      {"postgres://a:1,b:2/d?target_session_attrs=read-write", "a||1,b||2 dbname=d read-write"},
      {"postgres://a,b:2/d", ""},
      {"postgres://a,b/d", "a||5432,b||5432 dbname=d"},
      {"postgres://%2Frun%2Fpg/d", "/run/pg||5432 dbname=d"},
      {"postgres:///d?host=/run/pg&user=u", "/run/pg||5432 dbname=d user=u"},
      {"host=a,b port=1,2 hostaddr=10.0.0.1,10.0.0.2", "a|10.0.0.1|1,b|10.0.0.2|2"},
      {"hostaddr=10.0.0.1", "|10.0.0.1|5432"},
      {"host=a,b port=6000", "a||6000,b||6000"},
      {"host=db search_path=app statement_timeout=1s application_name=x",
       "db||5432 application_name=x set search_path=app set statement_timeout=1s"},
      {"host=db pool_max_conns=7 pool_min_conns=1 pool_max_conn_lifetime=1h "
       "statement_cache_capacity=0 client_encoding=LATIN1",
       "db||5432"},
      {"postgres://db/d?x.y=a+b%20c", "db||5432 dbname=d set x.y=a b c"}};
  for (const auto& [text, shown] : cases) {
    SCOPED_TRACE(text);
    const auto target = ParseConnectionString(text, {});
    ASSERT_TRUE(target) << target.error().message;
    if (*shown) {
      EXPECT_EQ(Show(*target), shown);
    }
  }
}

TEST(ConnectionString, PoolSettings) {
  const auto target = ParseConnectionString(
      "host=db pool_max_conns=7 pool_max_conn_idle_time=90s default_query_exec_mode=exec "
      "connect_timeout=3",
      {});
  ASSERT_TRUE(target);
  EXPECT_EQ(target->max_connections, 7);
  EXPECT_EQ(target->max_idle_time, std::chrono::seconds(90));
  EXPECT_EQ(target->exec_mode, "exec");
  EXPECT_EQ(target->connect_timeout, std::chrono::seconds(3));
}

TEST(ConnectionString, FieldsWin) {
  const TargetFields fields{.host = "other",
                            .hostaddr = {},
                            .port = "7000",
                            .database = "db2",
                            .user = "u2",
                            .password = "p2",
                            .ssl_root_cert = "/ca.pem"};
  EXPECT_EQ(Show(*ParseConnectionString("postgres://u:p@db:1/d", fields)),
            "other||7000 user=u2 password=p2 dbname=db2 sslrootcert=/ca.pem");
  EXPECT_EQ(Show(*ParseConnectionString("", {.host = "a"})), "a||5432");
}

TEST(ConnectionString, WrongOnesSayWhatToDoAndKeepSecrets) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "missing connection string"},
      {"  ", "missing connection string"},
      {"secret", "key=value pairs"},
      {"=secret", "key=value pairs"},
      {"host=db password='secret", "a quote that is not closed"},
      {"host=db sslmode=secret", "wrong value of sslmode"},
      {"host=db port=secret", "a port that is not a number"},
      {"host=db port=0", "a port that is not a number"},
      {"host=db port=70000", "a port that is not a number"},
      {"host=a,b,c port=1,2", "as many ports as hosts"},
      {"host=a,b hostaddr=10.0.0.1", "as many values of hostaddr"},
      {"host=db connect_timeout=secret", "wrong value of connect_timeout"},
      {"host=db pool_max_conn_idle_time=secret", "wrong value of pool_max_conn_idle_time"},
      {"host=db target_session_attrs=secret", "wrong value of target_session_attrs"},
      {"host=db service=secret", "must not name a service"},
      {"host=db se-cret=1", "a name that is no word"},
      {"postgres://u:secret%zz@db", "wrong escape in its password"},
      {"postgres://u:p@db%0", "wrong escape in its host"},
      {"postgres://[::1/secret", "a '[' without ']'"},
      {"postgres://db/d?a=%z", "wrong escape in its options"}};
  for (const auto& [text, message] : cases) {
    const auto target = ParseConnectionString(text, {});
    ASSERT_FALSE(target) << text;
    EXPECT_EQ(target.error().kind, base::Kind::kInvalidArgument);
    if (std::string_view(message) != "a name that is no word") {
      EXPECT_NE(target.error().message.find(message), std::string::npos) << target.error().message;
    }
    EXPECT_EQ(target.error().message.find("secret"), std::string::npos) << target.error().message;
    EXPECT_EQ(target.error().message.find("se-cret"), std::string::npos) << target.error().message;
  }
}

TEST(Settings, DefaultsAndOlderForms) {
  const auto read = [](std::vector<config::Properties::Entry> more) {
    more.push_back({"connectionString", "host=db pool_max_conns=7"});
    return ReadSettings(config::Properties("test", std::move(more)));
  };
  const auto plain = read({});
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->timeout, std::chrono::seconds(20));
  EXPECT_EQ(plain->idle_time, std::chrono::minutes(30));
  EXPECT_EQ(plain->max_connections, 7);
  EXPECT_TRUE(plain->prepare);
  const auto older = read({{"timeoutInSeconds", "5"},
                           {"maxConns", "2"},
                           {"connectionMaxIdleTime", "10s"},
                           {"queryExecMode", "simple_protocol"}});
  ASSERT_TRUE(older);
  EXPECT_EQ(older->timeout, std::chrono::seconds(5));
  EXPECT_EQ(older->idle_time, std::chrono::seconds(10));
  EXPECT_EQ(older->max_connections, 2);
  EXPECT_FALSE(older->prepare);
}

}  // namespace
}  // namespace components::postgres
