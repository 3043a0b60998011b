// Descriptor: all that the runtime knows about a component type before it makes one: names,
// features, the schema of its metadata, and how to make it. Validation, `--list-components` and the
// pages in docs/components come from here. Descriptors are constants of the program; any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "config/properties.hpp"
#include "contracts/name_resolver.hpp"
#include "contracts/pubsub.hpp"
#include "contracts/secret_store.hpp"
#include "contracts/state_store.hpp"

namespace contracts {

enum class FieldType : uint8_t { kString, kBool, kNumber, kDuration, kByteSize };
enum class Stability : uint8_t { kStable, kBeta, kAlpha };

std::string_view FieldTypeName(FieldType type);
std::string_view StabilityName(Stability stability);

/// One metadata field of a component.
struct Field {
  std::string name;  // as documented; looked up in any case
  FieldType type = FieldType::kString;
  std::string default_value;  // text as in YAML; empty = none
  bool secret = false;        // never printed, marked in the documentation
  bool required = false;
  std::string description;
  std::vector<std::string> allowed;  // the only values, in any case; empty = all
  std::vector<std::string> aliases;  // older names of the field
};

/// Makes an unstarted component. The kind of component is the alternative that is held.
using Factory = std::variant<std::unique_ptr<StateStore> (*)(), std::unique_ptr<SecretStore> (*)(),
                             std::unique_ptr<NameResolver> (*)(), std::unique_ptr<PubSub> (*)()>;

struct Descriptor {
  std::string type;                   // "state.sqlite"
  std::vector<std::string> versions;  // first = the default, usually {"v1"}
  std::vector<std::string> aliases;   // whole type names: "state.sqlite3"
  std::vector<std::string> features;  // as the metadata API shows them
  std::string summary;                // one or two sentences for the documentation
  std::vector<Field> fields;
  Stability status = Stability::kStable;
  Factory factory;
};

/// What is wrong but not fatal with a component's metadata: fields the schema does not know.
using Warnings = std::vector<std::string>;

/// Checks metadata against the schema. The error names the component, the field and the mend; it
/// never holds a value of a secret field. `fields` every component of a kind has (keyPrefix) are
/// given in `common`.
base::Result<Warnings> ValidateMetadata(const Descriptor& descriptor,
                                        std::string_view component_name,
                                        const config::Properties& properties,
                                        const std::vector<Field>& common = {});

/// Fields the runtime itself reads from every component of the kind that `type` ("state.x") names.
const std::vector<Field>& CommonFields(std::string_view type);

/// The page of docs/components for this type.
std::string DescriptorMarkdown(const Descriptor& descriptor);
/// Its file name: "state.sqlite.md".
std::string DescriptorFileName(const Descriptor& descriptor);

/// The table of everything that is compiled in. Built once at start, then only read.
class Registry {
 public:
  /// `descriptors` must outlive the registry. Two of them may not claim the same type and version.
  explicit Registry(std::vector<const Descriptor*> descriptors);

  /// `type` and `version` in any case; an empty version is the type's first. The error lists what
  /// there is.
  base::Result<const Descriptor*> Find(std::string_view type, std::string_view version) const;
  /// Sorted by type.
  const std::vector<const Descriptor*>& all() const { return descriptors_; }

 private:
  std::vector<const Descriptor*> descriptors_;
};

}  // namespace contracts
