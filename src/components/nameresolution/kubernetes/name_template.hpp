// The `template` option of nameresolution.kubernetes: the part of Go's text/template that names
// need: plain text, `{{.ID}}`, `{{.Namespace}}`, `{{.Port}}`, comments and the trim markers `{{-`
// and `-}}`. A value; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace components::nameresolution::kubernetes {

class NameTemplate {
 public:
  /// kInvalidArgument with what is not understood and the mend.
  static base::Result<NameTemplate> Parse(std::string_view text);

  std::string Fill(std::string_view id, std::string_view app_namespace, uint16_t port) const;

 private:
  enum class Part : uint8_t { kText, kId, kNamespace, kPort };
  struct Piece {
    Part part;
    std::string text;
  };
  static base::Result<Part> ParseAction(std::string_view action);

  std::vector<Piece> pieces_;
};

}  // namespace components::nameresolution::kubernetes
