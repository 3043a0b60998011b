#include "components/secretstores/local_file/store.hpp"

#include "base/file.hpp"
#include "base/strings.hpp"
#include "components/secretstores/local_file/flatten.hpp"

namespace components::secretstores::local_file {

async::Task<base::Status> Store::Init(const contracts::Call&,
                                      const contracts::InitRequest& request) {
  const config::Properties& properties = request.properties;
  CO_ASSIGN_OR_RETURN(const std::string path, properties.Require("secretsFile"));
  std::string separator = properties.Get("nestedSeparator");
  if (separator.empty()) separator = ":";
  multi_valued_ = properties.Bool("multiValued", false);
  // A small local file; components start before the loops serve anybody.
  CO_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  base::Result<std::map<std::string, contracts::Secret>> secrets =
      multi_valued_ ? FlattenMulti(text, separator) : FlattenSingle(text, separator);
  if (!secrets) {
    co_return base::Fail(secrets.error().kind,
                         base::StrCat("secretsFile ", path, ": ", secrets.error().message));
  }
  secrets_ = *std::move(secrets);
  co_return base::Status();
}

async::Task<base::Result<contracts::Secret>> Store::GetSecret(const contracts::Call&,
                                                              contracts::GetSecretRequest request) {
  const auto it = secrets_.find(request.name);
  if (it == secrets_.end()) {
    co_return base::Fail(base::Kind::kNotFound,
                         base::StrCat("secret ", request.name, " not found"));
  }
  co_return it->second;
}

async::Task<base::Result<std::map<std::string, contracts::Secret>>> Store::BulkGetSecret(
    const contracts::Call&, contracts::BulkGetSecretRequest) {
  co_return secrets_;
}

const contracts::Descriptor& Descriptor() {
  using contracts::FieldType;
  static const contracts::Descriptor kDescriptor{
      .type = "secretstores.local.file",
      .versions = {"v1"},
      .features = {"MULTIPLE_KEY_VALUES_PER_SECRET"},
      .summary =
          "Gives secrets out of a JSON file that is read once at start. For development: the file "
          "is plain text.",
      .fields = {{.name = "secretsFile",
                  .required = true,
                  .description =
                      "Path of the file. A relative path starts at the working directory "
                      "of the runtime."},
                 {.name = "nestedSeparator",
                  .default_value = ":",
                  .description = "Joins the names of nested members into the name of a secret: "
                                 "`{\"a\":{\"b\":\"x\"}}` holds the secret `a:b`."},
                 {.name = "multiValued",
                  .type = FieldType::kBool,
                  .default_value = "false",
                  .description =
                      "Make one secret of each top-level member, with the members below it "
                      "as its keys. The feature of this component counts only then."}},
      .status = contracts::Stability::kStable,
      .factory =
          +[]() -> std::unique_ptr<contracts::SecretStore> { return std::make_unique<Store>(); }};
  return kDescriptor;
}

}  // namespace components::secretstores::local_file
