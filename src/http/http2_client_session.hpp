// The client's HTTP/2 session: requests out, response heads in. Without a socket.
#pragma once

#include <string>

#include "http/client.hpp"
#include "http/http2_client_stream.hpp"
#include "http/http2_session.hpp"

namespace http {

class Http2ClientSession final : public Http2Session {
 public:
  /// `peer` names the other side in error texts.
  Http2ClientSession(async::Loop& loop, Owner& owner, const ClientOptions& options,
                     std::string peer);

  /// Opens a stream; false if there can be no more on this connection.
  bool Submit(Http2ClientStream& stream, const RequestHead& head);
  /// How many more streams may be opened now.
  std::size_t room() const;
  /// The peer has said that it takes no more streams.
  bool going_away() const { return going_away_; }
  /// Says GOAWAY.
  void Leave();
  /// "the connection to 10.0.0.1:80 …", with the peer's reason if it gave one.
  std::string Describe(std::string_view what) const;
  std::size_t max_header_bytes() const { return limits_.max_header_bytes; }

 private:
  void OnBeginHeaders(const nghttp2_frame& frame) override;
  void OnField(const nghttp2_frame& frame, std::string_view name, std::string_view value) override;
  void OnHeaders(const nghttp2_frame& frame) override;
  void OnGoAway(const nghttp2_goaway& frame) override;

  const std::size_t max_streams_;
  const std::string peer_;
  std::string goodbye_;
  bool going_away_ = false;
  bool left_ = false;
};

}  // namespace http
