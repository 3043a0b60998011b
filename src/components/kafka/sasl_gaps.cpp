// What Debian's static librdkafka.a wants and a static program cannot have.
//
// It is built with Cyrus SASL for Kerberos (GSSAPI), and that library loads its mechanisms as
// shared objects. Its calls fail here, so that mechanism is reported as not available; PLAIN, SCRAM
// and OAUTHBEARER are librdkafka's own and do not come this way.

// The names are those of the library.
// NOLINTBEGIN(readability-identifier-naming)
namespace {
constexpr int kSaslNoMechanism = -4;
}

extern "C" {

int sasl_client_init(const void* /*callbacks*/) {
  return 0;  // the start of librdkafka asks, also for those who never use it
}
int sasl_client_new() {
  return kSaslNoMechanism;
}
int sasl_client_start() {
  return kSaslNoMechanism;
}
int sasl_client_step() {
  return kSaslNoMechanism;
}
void sasl_dispose(void** connection) {
  if (connection) *connection = nullptr;
}
const char* sasl_errdetail(void* /*connection*/) {
  return "Kerberos is not supported";
}
const char* sasl_errstring(int /*code*/, const char* /*languages*/, const char** /*language*/) {
  return "Kerberos is not supported";
}
int sasl_getprop() {
  return kSaslNoMechanism;
}
int sasl_listmech() {
  return kSaslNoMechanism;
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming)
