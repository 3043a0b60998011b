#include "base/strings.hpp"
#include "contracts/descriptor.hpp"

namespace contracts {

namespace {

std::string Escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string Code(std::string_view text) {
  return text.empty() ? std::string() : base::StrCat("`", Escaped(text), "`");
}

void AppendTable(std::string& out, const std::vector<Field>& fields) {
  out += "| field | type | default | description |\n| --- | --- | --- | --- |\n";
  for (const Field& field : fields) {
    std::string notes;
    if (field.required) notes += " Required.";
    if (field.secret) notes += " Secret: give it with `secretKeyRef`.";
    if (!field.allowed.empty()) {
      base::StrAppend(notes, " One of ", Code(base::Join(field.allowed, " ")), ".");
    }
    if (!field.aliases.empty()) {
      base::StrAppend(notes, " Also accepted as ", Code(base::Join(field.aliases, ", ")), ".");
    }
    base::StrAppend(out, "| ", Code(field.name), " | ", FieldTypeName(field.type), " | ",
                    Code(field.default_value), " | ", Escaped(field.description), notes, " |\n");
  }
}

}  // namespace

std::string DescriptorFileName(const Descriptor& descriptor) {
  std::string name = descriptor.type;
  if (descriptor.versions.front() != "v1") base::StrAppend(name, "-", descriptor.versions.front());
  return name + ".md";
}

std::string DescriptorMarkdown(const Descriptor& descriptor) {
  std::string out =
      base::StrCat("# ", descriptor.type, "\n\n",
                   "<!-- Written from the component's descriptor. Change the descriptor, then run "
                   "its tests with ",
                   "UPDATE_DOCS=1. -->\n\n", descriptor.summary, "\n\n", "| | |\n| --- | --- |\n",
                   "| type | ", Code(descriptor.type), " |\n", "| versions | ",
                   Code(base::Join(descriptor.versions, ", ")), " |\n");
  if (!descriptor.aliases.empty()) {
    base::StrAppend(out, "| other names | ", Code(base::Join(descriptor.aliases, ", ")), " |\n");
  }
  base::StrAppend(out, "| status | ", StabilityName(descriptor.status), " |\n");
  if (!descriptor.features.empty()) {
    base::StrAppend(out, "| features | ", Code(base::Join(descriptor.features, ", ")), " |\n");
  }
  out += "\n## Metadata\n\n";
  if (descriptor.fields.empty()) {
    out += "This component has no fields of its own.\n";
  } else {
    AppendTable(out, descriptor.fields);
  }
  const std::vector<Field>& common = CommonFields(descriptor.type);
  if (!common.empty()) {
    out += "\nRead by the runtime for every component of this kind:\n\n";
    AppendTable(out, common);
  }
  return out;
}

}  // namespace contracts
