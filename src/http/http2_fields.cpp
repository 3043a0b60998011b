#include "http/http2_fields.hpp"

#include <array>
#include <ctime>

#include "base/strings.hpp"

namespace http {
namespace {
std::vector<nghttp2_nv>& Storage() {
  thread_local std::vector<nghttp2_nv> fields;
  return fields;
}
}  // namespace

bool IsConnectionField(std::string_view name) {
  switch (name.size()) {
    case 7:
      return NameEquals(name, "upgrade");
    case 10:
      return NameEquals(name, "connection") || NameEquals(name, "keep-alive");
    case 14:
      return NameEquals(name, "http2-settings");
    case 16:
      return NameEquals(name, "proxy-connection");
    case 17:
      return NameEquals(name, "transfer-encoding");
    default:
      return false;
  }
}

bool IsGrpcType(std::string_view content_type) {
  return base::StartsWithIgnoreCase(content_type, "application/grpc");
}

std::string_view HttpDate() {
  thread_local std::time_t cached = -1;
  thread_local std::array<char, 40> text;
  thread_local std::size_t size = 0;
  const std::time_t now = std::time(nullptr);
  if (now != cached) {
    static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm parts{};
    gmtime_r(&now, &parts);
    // Names by hand: strftime would follow the locale.
    std::array<char, 32> middle;
    const std::size_t used =
        std::strftime(middle.data(), middle.size(), " %Y %H:%M:%S GMT", &parts);
    const std::string date =
        base::StrCat(kDays[parts.tm_wday], ", ", parts.tm_mday < 10 ? "0" : "", parts.tm_mday, " ",
                     kMonths[parts.tm_mon], std::string_view(middle.data(), used));
    size = date.copy(text.data(), text.size());
    cached = now;
  }
  return {text.data(), size};
}

Http2Fields::Http2Fields() : fields_(Storage()) {
  fields_.clear();
}

void Http2Fields::Add(std::string_view name, std::string_view value) {
  // nghttp2 takes pointers to mutable bytes but only reads them.
  fields_.push_back({const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(name.data())),
                     const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(value.data())),
                     name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
}

void Http2Fields::AddAll(const Headers& headers, bool with_content_length) {
  for (const auto [name, value] : headers) {
    if (name.empty() || name.front() == ':' || IsConnectionField(name)) continue;
    if (name.size() == 4 && NameEquals(name, "host")) continue;
    if (!with_content_length && name.size() == 14 && NameEquals(name, "content-length")) continue;
    Add(name, value);
  }
}

}  // namespace http
