// Parser of HTTP/1.1 heads, strict and incremental (private to http/).
//
// It is fed the receive buffer and takes whole lines from it, so that a fault is reported at the
// line it is in, and nothing is read twice. What a proxy chain could understand in two ways is
// refused: bare CR or LF, folded lines, white space before a colon, doubtful lengths. Pure
// functions of the bytes; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "http/message.hpp"

namespace http {

/// Why a message is refused. `status` is what a server answers; `detail` may be empty.
struct ParseFault {
  /// In place of a status: what came is no HTTP at all, and gets no answer.
  static constexpr int kNotHttp = 0;
  int status = 400;
  std::string_view detail;
};

/// How the body of a message is delimited, and what the head says about the connection.
struct Framing {
  std::optional<uint64_t> length;  // Content-Length
  bool chunked = false;
  bool close = false;       // Connection: close
  bool keep_alive = false;  // Connection: keep-alive
  bool expect_continue = false;
  bool expect_unknown = false;
  bool upgrade = false;  // there is an Upgrade field
  int minor = 1;         // HTTP/1.<minor>
};

enum class ParseState : unsigned char { kMore, kDone, kError };

/// Collects header or trailer fields line by line.
class FieldParser {
 public:
  enum class Line : unsigned char { kField, kEnd, kMore, kError };
  /// Takes one line from the start of `input`. kField: `name` and `value` are views into `input`.
  static Line Next(std::string_view input, std::size_t& consumed, HeaderView& field,
                   ParseFault& fault);
};

class HeadParser {
 public:
  static constexpr std::size_t kMaxFields = 200;

  /// Starts a request or response whose head may have `max_bytes` in all.
  void StartRequest(RequestHead& head, std::size_t max_bytes);
  void StartResponse(ResponseHead& head, std::size_t max_bytes);

  /// Takes what it can from the start of `input`; `consumed` says how much. Bytes that are not
  /// consumed must be given again, with more behind them. After kDone or kError start anew.
  ParseState Feed(std::string_view input, std::size_t& consumed);

  /// True once a byte of the message, or an empty line before it, was taken.
  bool started() const { return stage_ != Stage::kFirstLine || empty_lines_ > 0; }
  const Framing& framing() const { return framing_; }
  const ParseFault& fault() const { return fault_; }

 private:
  enum class Stage : unsigned char { kFirstLine, kFields };
  enum class Step : unsigned char { kOn, kMore, kError };

  Step RequestLine(std::string_view input, std::size_t& consumed);
  Step StatusLine(std::string_view input, std::size_t& consumed);
  bool Target(std::string_view target);
  bool Field(const HeaderView& field);
  bool ContentLength(std::string_view value);
  bool TransferEncoding(std::string_view value);
  void Connection(std::string_view value);
  bool Complete();
  bool Fail(int status, std::string_view detail = {}) {
    fault_ = {status, detail};
    return false;
  }
  void Start(Headers& headers, std::size_t max_bytes);

  RequestHead* request_ = nullptr;
  ResponseHead* response_ = nullptr;
  Headers* headers_ = nullptr;
  Stage stage_ = Stage::kFirstLine;
  bool has_host_ = false;
  bool absolute_ = false;
  bool transfer_encoding_ = false;
  std::size_t empty_lines_ = 0;
  std::size_t bytes_left_ = 0;
  std::size_t fields_left_ = 0;
  Framing framing_;
  ParseFault fault_;
};

}  // namespace http
