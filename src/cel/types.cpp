#include "cel/types.hpp"

#include "base/strings.hpp"

namespace cel {

Types::Types() {
  for (TypeId id = 0; id <= TypeOf(Kind::kDuration); ++id) {
    types_.push_back({static_cast<Kind>(id), 0, kDyn, kDyn});
  }
}

TypeId Types::ListOf(TypeId element) {
  if (element == kDyn || types_[element].depth >= kMaxTypeDepth) return TypeOf(Kind::kList);
  const auto depth = static_cast<uint8_t>(types_[element].depth + 1);
  types_.push_back({Kind::kList, depth, kDyn, element});
  return static_cast<TypeId>(types_.size() - 1);
}

TypeId Types::MapOf(TypeId key, TypeId value) {
  if (types_[value].depth >= kMaxTypeDepth) value = kDyn;
  const auto depth = static_cast<uint8_t>(types_[value].depth + 1);
  types_.push_back({Kind::kMap, depth, key, value});
  return static_cast<TypeId>(types_.size() - 1);
}

bool Types::Fits(TypeId a, TypeId b) const {
  while (true) {
    if (a == b || a == kDyn || b == kDyn) return true;
    const Type& left = types_[a];
    const Type& right = types_[b];
    if (left.kind != right.kind) {
      // Only what is a message in CEL's eyes can be null.
      const auto nullable = [](Kind k) { return k == Kind::kTimestamp || k == Kind::kDuration; };
      return (left.kind == Kind::kNull && nullable(right.kind)) ||
             (right.kind == Kind::kNull && nullable(left.kind));
    }
    if (left.kind != Kind::kList && left.kind != Kind::kMap) return true;
    const bool keys = left.key == kDyn || right.key == kDyn || left.key == right.key;
    if (!keys) return false;
    a = left.element;
    b = right.element;
  }
}

TypeId Types::Join(TypeId a, TypeId b) const {
  if (a == b) return a;
  if (types_[a].kind != types_[b].kind || !Fits(a, b)) return kDyn;
  // Two lists (or maps) that fit and are spelled differently: all that is kept is that they are
  // lists.
  return TypeOf(types_[a].kind);
}

std::string Types::Name(TypeId id) const {
  const Type& type = types_[id];
  if (type.depth == 0) return std::string(KindName(type.kind));
  if (type.kind == Kind::kList) return base::StrCat("list(", Name(type.element), ')');
  return base::StrCat("map(", Name(type.key), ", ", Name(type.element), ')');
}

bool Types::Resolve(std::span<const Overload> overloads, std::span<const TypeId> operands,
                    TypeId& out) const {
  bool found = false;
  for (const Overload& overload : overloads) {
    bool fits = overload.count == operands.size();
    for (size_t i = 0; fits && i < operands.size(); ++i) {
      const Kind wanted = overload.operands[i], have = kind(operands[i]);
      fits = wanted == Kind::kError || have == Kind::kError || wanted == have;
    }
    if (!fits) continue;
    out = found && out != TypeOf(overload.result) ? kDyn : TypeOf(overload.result);
    found = true;
  }
  return found;
}

}  // namespace cel
