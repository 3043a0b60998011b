// Heads of requests and responses, the same for HTTP/1.1 and HTTP/2.
#pragma once

#include <string>
#include <string_view>

#include "http/headers.hpp"

namespace http {

enum class Protocol : unsigned char { kHttp1, kHttp2 };

struct RequestHead {
  std::string method = "GET";
  /// Path and query exactly as sent ("/a%2Fb?x=1"), never decoded or cleaned here. "*" for OPTIONS
  /// *.
  std::string target = "/";
  std::string scheme = "http";
  /// Host of HTTP/1.1, :authority of HTTP/2.
  std::string authority;
  /// Without pseudo-fields, Host, Expect and Transfer-Encoding. Content-Length and Connection stay
  /// as information on messages received; on messages sent the engine leaves them out and writes
  /// its own.
  Headers headers;
  Protocol protocol = Protocol::kHttp1;

  std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
  /// Without the question mark.
  std::string_view query() const {
    const auto mark = target.find('?');
    return mark == std::string::npos ? std::string_view()
                                     : std::string_view(target).substr(mark + 1);
  }
};

struct ResponseHead {
  int status = 200;
  Headers headers;
};

/// The standard reason phrase, "" for unknown codes.
std::string_view ReasonPhrase(int status);

}  // namespace http
