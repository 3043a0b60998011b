// JSON text exactly as Go's encoding/json would write it: values that pass through the Dapr APIs
// are stored and sent in that form, and people switch runtimes over the same data. Works on text in
// one pass without building a tree. Any thread; scratch memory is per thread.
//
// Error texts are those of Go's decoder, because the API shows them to clients.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace base {

/// Objects and arrays nested deeper than this are refused, as Go refuses them.
inline constexpr size_t kMaxJsonDepth = 10000;

struct GoJsonOptions {
  bool escape_html = true;     // write < > & as \u003c \u003e \u0026
  bool exact_numbers = false;  // numbers stay as they are written instead of going through float64
};

/// Decodes `json` into generic values and encodes these again: no white space, keys sorted by
/// bytes, the last of equal keys wins, numbers through float64 (unless they are to stay exact),
/// strings re-escaped, invalid UTF-8 replaced. Fails with kInvalidArgument on text that is not one
/// JSON value or has a number beyond float64.
Result<std::string> ReencodeLikeGo(std::string_view json, GoJsonOptions options = {});

/// The text without white space; order, numbers and escapes stay. With `escape_html` also < > & and
/// U+2028, U+2029 inside strings become escapes. Fails as above, except that numbers have no range.
Result<std::string> CompactLikeGo(std::string_view json, bool escape_html);

/// Success when `json` is one JSON value by Go's rules (numbers of any size).
Status CheckJson(std::string_view json);

/// Appends `text` as a JSON string with quotes. Invalid UTF-8 bytes are written as \ufffd.
void AppendJsonString(std::string& out, std::string_view text, bool escape_html = true);

/// Appends a finite float64 with the fewest digits that read back the same: exponents only below
/// 1e-6 and from 1e21 on.
void AppendGoFloat(std::string& out, double value);

}  // namespace base
