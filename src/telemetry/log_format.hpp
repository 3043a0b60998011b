// How one log line looks: Dapr's JSON form and logrus's text form. Pure functions, any thread.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/time.hpp"

namespace telemetry {

enum class Level : uint8_t { kDebug, kInfo, kWarning, kError, kFatal };

/// The word logged for a level; `warning` for kWarning.
std::string_view LevelName(Level level);

/// A key with a text, number or truth value. Refers to the caller's texts, so it is for immediate
/// use only.
struct LogField {
  using Value = std::variant<std::string_view, int64_t, double, bool>;

  LogField(std::string_view key, std::string_view text) : key(key), value(text) {}
  LogField(std::string_view key, const char* text) : key(key), value(std::string_view(text)) {}
  LogField(std::string_view key, const std::string& text)
      : key(key), value(std::string_view(text)) {}
  LogField(std::string_view key, std::same_as<bool> auto flag) : key(key), value(flag) {}
  LogField(std::string_view key, std::floating_point auto number)
      : key(key), value(static_cast<double>(number)) {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  LogField(std::string_view key, T number) : key(key), value(static_cast<int64_t>(number)) {}

  std::string_view key;
  Value value;
};

struct LogLine {
  base::WallTime time;
  Level level = Level::kInfo;
  std::string_view msg;
  std::string_view scope;
  std::string_view app_id;  // empty = left out
  std::string_view instance;
  std::string_view version;
  std::span<const LogField> fields;  // may replace type, app_id, instance, scope and ver
};

/// One JSON object with sorted keys and a line feed, as Go's encoder writes it.
std::string FormatJson(const LogLine& line);

/// time, level, msg and the other keys sorted, as logrus without colours, and a line feed.
std::string FormatText(const LogLine& line);

}  // namespace telemetry
