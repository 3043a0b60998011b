// Static types: what is known of a sub-expression's value before there is an event. Used while
// compiling, to refuse what can never work. Owned by one parser.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cel/function.hpp"
#include "cel/value.hpp"

namespace cel {

/// A type of a Types. Types without parts are their Kind's number; so are lists and maps of
/// anything.
using TypeId = uint32_t;

constexpr TypeId TypeOf(Kind kind) {
  return static_cast<TypeId>(kind);
}
inline constexpr TypeId kDyn = TypeOf(Kind::kError);  // known only with an event

class Types {
 public:
  Types();

  TypeId ListOf(TypeId element);
  TypeId MapOf(TypeId key, TypeId value);
  Kind kind(TypeId id) const { return types_[id].kind; }
  /// The elements of a list or the values of a map; dyn for anything else.
  TypeId element(TypeId id) const { return types_[id].element; }
  /// The keys of a map.
  TypeId key(TypeId id) const { return types_[id].key; }

  /// Whether a value of the one type can be equal to one of the other.
  bool Fits(TypeId a, TypeId b) const;
  /// The type of a place that holds values of both.
  TypeId Join(TypeId a, TypeId b) const;
  /// "list(int)"
  std::string Name(TypeId id) const;

  /// What the overload that takes these operands gives. Several that do so with different results:
  /// dyn. None: false, and `out` is left alone.
  bool Resolve(std::span<const Overload> overloads, std::span<const TypeId> operands,
               TypeId& out) const;

 private:
  struct Type {
    Kind kind;
    uint8_t depth;  // of lists and maps in it; what nests deeper than kMaxTypeDepth is dyn
    TypeId key;
    TypeId element;
  };
  static constexpr uint8_t kMaxTypeDepth = 8;

  std::vector<Type> types_;
};

}  // namespace cel
