// Between our texts and librabbitmq's. For the sources of this folder that speak to the library.
#pragma once

#include <amqp.h>
#include <amqp_framing.h>

#include <string_view>
#include <vector>

#include "components/rabbitmq/codec.hpp"

namespace components::rabbitmq {

inline std::string_view View(amqp_bytes_t bytes) {
  return {static_cast<const char*>(bytes.bytes), bytes.len};
}
/// Borrows `text`.
inline amqp_bytes_t Bytes(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};
}

inline amqp_table_entry_t TextEntry(std::string_view name, std::string_view value) {
  amqp_table_entry_t entry{};
  entry.key = Bytes(name);
  entry.value.kind = AMQP_FIELD_KIND_UTF8;
  entry.value.value.bytes = Bytes(value);
  return entry;
}

/// The library's form of arguments; borrows them.
class ArgumentTable {
 public:
  explicit ArgumentTable(const Arguments& arguments) {
    for (const auto& [name, argument] : arguments) {
      amqp_table_entry_t entry{};
      if (const auto* text = std::get_if<std::string>(&argument)) {
        entry = TextEntry(name, *text);
      } else if (const auto* number = std::get_if<int64_t>(&argument)) {
        entry.value.kind = AMQP_FIELD_KIND_I64;
        entry.value.value.i64 = *number;
      } else {
        entry.value.kind = AMQP_FIELD_KIND_BOOLEAN;
        entry.value.value.boolean = std::get<bool>(argument) ? 1 : 0;
      }
      entry.key = Bytes(name);
      entries_.push_back(entry);
    }
  }
  amqp_table_t get() { return {static_cast<int>(entries_.size()), entries_.data()}; }

 private:
  std::vector<amqp_table_entry_t> entries_;
};

}  // namespace components::rabbitmq
