// The TLS records of Stream, from the end of the handshake to the orderly end.
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "net/errno_text.hpp"
#include "net/stream.hpp"
#include "net/tls.hpp"
#include "net/tls_state.hpp"

namespace net {
namespace {

constexpr size_t kRecord = 16 * 1024;  // the most that one TLS record carries

}  // namespace

IoResult Stream::TlsFailure(int result) {
  TlsState& state = *TlsState::Of(ssl_);
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return {Io::kWouldBlock, 0, 0};
    case SSL_ERROR_ZERO_RETURN:
      return {Io::kEof, 0, 0};
    default:
      break;
  }
  tls_broken_ = true;
  const int error = state.error;
  state.certificate_refused = error == 0 && IsCertificateAlert(ERR_peek_error());
  state.fault = error != 0 ? ErrnoText(error) : TakeTlsError();
  ERR_clear_error();
  // Many peers close without close_notify; between records that is an end like any other.
  if (error == 0 && state.eof && !SSL_has_pending(ssl_)) return {Io::kEof, 0, 0};
  state.eof = false;
  return {Io::kError, 0, error};
}

IoResult Stream::ReadTls(std::span<char> buffer) {
  TlsState& state = *TlsState::Of(ssl_);
  if (tls_broken_) {
    return state.eof && state.error == 0 ? IoResult{Io::kEof, 0, 0}
                                         : IoResult{Io::kError, 0, state.error};
  }
  if (buffer.empty()) return {Io::kOk, 0, 0};
  size_t total = 0;
  while (total < buffer.size()) {
    ERR_clear_error();
    size_t n = 0;
    const int result = SSL_read_ex(ssl_, buffer.data() + total, buffer.size() - total, &n);
    if (result != 1) {
      const IoResult failure = TlsFailure(result);
      if (total == 0) {
        // A key update whose answer does not fit in the socket; go on with the next edge.
        if (failure.status == Io::kWouldBlock) watch_.set_readable(false);
        return failure;
      }
      return {Io::kOk, total, 0};  // the next Read meets the end or the fault again
    }
    total += n;
    if (!SSL_has_pending(ssl_)) {
      if (state.drained && !watch_.hung_up()) watch_.set_readable(false);
      break;
    }
  }
  return {Io::kOk, total, 0};
}

IoResult Stream::WriteTls(std::span<const iovec> pieces) {
  if (tls_broken_) return {Io::kError, 0, TlsState::Of(ssl_)->error};
  thread_local std::array<char, kRecord> gathered;
  size_t written = 0;
  size_t index = 0;  // the next byte to send is pieces[index] + offset
  size_t offset = 0;
  const auto advance = [&](size_t n) {
    while (index < pieces.size() && n >= pieces[index].iov_len - offset) {
      n -= pieces[index].iov_len - offset;
      offset = 0;
      ++index;
    }
    offset += n;
  };
  advance(0);
  while (index < pieces.size()) {
    const char* data = static_cast<const char*>(pieces[index].iov_base) + offset;
    size_t size = pieces[index].iov_len - offset;
    // One record each time. Its size depends on nothing but how much is offered, so that an attempt
    // repeated with the same bytes or more is one OpenSSL takes for a repetition.
    if (size < kRecord && index + 1 < pieces.size()) {
      std::memcpy(gathered.data(), data, size);
      for (size_t i = index + 1; i < pieces.size() && size < kRecord; ++i) {
        const size_t part = std::min(pieces[i].iov_len, kRecord - size);
        if (part != 0) std::memcpy(gathered.data() + size, pieces[i].iov_base, part);
        size += part;
      }
      data = gathered.data();
    }
    size = std::min(size, kRecord);
    ERR_clear_error();
    size_t n = 0;
    const int result = SSL_write_ex(ssl_, data, size, &n);
    if (result != 1) {
      const IoResult failure = TlsFailure(result);
      if (written != 0 && failure.status == Io::kWouldBlock) return {Io::kOk, written, 0};
      if (failure.status == Io::kEof) return {Io::kError, 0, EPIPE};
      return failure;
    }
    written += n;
    advance(n);
  }
  return {Io::kOk, written, 0};
}

void Stream::SendCloseNotify() {
  if (tls_broken_ || !SSL_is_init_finished(ssl_) ||
      (SSL_get_shutdown(ssl_) & SSL_SENT_SHUTDOWN) != 0) {
    return;
  }
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

void Stream::FreeTls() {
  if (!aborted_) SendCloseNotify();
  TlsState* const state = TlsState::Of(ssl_);
  SSL_free(ssl_);
  ssl_ = nullptr;
  delete state;
}

std::string Stream::tls_fault() const {
  return ssl_ ? TlsState::Of(ssl_)->fault : std::string();
}

bool Stream::tls_certificate_refused() const {
  return ssl_ && TlsState::Of(ssl_)->certificate_refused;
}

}  // namespace net
