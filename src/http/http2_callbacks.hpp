// nghttp2's C callbacks, translated to Http2Session's methods.
#pragma once

#include <nghttp2/nghttp2.h>

namespace http {

class Http2Memory;
class Http2Session;

/// A session whose callbacks lead to `session` and whose memory comes from `memory`, which must
/// outlive it. Null if out of memory. To be used on this thread only.
nghttp2_session* NewNghttp2Session(Http2Session* session, Http2Memory& memory, bool server);

}  // namespace http
