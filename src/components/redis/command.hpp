// The wire form of commands (RESP2): an array of texts.
#pragma once

#include <array>
#include <charconv>
#include <span>
#include <string>
#include <string_view>

namespace components::redis {

using Arg = std::string_view;

namespace internal {
inline void AppendHeader(std::string& out, char kind, std::size_t number) {
  std::array<char, 24> buffer;
  buffer[0] = kind;
  char* end = std::to_chars(buffer.data() + 1, buffer.data() + buffer.size() - 2, number).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.append(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
}
}  // namespace internal

/// Appends one command. The bytes are hiredis' formatter's (a test compares), written straight to
/// where they are sent from.
inline void AppendCommand(std::string& out, std::span<const Arg> args) {
  internal::AppendHeader(out, '*', args.size());
  for (const Arg& arg : args) {
    internal::AppendHeader(out, '$', arg.size());
    out.append(arg);
    out.append("\r\n", 2);
  }
}

}  // namespace components::redis
