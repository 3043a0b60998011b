// Header lists on their way into nghttp2, which copies them (and lower-cases names) when submitted.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <string_view>
#include <vector>

#include "http/headers.hpp"

namespace http {

/// Connection, Keep-Alive, Proxy-Connection, Transfer-Encoding, Upgrade, HTTP2-Settings: fields
/// that HTTP/2 forbids.
bool IsConnectionField(std::string_view name);
/// "application/grpc" with any suffix or parameter.
bool IsGrpcType(std::string_view content_type);
/// The value of the Date field now; the view is good until the next call on this thread.
std::string_view HttpDate();

/// A list under construction. The text it refers to must stay until it is submitted. Uses storage
/// of the thread: only one at a time.
class Http2Fields {
 public:
  Http2Fields();
  void Add(std::string_view name, std::string_view value);
  /// All but connection-specific fields, Host and fields that look like pseudo-fields.
  void AddAll(const Headers& headers, bool with_content_length = true);
  const nghttp2_nv* data() const { return fields_.data(); }
  std::size_t size() const { return fields_.size(); }

 private:
  std::vector<nghttp2_nv>& fields_;
};

}  // namespace http
