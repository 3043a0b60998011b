// Metadata of one request: the free string pairs that a caller hands to a component and gets back.
// Requests carry few pairs, so they stand in one flat list in the order in which they came.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.hpp"

namespace contracts {

class Metadata {
 public:
  using Pair = std::pair<std::string, std::string>;

  Metadata() = default;
  Metadata(std::initializer_list<Pair> pairs) {
    for (const Pair& pair : pairs) Set(pair.first, pair.second);
  }

  /// Adds the pair, or replaces the value of an equal key (letters count).
  void Set(std::string_view key, std::string value) {
    for (Pair& pair : pairs_) {
      if (pair.first == key) {
        pair.second = std::move(value);
        return;
      }
    }
    pairs_.emplace_back(key, std::move(value));
  }
  /// The value of exactly this key, or null.
  const std::string* Find(std::string_view key) const {
    for (const Pair& pair : pairs_) {
      if (pair.first == key) return &pair.second;
    }
    return nullptr;
  }
  /// The value of this key in any case; an exact match is preferred. Null if there is none.
  const std::string* FindIgnoreCase(std::string_view key) const {
    if (pairs_.empty()) return nullptr;
    if (const std::string* exact = Find(key)) return exact;
    for (const Pair& pair : pairs_) {
      if (base::EqualsIgnoreCase(pair.first, key)) return &pair.second;
    }
    return nullptr;
  }
  /// Takes over every pair of `other`; its values win.
  void MergeFrom(const Metadata& other) {
    for (const Pair& pair : other.pairs_) Set(pair.first, pair.second);
  }

  bool empty() const { return pairs_.empty(); }
  std::size_t size() const { return pairs_.size(); }
  auto begin() const { return pairs_.begin(); }
  auto end() const { return pairs_.end(); }
  friend bool operator==(const Metadata&, const Metadata&) = default;

 private:
  std::vector<Pair> pairs_;
};

}  // namespace contracts
