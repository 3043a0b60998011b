// Write: one set or delete on its way to the server. It holds all texts its command is made of; it
// must not move once Bind has been called. Private to the store.
#pragma once

#include <array>
#include <string>

#include "components/redis/connection.hpp"
#include "components/redis/script.hpp"

namespace components::state::redis {

struct Write {
  const components::redis::Script* script = nullptr;
  char kind = 's';  // of kMultiText
  bool has_etag = false;
  bool strong = false;
  std::string key;
  std::string etag = "0";
  std::string data;
  std::string first_write;
  std::string ttl;

  std::array<components::redis::Arg, 8> args;

  bool erases() const { return kind == 'd' || kind == 'e'; }
  /// The command, by the script's digest or with its text.
  std::span<const components::redis::Arg> Bind(bool by_text) {
    args = {by_text ? "EVAL" : "EVALSHA",
            by_text ? script->text() : script->sha(),
            "1",
            key,
            etag,
            data,
            first_write,
            ttl};
    return std::span(args).first(erases() ? 5 : 8);
  }
};

/// Whether the server refuses EVALSHA but may take the text.
bool WantsText(const components::redis::Reply& reply);

}  // namespace components::state::redis
