// Where configuration reads environment variables, so that tests never touch the process's own.
// Read at start-up and on reload only. Any thread, as long as nothing changes the environment.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace config {

class Env {
 public:
  virtual ~Env() = default;
  /// The value, which may be empty, or none when the variable is not set.
  virtual std::optional<std::string> Lookup(const std::string& name) const = 0;

  std::string Get(const std::string& name) const { return Lookup(name).value_or(""); }
};

/// The process's environment.
class ProcessEnv : public Env {
 public:
  std::optional<std::string> Lookup(const std::string& name) const override;
};

/// A fixed set, for tests.
class MapEnv : public Env {
 public:
  MapEnv() = default;
  explicit MapEnv(std::map<std::string, std::string> values) : values_(std::move(values)) {}
  std::optional<std::string> Lookup(const std::string& name) const override;

 private:
  std::map<std::string, std::string> values_;
};

/// Replaces $NAME and ${NAME} by their values as Go's os.ExpandEnv does: unset is empty, "${}" and
/// an unclosed "${" vanish, a "$" before any other character stays.
std::string ExpandEnv(std::string_view text, const Env& env);

}  // namespace config
