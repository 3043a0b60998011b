#include "grpc/proto_json.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>
#include <vector>

#include "base/strings.hpp"
#include "grpc/proto_json_values.hpp"
#include "grpc/wire.hpp"

namespace grpc {
namespace {

using proto_json::Scalar;
using wire::Reader;
using wire::Type;

base::Status Bad(std::string_view type, std::string_view what) {
  return base::Fail(base::Kind::kInvalidArgument, base::StrCat("message ", type, ": ", what));
}

// The parts of a message, joined: fields of the second one win, messages are merged.
class Joined {
 public:
  /// Returns how many bytes it had to copy.
  std::size_t Add(std::string_view bytes) {
    if (empty_) {
      whole_ = bytes;
      empty_ = false;
      return 0;
    }
    const std::size_t before = buffer_.size();
    if (buffer_.empty()) buffer_ = whole_;
    buffer_ += bytes;
    whole_ = {};
    return buffer_.size() - before;
  }
  std::string_view view() const { return buffer_.empty() ? whole_ : std::string_view(buffer_); }

 private:
  bool empty_ = true;
  std::string_view whole_;
  std::string buffer_;
};

// Messages in pieces are joined, at every level again: this many times the whole may be copied, or
// a small message could take a lot of memory.
constexpr std::size_t kMaxCopies = 4;

// What the wire had for one field.
struct Found {
  bool present = false;
  std::vector<Scalar> values;  // one, unless the field is repeated
  Joined message;              // of a single message
};

class Printer {
 public:
  Printer(const DescriptorIndex& index, std::size_t size, std::string& out)
      : index_(index), may_copy_(kMaxCopies * size), out_(out) {}

  base::Status Message(const MessageInfo& type, std::string_view bytes) {
    if (depth_ >= kMaxJsonMessageDepth) return Bad(type.full_name, "nested too deep");
    ++depth_;
    auto status = [&]() -> base::Status {
      if (const Special* special = SpecialOf(type)) return (this->*special->print)(type, bytes);
      out_ += '{';
      RETURN_IF_ERROR(Members(type, bytes, true));
      out_ += '}';
      return {};
    }();
    --depth_;
    return status;
  }

 private:
  struct Special {
    std::string_view name;
    base::Status (Printer::*print)(const MessageInfo&, std::string_view);
  };

  static const Special* SpecialOf(const MessageInfo& type) {
    static constexpr std::string_view kPackage = "google.protobuf.";
    static constexpr Special kSpecials[] = {
        {"Any", &Printer::Any},
        {"Timestamp", &Printer::Timestamp},
        {"Duration", &Printer::Duration},
        {"Struct", &Printer::Struct},
        {"Value", &Printer::Value},
        {"ListValue", &Printer::ListValue},
        {"DoubleValue", &Printer::Wrapper},
        {"FloatValue", &Printer::Wrapper},
        {"Int64Value", &Printer::Wrapper},
        {"UInt64Value", &Printer::Wrapper},
        {"Int32Value", &Printer::Wrapper},
        {"UInt32Value", &Printer::Wrapper},
        {"BoolValue", &Printer::Wrapper},
        {"StringValue", &Printer::Wrapper},
        {"BytesValue", &Printer::Wrapper},
    };
    std::string_view name = type.full_name;
    if (!name.starts_with(kPackage)) return nullptr;
    name.remove_prefix(kPackage.size());
    const auto found = std::ranges::find(kSpecials, name, &Special::name);
    return found == std::end(kSpecials) ? nullptr : found;
  }

  // Sorts what is on the wire into the declared fields.
  base::Status Collect(const MessageInfo& type, std::string_view bytes, std::vector<Found>& found) {
    found.resize(type.fields.size());
    std::vector<int> chosen(type.oneofs.size(), -1);
    Reader in(bytes);
    while (in.Next()) {
      const int at = type.IndexOf(in.field());
      if (at < 0) continue;
      const FieldInfo& field = type.fields[at];
      Found& slot = found[at];
      const Type wanted = proto_json::WireTypeOf(field.type);
      if (in.type() != wanted) {
        if (!field.repeated || in.type() != Type::kBytes) continue;  // not this field: unknown
        if (!Unpack(wanted, in.bytes(), slot)) return Bad(type.full_name, "malformed bytes");
        continue;
      }
      // Of a oneof the last one stays.
      if (field.oneof >= 0 && static_cast<std::size_t>(field.oneof) < chosen.size()) {
        int& holder = chosen[field.oneof];
        if (holder >= 0 && holder != at) found[holder] = Found();
        holder = at;
      }
      slot.present = true;
      if (field.type == FieldType::kMessage && !field.repeated) {
        const std::size_t copied = slot.message.Add(in.bytes());
        if (copied > may_copy_) return Bad(type.full_name, "in too many pieces");
        may_copy_ -= copied;
        continue;
      }
      if (!field.repeated) slot.values.clear();
      slot.values.push_back({in.type() == Type::kBytes ? 0 : in.number(),
                             in.type() == Type::kBytes ? in.bytes() : std::string_view()});
    }
    return in.ok() ? base::Status() : Bad(type.full_name, "malformed bytes");
  }

  static bool Unpack(Type type, std::string_view packed, Found& slot) {
    while (!packed.empty()) {
      Scalar value;
      const bool ok = type == Type::kVarint
                          ? wire::TakeVarint(packed, value.number)
                          : wire::TakeFixed(packed, type == Type::kFixed64 ? 8 : 4, value.number);
      if (!ok) return false;
      slot.values.push_back(value);
      slot.present = true;
    }
    return true;
  }

  base::Status Members(const MessageInfo& type, std::string_view bytes, bool first) {
    std::vector<Found> found;
    RETURN_IF_ERROR(Collect(type, bytes, found));
    for (std::size_t i = 0; i < found.size(); ++i) {
      const FieldInfo& field = type.fields[i];
      if (!found[i].present || IsLeftOut(type, field, found[i])) continue;
      if (!std::exchange(first, false)) out_ += ',';
      base::StrAppend(out_, "\"", field.json_name, "\":");
      RETURN_IF_ERROR(Field(type, field, found[i]));
    }
    return {};
  }

  static bool IsLeftOut(const MessageInfo& type, const FieldInfo& field, const Found& found) {
    if (field.repeated || field.type == FieldType::kMessage || field.optional || field.oneof >= 0 ||
        !type.file->proto3) {
      return false;
    }
    return proto_json::IsDefault(field.type, found.values.back());
  }

  base::Status Field(const MessageInfo& owner, const FieldInfo& field, const Found& found) {
    if (field.map) return Map(*field.message, found);
    if (!field.repeated) {
      return One(owner, field,
                 field.type == FieldType::kMessage ? Scalar{0, found.message.view()}
                                                   : found.values.back());
    }
    out_ += '[';
    for (bool first = true; const Scalar& value : found.values) {
      if (!std::exchange(first, false)) out_ += ',';
      RETURN_IF_ERROR(One(owner, field, value));
    }
    out_ += ']';
    return {};
  }

  base::Status One(const MessageInfo& owner, const FieldInfo& field, const Scalar& value) {
    if (field.type == FieldType::kMessage) {
      if (!field.message) return Bad(owner.full_name, "has a field of an unknown type");
      return Message(*field.message, value.bytes);
    }
    if (!proto_json::AppendScalar(field.type, field.enumeration, value, out_)) {
      return Bad(owner.full_name, base::StrCat("field ", field.name, " is not UTF-8"));
    }
    return {};
  }

  base::Status Map(const MessageInfo& entry, const Found& found) {
    const int key_at = entry.IndexOf(1);
    const int value_at = entry.IndexOf(2);
    if (key_at < 0 || value_at < 0) return Bad(entry.full_name, "is no map entry");
    const FieldInfo& key_field = entry.fields[key_at];
    const FieldInfo& value_field = entry.fields[value_at];
    struct Pair {
      Scalar key;
      Found value;
      std::size_t place;
    };
    std::vector<Pair> pairs;
    pairs.reserve(found.values.size());
    for (const Scalar& bytes : found.values) {
      std::vector<Found> parts;
      RETURN_IF_ERROR(Collect(entry, bytes.bytes, parts));
      const Found& key = parts[key_at];
      pairs.push_back(
          {key.present ? key.values.back() : Scalar(), std::move(parts[value_at]), pairs.size()});
    }
    const auto less = [&](const Pair& a, const Pair& b) {
      return proto_json::IsKeyLess(key_field.type, a.key, b.key);
    };
    std::ranges::sort(pairs, [&](const Pair& a, const Pair& b) {
      return less(a, b) || (!less(b, a) && a.place < b.place);
    });
    out_ += '{';
    bool first = true;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      // Of equal keys the last one stays.
      if (i + 1 < pairs.size() && !less(pairs[i], pairs[i + 1])) continue;
      if (!std::exchange(first, false)) out_ += ',';
      if (!proto_json::AppendMapKey(key_field.type, pairs[i].key, out_)) {
        return Bad(entry.full_name, "a key is not UTF-8");
      }
      out_ += ':';
      const Found& value = pairs[i].value;
      const Scalar scalar = value_field.type == FieldType::kMessage
                                ? Scalar{0, value.message.view()}
                            : value.present ? value.values.back()
                                            : Scalar();
      RETURN_IF_ERROR(One(entry, value_field, scalar));
    }
    out_ += '}';
    return {};
  }

  base::Status Any(const MessageInfo& any, std::string_view bytes) {
    std::string_view url;
    std::string_view value;
    Reader in(bytes);
    while (in.Next()) {
      if (in.Is(1, Type::kBytes)) url = in.bytes();
      if (in.Is(2, Type::kBytes)) value = in.bytes();
    }
    if (!in.ok()) return Bad(any.full_name, "malformed bytes");
    if (url.empty()) {
      if (!value.empty()) return Bad(any.full_name, "has a value and no type_url");
      out_ += "{}";
      return {};
    }
    const MessageInfo* type = index_.FindMessage(url.substr(url.rfind('/') + 1));
    if (!type) return Bad(any.full_name, base::StrCat("type ", base::Quote(url), " is not known"));
    out_ += "{\"@type\":";
    if (!proto_json::AppendText(url, out_)) return Bad(any.full_name, "type_url is not UTF-8");
    if (SpecialOf(*type) || type->full_name == "google.protobuf.Empty") {
      out_ += ",\"value\":";
      RETURN_IF_ERROR(Message(*type, value));
    } else {
      RETURN_IF_ERROR(Members(*type, value, false));
    }
    out_ += '}';
    return {};
  }

  base::Status Timestamp(const MessageInfo& type, std::string_view bytes) {
    return proto_json::AppendTimestamp(bytes, out_) ? base::Status()
                                                    : Bad(type.full_name, "out of range");
  }
  base::Status Duration(const MessageInfo& type, std::string_view bytes) {
    return proto_json::AppendDuration(bytes, out_) ? base::Status()
                                                   : Bad(type.full_name, "out of range");
  }

  // The one field of these, without its name: an object, an array, a value.
  base::Status Only(const MessageInfo& type, std::string_view bytes, std::string_view absent) {
    std::vector<Found> found;
    RETURN_IF_ERROR(Collect(type, bytes, found));
    if (found.size() != 1) return Bad(type.full_name, "is not the well-known type");
    if (found[0].present) return Field(type, type.fields[0], found[0]);
    out_ += absent;
    return {};
  }
  base::Status Struct(const MessageInfo& type, std::string_view bytes) {
    return Only(type, bytes, "{}");
  }
  base::Status ListValue(const MessageInfo& type, std::string_view bytes) {
    return Only(type, bytes, "[]");
  }
  base::Status Wrapper(const MessageInfo& type, std::string_view bytes) {
    std::string absent;
    if (!type.fields.empty()) {
      proto_json::AppendScalar(type.fields[0].type, nullptr, Scalar(), absent);
    }
    return Only(type, bytes, absent);
  }
  base::Status Value(const MessageInfo& type, std::string_view bytes) {
    std::vector<Found> found;
    RETURN_IF_ERROR(Collect(type, bytes, found));
    const auto set = std::ranges::find(found, true, &Found::present);
    if (set == found.end()) return Bad(type.full_name, "none of its kinds is set");
    const FieldInfo& field = type.fields[set - found.begin()];
    if (field.type == FieldType::kDouble &&
        !std::isfinite(std::bit_cast<double>(set->values.back().number))) {
      return Bad(type.full_name, "a number that JSON does not have");
    }
    return Field(type, field, *set);
  }

  const DescriptorIndex& index_;
  std::size_t may_copy_;
  std::string& out_;
  int depth_ = 0;
};

}  // namespace

base::Status AppendProtoJson(const DescriptorIndex& index, std::string_view type,
                             std::string_view message, std::string& out) {
  const MessageInfo* found = index.FindMessage(type);
  if (!found) return Bad(type, "type is not known");
  const std::size_t start = out.size();
  auto status = Printer(index, message.size(), out).Message(*found, message);
  if (!status) out.resize(start);
  return status;
}

}  // namespace grpc
