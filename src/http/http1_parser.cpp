#include "http/http1_parser.hpp"

#include "base/strings.hpp"
#include "http/http1_chars.hpp"

namespace http {
namespace {

constexpr std::size_t kMaxEmptyLines = 4;
constexpr std::size_t kMaxMethod = 64;

std::string_view From(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

bool ValidEscapes(std::string_view path) {
  for (std::size_t at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 3)) {
    if (at + 2 >= path.size() || base::HexValue(path[at + 1]) < 0 ||
        base::HexValue(path[at + 2]) < 0) {
      return false;
    }
  }
  return true;
}

// Takes "HTTP/1.x" from the start. kMore if `text` is a proper prefix of such a thing.
ParseState Version(std::string_view text, int& minor, ParseFault& fault) {
  constexpr std::string_view kForm = "HTTP/d.d";
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (i == text.size()) return ParseState::kMore;
    if (kForm[i] == 'd' ? !base::IsDigit(text[i]) : text[i] != kForm[i]) {
      fault = {400, {}};
      return ParseState::kError;
    }
  }
  if (text[5] != '1') {
    fault = {505, {}};
    return ParseState::kError;
  }
  minor = text[7] - '0';
  return ParseState::kDone;
}

}  // namespace

void HeadParser::Start(Headers& headers, std::size_t max_bytes) {
  headers.Clear();
  headers_ = &headers;
  stage_ = Stage::kFirstLine;
  has_host_ = absolute_ = transfer_encoding_ = false;
  empty_lines_ = 0;
  bytes_left_ = max_bytes;
  fields_left_ = kMaxFields;
  framing_ = {};
  fault_ = {};
}

void HeadParser::StartRequest(RequestHead& head, std::size_t max_bytes) {
  request_ = &head;
  response_ = nullptr;
  head.authority.clear();
  Start(head.headers, max_bytes);
}

void HeadParser::StartResponse(ResponseHead& head, std::size_t max_bytes) {
  request_ = nullptr;
  response_ = &head;
  Start(head.headers, max_bytes);
}

ParseState HeadParser::Feed(std::string_view input, std::size_t& consumed) {
  consumed = 0;
  const auto take = [&](std::size_t count) {
    consumed += count;
    input.remove_prefix(count);
    if (count > bytes_left_) return false;
    bytes_left_ -= count;
    return true;
  };
  // What is left is an incomplete line: wait, unless it is too long already.
  const auto more = [&] {
    if (input.size() <= bytes_left_) return ParseState::kMore;
    Fail(431);
    return ParseState::kError;
  };
  if (stage_ == Stage::kFirstLine) {
    while (request_ && !input.empty() && input[0] == '\r') {
      if (input.size() < 2) return ParseState::kMore;
      if (input[1] != '\n' || ++empty_lines_ > kMaxEmptyLines) {
        Fail(400);
        return ParseState::kError;
      }
      consumed += 2;
      input.remove_prefix(2);
    }
    if (input.empty()) return ParseState::kMore;
    std::size_t line = 0;
    switch (request_ ? RequestLine(input, line) : StatusLine(input, line)) {
      case Step::kOn:
        break;
      case Step::kMore:
        return more();
      case Step::kError:
        return ParseState::kError;
    }
    stage_ = Stage::kFields;
    if (!take(line)) {
      Fail(431);
      return ParseState::kError;
    }
  }
  for (;;) {
    HeaderView field;
    std::size_t line = 0;
    switch (FieldParser::Next(input, line, field, fault_)) {
      case FieldParser::Line::kField:
        if (line > bytes_left_ || fields_left_-- == 0) {
          Fail(431);
          return ParseState::kError;
        }
        if (!Field(field)) return ParseState::kError;
        take(line);
        break;
      case FieldParser::Line::kEnd:
        if (!take(line)) {
          Fail(431);
          return ParseState::kError;
        }
        return Complete() ? ParseState::kDone : ParseState::kError;
      case FieldParser::Line::kMore:
        return more();
      case FieldParser::Line::kError:
        return ParseState::kError;
    }
  }
}

HeadParser::Step HeadParser::RequestLine(std::string_view input, std::size_t& consumed) {
  const auto fail = [this](int status) {
    Fail(status);
    return Step::kError;
  };
  const char* const begin = input.data();
  const char* const end = begin + input.size();
  const char* at = begin;
  while (at != end && IsChar(*at, kTokenChar)) ++at;
  if (at - begin > static_cast<std::ptrdiff_t>(kMaxMethod)) return fail(400);
  if (at == end) return Step::kMore;
  if (*at != ' ' || at == begin) return fail(400);
  const std::string_view method = From(begin, at);
  const char* const target = ++at;
  while (at != end && IsChar(*at, kTargetChar)) ++at;
  if (at == end) return Step::kMore;
  if (*at != ' ' || at == target) return fail(400);
  const std::string_view target_text = From(target, at);
  ++at;
  const std::string_view rest = From(at, end);
  switch (Version(rest, framing_.minor, fault_)) {
    case ParseState::kMore:
      return Step::kMore;
    case ParseState::kError:
      // Neither the target nor the version is HTTP's: another protocol, which an answer would
      // confuse.
      if (fault_.status == 400 && target_text[0] != '/' && target_text[0] != '*' &&
          !target_text.starts_with("http")) {
        fault_.status = ParseFault::kNotHttp;
      }
      return Step::kError;
    case ParseState::kDone:
      break;
  }
  if (rest.size() > 8 && rest[8] != '\r') return fail(400);
  if (rest.size() < 10) return Step::kMore;
  if (rest[9] != '\n') return fail(400);
  request_->method.assign(method);
  if (!Target(target_text)) return Step::kError;
  consumed = static_cast<std::size_t>(at + 10 - begin);
  return Step::kOn;
}

bool HeadParser::Target(std::string_view target) {
  // A tunnel is not offered; its target has a form of its own.
  if (request_->method == "CONNECT") return Fail(400);
  if (target[0] != '/') {
    if (target == "*") {
      if (request_->method != "OPTIONS") return Fail(400);
      request_->target.assign(target);
      return true;
    }
    if (base::StartsWithIgnoreCase(target, "http://")) {
      target.remove_prefix(7);
    } else if (base::StartsWithIgnoreCase(target, "https://")) {
      target.remove_prefix(8);
    } else {
      return Fail(400);
    }
    const std::string_view authority = target.substr(0, target.find_first_of("/?#"));
    if (authority.empty() || !AllChars(authority, kHostChar)) return Fail(400);
    request_->authority.assign(authority);
    absolute_ = true;
    target.remove_prefix(authority.size());
    if (target.empty() || target[0] != '/') {
      if (!target.empty() && target[0] == '#') return Fail(400);
      request_->target.assign("/").append(target);
      return true;
    }
  }
  if (!ValidEscapes(target.substr(0, target.find('?')))) return Fail(400);
  request_->target.assign(target);
  return true;
}

HeadParser::Step HeadParser::StatusLine(std::string_view input, std::size_t& consumed) {
  const auto fail = [this](std::string_view detail) {
    Fail(502, detail);
    return Step::kError;
  };
  switch (Version(input, framing_.minor, fault_)) {
    case ParseState::kMore:
      return Step::kMore;
    case ParseState::kError:
      return fail("not an HTTP/1 response");
    case ParseState::kDone:
      break;
  }
  if (input.size() < 12) return Step::kMore;
  if (input[8] != ' ') return fail("malformed status line");
  int status = 0;
  for (char c : input.substr(9, 3)) {
    if (!base::IsDigit(c)) return fail("malformed status code");
    status = status * 10 + (c - '0');
  }
  if (status < 100) return fail("malformed status code");
  if (input.size() < 13) return Step::kMore;
  // The reason phrase and even the space before it may be missing.
  if (input[12] != ' ' && input[12] != '\r') return fail("malformed status line");
  const char* const end = input.data() + input.size();
  const char* const at = FindControl(input.data() + 12, end);
  if (at == end) return Step::kMore;
  if (*at != '\r') return fail("malformed status line");
  if (at + 1 == end) return Step::kMore;
  if (at[1] != '\n') return fail("malformed status line");
  response_->status = status;
  consumed = static_cast<std::size_t>(at + 2 - input.data());
  return Step::kOn;
}

}  // namespace http
