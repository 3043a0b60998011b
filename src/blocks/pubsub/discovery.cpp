#include "blocks/pubsub/discovery.hpp"

#include <map>

#include "base/go_json.hpp"
#include "base/strings.hpp"
#include "blocks/invoke/wire.hpp"
#include "contracts/json_cursor.hpp"

namespace blocks::pubsub {
namespace {

namespace wire = blocks::invoke::wire;
using contracts::JsonCursor;

// More than any app means; each one costs a subscription at a broker.
constexpr std::size_t kMostSubscriptions = 10'000;
constexpr std::size_t kMostRules = 1'000;

// A field of the answer has another type than it must have.
class Mismatch {
 public:
  void Set(std::string_view field, std::string_view wanted) {
    if (text_.empty()) text_ = base::StrCat("field ", field, " must be ", wanted);
  }
  bool ok() const { return text_.empty(); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// Keys in any case, as Go's decoder takes them.
bool Is(std::string_view key, std::string_view name) {
  return base::EqualsIgnoreCase(key, name);
}

void ReadText(std::string_view field, JsonCursor& cursor, std::string& out, Mismatch& mismatch) {
  if (cursor.Peek() == '"') {
    out = cursor.String();
    return;
  }
  if (cursor.Peek() != 'n') mismatch.Set(field, "a string");
  cursor.Skip();
}

void ReadNumber(std::string_view field, JsonCursor& cursor, int32_t& out, Mismatch& mismatch) {
  const std::string_view text = cursor.Skip();
  if (text == "null") return;
  if (const auto value = base::ParseInt<int32_t>(text)) {
    out = *value;
  } else {
    mismatch.Set(field, "a whole number");
  }
}

// Calls `member(key, cursor)` for each member; it must step over the value.
template <class Member>
void EachMember(std::string_view field, JsonCursor& cursor, Mismatch& mismatch, Member member) {
  if (cursor.Peek() != '{') {
    if (cursor.Peek() != 'n') mismatch.Set(field, "an object");
    cursor.Skip();
    return;
  }
  cursor.Enter();
  while (cursor.More()) {
    const std::string key = cursor.Key();
    member(key, cursor);
  }
}

template <class Element>
void EachElement(std::string_view field, JsonCursor& cursor, Mismatch& mismatch, Element element) {
  if (cursor.Peek() != '[') {
    if (cursor.Peek() != 'n') mismatch.Set(field, "an array");
    cursor.Skip();
    return;
  }
  cursor.Enter();
  while (cursor.More()) element(cursor);
}

void ReadRoutes(JsonCursor& cursor, SubscriptionSpec& out, std::string& fallback,
                Mismatch& mismatch) {
  EachMember("routes", cursor, mismatch, [&](const std::string& key, JsonCursor& at) {
    if (Is(key, "default")) return ReadText("routes.default", at, fallback, mismatch);
    if (!Is(key, "rules")) return void(at.Skip());
    EachElement("routes.rules", at, mismatch, [&](JsonCursor& element) {
      config::RouteRule rule;
      EachMember("routes.rules", element, mismatch,
                 [&](const std::string& name, JsonCursor& value) {
                   if (Is(name, "match")) return ReadText("match", value, rule.match, mismatch);
                   if (Is(name, "path")) return ReadText("path", value, rule.path, mismatch);
                   value.Skip();
                 });
      if (out.rules.size() >= kMostRules) {
        mismatch.Set("routes.rules", base::StrCat("at most ", kMostRules, " rules"));
      } else {
        out.rules.push_back(std::move(rule));
      }
    });
  });
}

void ReadBulk(JsonCursor& cursor, config::BulkSubscribe& out, Mismatch& mismatch) {
  EachMember("bulkSubscribe", cursor, mismatch, [&](const std::string& key, JsonCursor& at) {
    if (Is(key, "enabled")) {
      const char first = at.Peek();
      if (first != 't' && first != 'f' && first != 'n') {
        mismatch.Set("bulkSubscribe.enabled", "a boolean");
      }
      if (first != 'n') out.enabled = first == 't';
      at.Skip();
    } else if (Is(key, "maxMessagesCount")) {
      ReadNumber("bulkSubscribe.maxMessagesCount", at, out.max_messages_count, mismatch);
    } else if (Is(key, "maxAwaitDurationMs")) {
      ReadNumber("bulkSubscribe.maxAwaitDurationMs", at, out.max_await_duration_ms, mismatch);
    } else {
      at.Skip();
    }
  });
}

SubscriptionSpec ReadEntry(JsonCursor& cursor, Mismatch& mismatch) {
  SubscriptionSpec out;
  out.source = SubscriptionSource::kProgrammatic;
  out.origin = "/dapr/subscribe";
  std::string route;
  std::string fallback;
  EachMember("subscription", cursor, mismatch, [&](const std::string& key, JsonCursor& at) {
    if (Is(key, "pubsubname")) return ReadText("pubsubname", at, out.pubsub, mismatch);
    if (Is(key, "topic")) return ReadText("topic", at, out.topic, mismatch);
    if (Is(key, "route")) return ReadText("route", at, route, mismatch);
    if (Is(key, "deadLetterTopic")) {
      return ReadText("deadLetterTopic", at, out.dead_letter_topic, mismatch);
    }
    if (Is(key, "routes")) return ReadRoutes(at, out, fallback, mismatch);
    if (Is(key, "bulkSubscribe")) return ReadBulk(at, out.bulk, mismatch);
    if (!Is(key, "metadata")) return void(at.Skip());
    EachMember("metadata", at, mismatch, [&](const std::string& name, JsonCursor& value) {
      ReadText("metadata", value, out.metadata[name], mismatch);
    });
  });
  out.default_route = fallback.empty() ? route : fallback;
  return out;
}

// Whether the entry can be served at all; else a line that says why not.
bool Usable(const SubscriptionSpec& spec, bool needs_route, std::size_t number,
            std::vector<std::string>& warnings) {
  std::string_view what;
  if (spec.pubsub.empty()) {
    what = "pubsubname";
  } else if (spec.topic.empty()) {
    what = "topic";
  } else if (needs_route && !spec.HasRoute()) {
    what = "route";
  } else {
    return true;
  }
  warnings.push_back(base::StrCat(spec.origin, ": subscription ", number, " (topic ",
                                  base::Quote(spec.topic), ") has no ", what, " and is left out"));
  return false;
}

}  // namespace

base::Result<Discovered> ParseSubscribeAnswer(std::string_view json) {
  RETURN_IF_ERROR(base::CheckJson(json));
  Discovered out;
  JsonCursor cursor(json);
  // Apps in Go write null for an empty list.
  if (cursor.Peek() == 'n') return out;
  if (cursor.Peek() != '[') {
    return base::Fail(base::Kind::kInvalidArgument, "a JSON array is expected");
  }
  Mismatch mismatch;
  std::size_t number = 0;
  EachElement("subscriptions", cursor, mismatch, [&](JsonCursor& element) {
    SubscriptionSpec spec = ReadEntry(element, mismatch);
    if (++number > kMostSubscriptions) {
      mismatch.Set("subscriptions", base::StrCat("at most ", kMostSubscriptions));
    } else if (Usable(spec, true, number, out.warnings)) {
      out.subscriptions.push_back(std::move(spec));
    }
  });
  if (!mismatch.ok()) return base::Fail(base::Kind::kInvalidArgument, mismatch.text());
  return out;
}

base::Result<Discovered> ParseListTopicSubscriptions(std::string_view message) {
  Discovered out;
  bool ok = true;
  std::size_t number = 0;
  wire::Reader list(message);
  while (list.Next()) {
    if (!list.Is(1, wire::Type::kBytes)) continue;
    SubscriptionSpec spec;
    spec.source = SubscriptionSource::kProgrammatic;
    spec.origin = "ListTopicSubscriptions";
    wire::Reader entry(list.bytes());
    while (entry.Next()) {
      if (entry.type() != wire::Type::kBytes) continue;
      wire::Reader inner(entry.bytes());
      switch (entry.field()) {
        case 1:
          spec.pubsub = entry.bytes();
          break;
        case 2:
          spec.topic = entry.bytes();
          break;
        case 3: {
          std::string key, value;
          while (inner.Next()) {
            if (inner.Is(1, wire::Type::kBytes)) key = inner.bytes();
            if (inner.Is(2, wire::Type::kBytes)) value = inner.bytes();
          }
          spec.metadata[key] = value;
          ok = ok && inner.ok();
          break;
        }
        case 5:
          while (inner.Next()) {
            if (inner.Is(2, wire::Type::kBytes)) spec.default_route = inner.bytes();
            if (!inner.Is(1, wire::Type::kBytes)) continue;
            config::RouteRule rule;
            wire::Reader fields(inner.bytes());
            while (fields.Next()) {
              if (fields.Is(1, wire::Type::kBytes)) rule.match = fields.bytes();
              if (fields.Is(2, wire::Type::kBytes)) rule.path = fields.bytes();
            }
            ok = ok && fields.ok() && spec.rules.size() < kMostRules;
            if (ok) spec.rules.push_back(std::move(rule));
          }
          ok = ok && inner.ok();
          break;
        case 6:
          spec.dead_letter_topic = entry.bytes();
          break;
        case 7:
          while (inner.Next()) {
            if (inner.type() != wire::Type::kVarint) continue;
            const auto number32 = static_cast<int32_t>(inner.number());
            if (inner.field() == 1) spec.bulk.enabled = inner.number() != 0;
            if (inner.field() == 2) spec.bulk.max_messages_count = number32;
            if (inner.field() == 3) spec.bulk.max_await_duration_ms = number32;
          }
          ok = ok && inner.ok();
          break;
        default:
          break;
      }
    }
    ok = ok && entry.ok() && ++number <= kMostSubscriptions;
    if (!ok) break;
    if (Usable(spec, false, number, out.warnings)) out.subscriptions.push_back(std::move(spec));
  }
  if (!ok || !list.ok()) {
    return base::Fail(base::Kind::kInvalidArgument, "ListTopicSubscriptionsResponse is malformed");
  }
  return out;
}

}  // namespace blocks::pubsub
