// Http2Session's watch over its peer: floods, and faults that nghttp2 passes over.
#include <algorithm>
#include <utility>

#include "http/http2_session.hpp"

namespace http {

void Http2Session::RecentIds::Add(int32_t id) {
  floor = std::max(floor, ids[next]);
  ids[next] = id;
  next = static_cast<uint8_t>((next + 1) % ids.size());
}

bool Http2Session::RecentIds::Has(int32_t id) const {
  for (const int32_t known : ids) {
    if (known == id) return true;
  }
  return false;
}

uint32_t Http2Session::FaultOfClosed(int32_t id) const {
  // Resets that are forgotten, and all before them, get the benefit of the doubt.
  if (id <= reset_ids_.floor || reset_ids_.Has(id)) return NGHTTP2_NO_ERROR;
  // Otherwise either closed long ago or skipped: an unexpected stream identifier.
  return closed_ids_.Has(id) ? NGHTTP2_STREAM_CLOSED : NGHTTP2_PROTOCOL_ERROR;
}

void Http2Session::OnResetSent(int32_t id, uint32_t error_code) {
  reset_ids_.Add(id);
  bool fine = true;
  switch (error_code) {
    case NGHTTP2_PROTOCOL_ERROR:
    case NGHTTP2_FLOW_CONTROL_ERROR:
    case NGHTTP2_STREAM_CLOSED:
    case NGHTTP2_FRAME_SIZE_ERROR:
      // A peer that makes us reset wastes our work as one that resets itself.
      fine = resets_.Take(loop_.now());
      break;
    case NGHTTP2_REFUSED_STREAM:
      fine = cheap_.Take(loop_.now());
      break;
    default:
      break;
  }
  if (!fine) Terminate(NGHTTP2_ENHANCE_YOUR_CALM);
}

bool Http2Session::NeedsState(const Http2Scanner::Head& head) const {
  if (!server_) return false;
  switch (head.type) {
    case NGHTTP2_DATA:
    case NGHTTP2_HEADERS:
      return head.id <= last_peer_id_;
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_WINDOW_UPDATE:
      return true;
    default:
      return false;
  }
}

void Http2Session::CheckFrame(const Http2Scanner::Head& head) {
  const auto now = loop_.now();
  if (head.type != NGHTTP2_CONTINUATION) header_since_.reset();
  bool fine = true;
  switch (head.type) {
    case NGHTTP2_DATA:
      fine = cheap_.Take(now);  // data worth its header pays it back
      [[fallthrough]];
    case NGHTTP2_HEADERS:
      // RFC 9113, section 5.1, wants an error where nghttp2 passes over.
      if (server_ && head.id <= last_peer_id_ && (head.id & 1) &&
          !nghttp2_session_find_stream(session_, head.id)) {
        if (const uint32_t fault = FaultOfClosed(head.id)) return Terminate(fault);
      }
      if (head.type == NGHTTP2_HEADERS) {
        header_since_ = now;
        if (server_ && (head.id & 1)) last_peer_id_ = std::max(last_peer_id_, head.id);
      }
      break;
    case NGHTTP2_PING:
    case NGHTTP2_SETTINGS:
      fine = control_.Take(now);
      break;
    case NGHTTP2_RST_STREAM:
      // A reset of a live stream throws away work that we have begun.
      fine = StreamOf(head.id) ? resets_.Take(now) : cheap_.Take(now);
      break;
    case NGHTTP2_PRIORITY:
      fine = cheap_.Take(now);
      if (head.id == 0) return Terminate(NGHTTP2_PROTOCOL_ERROR);
      if (head.length == 5) scanner_.Want(4);
      break;
    case NGHTTP2_WINDOW_UPDATE:
      fine = cheap_.Take(now);
      if (head.length == 4) scanner_.Want(4);
      break;
    default:
      fine = cheap_.Take(now);
  }
  if (!fine) Terminate(NGHTTP2_ENHANCE_YOUR_CALM);
}

void Http2Session::CheckPayload(const Http2Scanner::Head& head, uint32_t number) {
  // A stream that depends on itself; an increment of nothing, on a stream that has been forgotten.
  if (head.type == NGHTTP2_PRIORITY && number == static_cast<uint32_t>(head.id)) {
    Terminate(NGHTTP2_PROTOCOL_ERROR);
  } else if (head.type == NGHTTP2_WINDOW_UPDATE && number == 0 && server_ &&
             !nghttp2_session_find_stream(session_, head.id)) {
    Terminate(NGHTTP2_PROTOCOL_ERROR);
  }
}

}  // namespace http
