// nghttp2's C callbacks, translated to Http2Session's methods.
#pragma once

#include <nghttp2/nghttp2.h>

namespace http {

class Http2Session;

/// A session whose callbacks lead to `session`. Null if out of memory. Any thread.
nghttp2_session* NewNghttp2Session(Http2Session* session, bool server);

}  // namespace http
