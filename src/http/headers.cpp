#include "http/headers.hpp"

#include <array>
#include <cstring>
#include <functional>

#include "base/strings.hpp"

namespace http {

bool NameEquals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && base::LowerChar(a[i]) != base::LowerChar(b[i])) return false;
  }
  return true;
}

bool IsHopByHop(std::string_view name) {
  static constexpr std::array<std::string_view, 10> kNames = {"connection",
                                                              "keep-alive",
                                                              "proxy-connection",
                                                              "transfer-encoding",
                                                              "upgrade",
                                                              "http2-settings",
                                                              "te",
                                                              "trailer",
                                                              "proxy-authorization",
                                                              "proxy-authenticate"};
  for (std::string_view each : kNames) {
    if (NameEquals(name, each)) return true;
  }
  return false;
}

void Headers::Add(std::string_view name, std::string_view value) {
  const auto inside = [this](std::string_view view) {
    const std::less<const char*> before;
    return !view.empty() && !before(view.data(), text_.data()) &&
           before(view.data(), text_.data() + text_.size());
  };
  if (inside(name) || inside(value)) [[unlikely]] {
    const std::string name_copy(name);
    const std::string value_copy(value);
    Add(name_copy, value_copy);
    return;
  }
  const auto start = static_cast<uint32_t>(text_.size());
  const auto name_size = static_cast<uint32_t>(name.size());
  text_.append(name);
  text_.append(value);
  fields_.push_back({start, name_size, start + name_size, static_cast<uint32_t>(value.size())});
}

std::size_t Headers::Find(std::string_view name) const {
  const char* text = text_.data();
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    const Field& field = fields_[i];
    if (field.name_size == name.size() &&
        NameEquals(std::string_view(text + field.name, field.name_size), name)) {
      return i;
    }
  }
  return kNone;
}

void Headers::Set(std::string_view name, std::string_view value) {
  // Copies, because the arguments may be views of a field that is about to go.
  const std::string name_copy(name);
  const std::string value_copy(value);
  Remove(name_copy);
  Add(name_copy, value_copy);
}

bool Headers::Remove(std::string_view name) {
  std::size_t i = Find(name);
  if (i == kNone) return false;
  const std::string wanted(name);
  // Fields lie in the text in their order, without gaps; moving the later ones down keeps it so.
  std::size_t kept = i;
  uint32_t end = fields_[i].name;
  for (; i < fields_.size(); ++i) {
    const Field field = fields_[i];
    const uint32_t size = field.name_size + field.value_size;
    if (NameEquals(std::string_view(text_).substr(field.name, field.name_size), wanted)) continue;
    std::memmove(text_.data() + end, text_.data() + field.name, size);
    fields_[kept++] = {end, field.name_size, end + field.name_size, field.value_size};
    end += size;
  }
  text_.resize(end);
  fields_.resize(kept);
  return true;
}

std::optional<std::string_view> Headers::Get(std::string_view name) const {
  const std::size_t i = Find(name);
  if (i == kNone) return std::nullopt;
  return (*this)[i].value;
}

std::size_t Headers::Count(std::string_view name) const {
  std::size_t count = 0;
  for (const auto field : *this) count += NameEquals(field.name, name) ? 1 : 0;
  return count;
}

}  // namespace http
