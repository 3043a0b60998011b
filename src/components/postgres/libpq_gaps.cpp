// What the static libpq.a of Debian wants and a static program cannot have.
//
// Debian builds libpq with GSSAPI and LDAP, and neither library comes as a static archive. Both are
// optional ways to sign in or to look up a service, so their calls fail here and libpq reports them
// as not available. The names of the user and of the home folder would be asked from the C
// library's name services, which load shared libraries; the environment has both.
#include <sys/types.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

// The names are those of the libraries.
// NOLINTBEGIN(readability-identifier-naming)
namespace {

constexpr unsigned kGssUnavailable = 16U << 16;
constexpr int kLdapNotSupported = 0x5c;

bool FromEnvironment(const char* name, char* buffer, std::size_t size) {
  const char* value = std::getenv(name);
  if (!value || !*value || std::strlen(value) >= size) {
    if (size > 0) *buffer = '\0';
    return false;
  }
  std::memcpy(buffer, value, std::strlen(value) + 1);
  return true;
}

}  // namespace

extern "C" {

void* GSS_C_NT_HOSTBASED_SERVICE = nullptr;

unsigned gss_acquire_cred() {
  return kGssUnavailable;
}
unsigned gss_delete_sec_context() {
  return kGssUnavailable;
}
unsigned gss_display_status() {
  return kGssUnavailable;
}
unsigned gss_import_name() {
  return kGssUnavailable;
}
unsigned gss_init_sec_context() {
  return kGssUnavailable;
}
unsigned gss_release_buffer() {
  return kGssUnavailable;
}
unsigned gss_release_cred() {
  return kGssUnavailable;
}
unsigned gss_release_name() {
  return kGssUnavailable;
}
unsigned gss_unwrap() {
  return kGssUnavailable;
}
unsigned gss_wrap() {
  return kGssUnavailable;
}
unsigned gss_wrap_size_limit() {
  return kGssUnavailable;
}

int ldap_count_entries() {
  return 0;
}
char* ldap_err2string() {
  static char text[] = "LDAP is not supported";
  return text;
}
void* ldap_first_entry() {
  return nullptr;
}
void* ldap_get_values_len() {
  return nullptr;
}
void* ldap_init() {
  return nullptr;
}
int ldap_msgfree() {
  return 0;
}
int ldap_result() {
  return -1;
}
int ldap_search_st() {
  return kLdapNotSupported;
}
int ldap_set_option() {
  return kLdapNotSupported;
}
int ldap_simple_bind() {
  return -1;
}
int ldap_unbind() {
  return 0;
}
void ldap_value_free_len() {}

// Of libpgport, which libpq asks for the defaults of `user` and of files below ~/.postgresql.
bool pg_get_user_name(uid_t /*user*/, char* buffer, std::size_t size) {
  return FromEnvironment("USER", buffer, size);
}
bool pg_get_user_home_dir(uid_t /*user*/, char* buffer, std::size_t size) {
  return FromEnvironment("HOME", buffer, size);
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming)
