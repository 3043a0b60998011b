#include "runtime/stable_port.hpp"

#include <limits.h>
#include <unistd.h>

#include <string>

#include "base/strings.hpp"
#include "net/crypto.hpp"

namespace runtime {

uint16_t StablePort(std::string_view app_id) {
  char host[HOST_NAME_MAX + 1] = {};
  char folder[PATH_MAX] = {};
  gethostname(host, sizeof host - 1);
  if (!getcwd(folder, sizeof folder - 1)) folder[0] = '\0';
  const std::string digest =
      net::Sha256(base::StrCat(app_id, folder, static_cast<unsigned>(getuid()), host));
  const auto low = static_cast<unsigned char>(digest[0]);
  const auto high = static_cast<unsigned char>(digest[1]);
  constexpr unsigned kFirst = 47'300;
  constexpr unsigned kLast = 65'535;
  return static_cast<uint16_t>((low | high << 8) % (kLast - kFirst) + kFirst);
}

}  // namespace runtime
