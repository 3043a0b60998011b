#include "http/http1_writer.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <ctime>

#include "base/strings.hpp"
#include "base/time.hpp"

namespace http {
namespace {

char* Put(char* at, std::string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

// Fields that belong to the engine. The first letter tells most others off.
bool IsEngineField(std::string_view name, bool request) {
  switch (name.empty() ? '\0' : base::LowerChar(name[0])) {
    case 'c':
      return NameEquals(name, "connection") || NameEquals(name, "content-length");
    case 't':
      return NameEquals(name, "transfer-encoding");
    case 'k':
      return NameEquals(name, "keep-alive");
    case 'p':
      return NameEquals(name, "proxy-connection");
    case 'h':
      return request && NameEquals(name, "host");
    default:
      return false;
  }
}

// Room for everything around the fields: first line, framing, date.
constexpr std::size_t kFixed = 256;

std::size_t Bound(const Headers& headers) {
  return headers.bytes() + headers.size() * 4 + kFixed;
}

// Runs `write(char*)`, which appends at most `bound` bytes and returns the new end.
template <class F>
void Append(std::string& out, std::size_t bound, F&& write) {
  const std::size_t size = out.size();
  out.resize_and_overwrite(size + bound, [&](char* text, std::size_t) {
    return static_cast<std::size_t>(write(text + size) - text);
  });
}

char* PutField(char* at, const HeaderView& field) {
  at = Put(at, field.name);
  *at++ = ':';
  *at++ = ' ';
  at = Put(at, field.value);
  *at++ = '\r';
  *at++ = '\n';
  return at;
}

char* PutFraming(char* at, const SendOptions& options) {
  switch (options.framing) {
    case SendFraming::kLength:
      at = Put(at, "Content-Length: ");
      at = std::to_chars(at, at + 20, options.length).ptr;
      at = Put(at, "\r\n");
      break;
    case SendFraming::kChunked:
      at = Put(at, "Transfer-Encoding: chunked\r\n");
      break;
    case SendFraming::kNone:
    case SendFraming::kClose:
      break;
  }
  if (options.close) at = Put(at, "Connection: close\r\n");
  if (options.keep_alive) at = Put(at, "Connection: keep-alive\r\n");
  return at;
}

char* PutStatusLine(char* at, int status, int minor) {
  if (status == 200 && minor != 0) return Put(at, "HTTP/1.1 200 OK\r\n");
  at = Put(at, minor == 0 ? "HTTP/1.0 " : "HTTP/1.1 ");
  *at++ = static_cast<char>('0' + status / 100 % 10);
  *at++ = static_cast<char>('0' + status / 10 % 10);
  *at++ = static_cast<char>('0' + status % 10);
  *at++ = ' ';
  at = Put(at, ReasonPhrase(status));
  return Put(at, "\r\n");
}

}  // namespace

std::string_view DateLine() {
  constexpr std::string_view kName = "Date: ";
  struct Cache {
    std::time_t second = -1;
    std::array<char, 64> text{};
    std::size_t size = 0;
  };
  thread_local Cache cache;
  const std::time_t now = std::time(nullptr);
  if (now != cache.second) {
    cache.second = now;
    const std::string date =
        base::FormatHttpDate(base::WallTime(std::chrono::seconds(static_cast<int64_t>(now))));
    char* at = Put(cache.text.data(), kName);
    at = Put(at, date);
    at = Put(at, "\r\n");
    cache.size = static_cast<std::size_t>(at - cache.text.data());
  }
  return {cache.text.data(), cache.size};
}

void AppendResponseHead(std::string& out, const ResponseHead& head, const SendOptions& options) {
  Append(out, Bound(head.headers), [&](char* at) {
    at = PutStatusLine(at, head.status, options.minor);
    bool date = false;
    for (const HeaderView field : head.headers) {
      if (IsEngineField(field.name, false)) continue;
      if (field.name.size() == 4 && NameEquals(field.name, "date")) date = true;
      at = PutField(at, field);
    }
    if (!date) at = Put(at, DateLine());
    at = PutFraming(at, options);
    return Put(at, "\r\n");
  });
}

void AppendInterimHead(std::string& out, const ResponseHead& head) {
  Append(out, Bound(head.headers), [&](char* at) {
    at = PutStatusLine(at, head.status, 1);
    for (const HeaderView field : head.headers) {
      if (!IsEngineField(field.name, false)) at = PutField(at, field);
    }
    return Put(at, "\r\n");
  });
}

void AppendRequestHead(std::string& out, const RequestHead& head, const SendOptions& options) {
  const std::size_t bound =
      Bound(head.headers) + head.method.size() + head.target.size() + head.authority.size();
  Append(out, bound, [&](char* at) {
    at = Put(at, head.method);
    *at++ = ' ';
    at = Put(at, head.target.empty() ? std::string_view("/") : std::string_view(head.target));
    at = Put(at, " HTTP/1.1\r\nHost: ");
    at = Put(at, head.authority);
    at = Put(at, "\r\n");
    for (const HeaderView field : head.headers) {
      if (!IsEngineField(field.name, true)) at = PutField(at, field);
    }
    at = PutFraming(at, options);
    return Put(at, "\r\n");
  });
}

void AppendChunkSize(std::string& out, std::size_t size) {
  std::array<char, 20> text;
  char* at = std::to_chars(text.data(), text.data() + 16, size, 16).ptr;
  at = Put(at, "\r\n");
  out.append(text.data(), static_cast<std::size_t>(at - text.data()));
}

void AppendLastChunk(std::string& out, const Headers* trailers) {
  out.append("0\r\n");
  if (trailers) {
    for (const HeaderView field : *trailers) {
      if (IsEngineField(field.name, true)) continue;
      out.append(field.name).append(": ").append(field.value).append("\r\n");
    }
  }
  out.append("\r\n");
}

std::optional<uint64_t> ContentLength(const Headers& headers) {
  const auto text = headers.Get("content-length");
  return text ? base::ParseUint<uint64_t>(*text) : std::nullopt;
}

bool WantsClose(const Headers& headers) {
  const auto text = headers.Get("connection");
  if (!text) return false;
  for (std::string_view option : base::SplitView(*text, ',')) {
    if (base::EqualsIgnoreCase(base::Trim(option), "close")) return true;
  }
  return false;
}

}  // namespace http
