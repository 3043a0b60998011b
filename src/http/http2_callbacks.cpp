#include "http/http2_callbacks.hpp"

#include "http/http2_memory.hpp"
#include "http/http2_session.hpp"

namespace http {

struct Http2Callbacks {
  static Http2Session& Of(void* user_data) { return *static_cast<Http2Session*>(user_data); }
  static std::string_view View(const uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
  }

  static int BeginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    Http2Session& session = Of(user_data);
    session.header_bytes_ = 0;
    session.header_too_large_ = false;
    session.OnBeginHeaders(*frame);
    return 0;
  }
  static int Field(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                   std::size_t name_size, const uint8_t* value, std::size_t value_size, uint8_t,
                   void* user_data) {
    Http2Session& session = Of(user_data);
    if (session.CountField(name_size + value_size)) {
      session.OnField(*frame, View(name, name_size), View(value, value_size));
    }
    return 0;
  }
  static int FrameReceived(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    Http2Session& session = Of(user_data);
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        session.header_since_.reset();
        session.OnHeaders(*frame);
        break;
      case NGHTTP2_DATA:
        if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
          if (Http2Stream* stream = session.StreamOf(frame->hd.stream_id)) {
            stream->in_.End();
            stream->Queue(Http2Stream::kBody);
          }
        }
        break;
      case NGHTTP2_SETTINGS:
        if (frame->hd.flags & NGHTTP2_FLAG_ACK) {
          session.settings_acknowledged_ = true;
        } else {
          session.greeted_ = true;
        }
        break;
      case NGHTTP2_PING:
        if (frame->hd.flags & NGHTTP2_FLAG_ACK) {
          uint64_t number = 0;
          for (const uint8_t byte : frame->ping.opaque_data) number = number << 8 | byte;
          session.OnPong(number);
        }
        break;
      case NGHTTP2_GOAWAY:
        session.OnGoAway(frame->goaway);
        break;
      default:
        break;
    }
    return 0;
  }
  static int InvalidFrame(nghttp2_session*, const nghttp2_frame* frame, int, void* user_data) {
    if (frame->hd.type == NGHTTP2_HEADERS) Of(user_data).header_since_.reset();
    return 0;
  }
  static int Data(nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, std::size_t size,
                  void* user_data) {
    Http2Session& session = Of(user_data);
    session.cheap_.Give(2);
    if (Http2Stream* stream = session.StreamOf(id)) {
      stream->in_.Append(View(data, size));
      stream->Queue(Http2Stream::kBody);
    } else {
      nghttp2_session_consume(session.session_, id, size);
    }
    return 0;
  }
  static int StreamClosed(nghttp2_session*, int32_t id, uint32_t error_code, void* user_data) {
    Http2Session& session = Of(user_data);
    if (Http2Stream* stream = session.StreamOf(id)) {
      session.closed_ids_.Add(id);
      session.Close(*stream);
      stream->NoteClosed(error_code);
      stream->Queue(Http2Stream::kClosed);
    }
    return 0;
  }
  static int FrameSent(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    Http2Session& session = Of(user_data);
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
      case NGHTTP2_DATA:
        // Acknowledgements and window updates that answer what we send are no flood.
        session.control_.Give(2);
        session.cheap_.Give(8);
        if (Http2Stream* stream = session.StreamOf(frame->hd.stream_id)) {
          if (frame->hd.type == NGHTTP2_HEADERS) stream->NoteHeadSent();
          if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) stream->NoteEndSent();
        }
        break;
      case NGHTTP2_GOAWAY:
        session.OnGoAwaySent();
        break;
      case NGHTTP2_RST_STREAM:
        session.OnResetSent(frame->hd.stream_id, frame->rst_stream.error_code);
        break;
      default:
        break;
    }
    return 0;
  }
  static int FrameNotSent(nghttp2_session*, const nghttp2_frame* frame, int, void* user_data) {
    // A request that may not be sent any more; nghttp2 never made a stream of it.
    Http2Session& session = Of(user_data);
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    session.ForEachStream([&](Http2Stream& stream) {
      if (!stream.open_ || stream.id_ != frame->hd.stream_id) return;
      session.Close(stream);
      stream.NoteClosed(NGHTTP2_REFUSED_STREAM);
      stream.Queue(Http2Stream::kClosed);
    });
    return 0;
  }
  static ssize_t ReadData(nghttp2_session* handle, int32_t id, uint8_t*, std::size_t max,
                          uint32_t* flags, nghttp2_data_source* source, void*) {
    auto* stream = static_cast<Http2Stream*>(source->ptr);
    // Its owner may have dropped it while nghttp2 still has the source queued.
    if (nghttp2_session_get_stream_user_data(handle, id) != stream) {
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    const Http2Stream::Piece piece = stream->NextPiece(max);
    if (piece.wait) {
      stream->deferred_ = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (piece.end) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (piece.trailers && !piece.trailers->empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        Http2Fields fields;
        fields.AddAll(*piece.trailers);
        if (nghttp2_submit_trailer(handle, id, fields.data(), fields.size()) != 0) {
          return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
      }
    }
    return static_cast<ssize_t>(piece.size);
  }
  static int SendData(nghttp2_session*, nghttp2_frame*, const uint8_t* head, std::size_t size,
                      nghttp2_data_source* source, void* user_data) {
    std::string& out = *Of(user_data).sink_;
    out.append(reinterpret_cast<const char*>(head), 9);
    static_cast<Http2Stream*>(source->ptr)->CopyPiece(size, out);
    return 0;
  }

  static nghttp2_session_callbacks* Table() {
    static nghttp2_session_callbacks* const table = [] {
      nghttp2_session_callbacks* made = nullptr;
      if (nghttp2_session_callbacks_new(&made) != 0) return made;
      nghttp2_session_callbacks_set_on_begin_headers_callback(made, BeginHeaders);
      nghttp2_session_callbacks_set_on_header_callback(made, Field);
      nghttp2_session_callbacks_set_on_frame_recv_callback(made, FrameReceived);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, InvalidFrame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, Data);
      nghttp2_session_callbacks_set_on_stream_close_callback(made, StreamClosed);
      nghttp2_session_callbacks_set_on_frame_send_callback(made, FrameSent);
      nghttp2_session_callbacks_set_on_frame_not_send_callback(made, FrameNotSent);
      nghttp2_session_callbacks_set_send_data_callback(made, SendData);
      return made;
    }();
    return table;
  }
  static nghttp2_option* Options(bool server) {
    static nghttp2_option* const client_options = MakeOptions(false);
    static nghttp2_option* const server_options = MakeOptions(true);
    return server ? server_options : client_options;
  }
  static nghttp2_option* MakeOptions(bool server) {
    nghttp2_option* made = nullptr;
    if (nghttp2_option_new(&made) != 0) return made;
    nghttp2_option_set_no_auto_window_update(made, 1);
    nghttp2_option_set_no_closed_streams(made, 1);
    nghttp2_option_set_max_reserved_remote_streams(made, 0);
    nghttp2_option_set_peer_max_concurrent_streams(made, 100);
    nghttp2_option_set_max_send_header_block_length(made, 256 * 1024);
    nghttp2_option_set_max_outbound_ack(made, 1000);
    nghttp2_option_set_max_settings(made, 32);
    // CONTINUATION counts twice when a read ends in its header; the bytes are limited anyway.
    nghttp2_option_set_max_continuations(made, 64);
    // Http2Session has its own limits, set by ServerOptions.
    nghttp2_option_set_stream_reset_rate_limit(made, 1u << 30, 1u << 30);
    // Dates and lengths would fill a larger table with entries that are never used again.
    if (server) nghttp2_option_set_max_deflate_dynamic_table_size(made, 1024);
    return made;
  }
};

nghttp2_session* NewNghttp2Session(Http2Session* session, Http2Memory& memory, bool server) {
  nghttp2_session* made = nullptr;
  auto* callbacks = Http2Callbacks::Table();
  auto* options = Http2Callbacks::Options(server);
  if (!callbacks || !options) return nullptr;
  const int failed =
      server ? nghttp2_session_server_new3(&made, callbacks, session, options, memory.table())
             : nghttp2_session_client_new3(&made, callbacks, session, options, memory.table());
  memory.Created();
  return failed ? nullptr : made;
}

nghttp2_data_provider Http2Session::Provider(Http2Stream& stream) const {
  nghttp2_data_provider provider;
  provider.source.ptr = &stream;
  provider.read_callback = Http2Callbacks::ReadData;
  return provider;
}

}  // namespace http
