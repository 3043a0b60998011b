#include "blocks/invoke/internal_metadata.hpp"

#include <vector>

#include "blocks/invoke/header_translation.hpp"
#include "blocks/invoke/wire.hpp"

namespace blocks::invoke {
namespace {

using wire::Type;

// Go writes binary values in padded base64; on a gRPC connection padding is optional.
std::size_t Padding(std::string_view name, std::string_view value) {
  if (name.size() <= 4 || !http::NameEquals(name.substr(name.size() - 4), "-bin")) return 0;
  return (4 - value.size() % 4) % 4;
}

}  // namespace

void AppendEntry(std::string& out, int field, std::string_view key, std::string_view value) {
  const std::size_t list = wire::BytesSize(value.size());
  out += wire::Tag(field, Type::kBytes);
  wire::AppendVarint(out, wire::BytesSize(key.size()) + wire::BytesSize(list));
  wire::AppendBytes(out, 1, key);
  out += wire::Tag(2, Type::kBytes);
  wire::AppendVarint(out, list);
  wire::AppendBytes(out, 1, value);
}

void AppendHeaders(std::string& out, int field, const http::Headers& headers, bool canonical,
                   SkipField skip) {
  const std::size_t count = headers.size();
  std::vector<bool> done(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (done[i]) continue;
    const auto [name, value] = headers[i];
    if (name.empty() || (skip && skip(name))) continue;
    std::size_t list = wire::BytesSize(value.size() + Padding(name, value));
    for (std::size_t j = i + 1; j < count; ++j) {
      const auto [other, more] = headers[j];
      if (!http::NameEquals(name, other)) continue;
      done[j] = true;
      list += wire::BytesSize(more.size() + Padding(name, more));
    }
    out += wire::Tag(field, Type::kBytes);
    wire::AppendVarint(out, wire::BytesSize(name.size()) + wire::BytesSize(list));
    out += wire::Tag(1, Type::kBytes);
    wire::AppendVarint(out, name.size());
    if (canonical) {
      AppendCanonicalName(name, out);
    } else {
      out += name;
    }
    out += wire::Tag(2, Type::kBytes);
    wire::AppendVarint(out, list);
    for (std::size_t j = i; j < count; ++j) {
      const auto [other, more] = headers[j];
      if (j != i && !http::NameEquals(name, other)) continue;
      const std::size_t padding = Padding(name, more);
      out += wire::Tag(1, Type::kBytes);
      wire::AppendVarint(out, more.size() + padding);
      out += more;
      out.append(padding, '=');
    }
  }
}

bool ReadEntry(std::string_view bytes, http::Headers& out) {
  std::string_view key;
  std::string_view list;
  wire::Reader reader(bytes);
  while (reader.Next()) {
    if (reader.Is(1, Type::kBytes)) key = reader.bytes();
    if (reader.Is(2, Type::kBytes)) list = reader.bytes();
  }
  if (!reader.ok()) return false;
  const bool pseudo = !key.empty() && key.front() == ':';
  if (!IsFieldName(pseudo ? key.substr(1) : key)) return true;
  wire::Reader values(list);
  while (values.Next()) {
    if (values.Is(1, Type::kBytes) && IsFieldValue(values.bytes())) out.Add(key, values.bytes());
  }
  return values.ok();
}

std::string_view ReadAny(std::string_view any) {
  std::string_view value;
  wire::Reader reader(any);
  while (reader.Next()) {
    if (reader.Is(2, Type::kBytes)) value = reader.bytes();
  }
  return value;
}

std::string_view ReadTypeUrl(std::string_view any) {
  std::string_view type;
  wire::Reader reader(any);
  while (reader.Next()) {
    if (reader.Is(1, Type::kBytes)) type = reader.bytes();
  }
  return type;
}

}  // namespace blocks::invoke
