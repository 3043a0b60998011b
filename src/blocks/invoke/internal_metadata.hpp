// map<string, ListStringValue>, the form that header fields have between runtimes. Pure; any
// thread.
#pragma once

#include <string>
#include <string_view>

#include "http/headers.hpp"

namespace blocks::invoke {

/// One entry with one value.
void AppendEntry(std::string& out, int field, std::string_view key, std::string_view value);

/// All fields as entries; fields of one name become one entry with a list. `canonical`: names in
/// Go's form, else as they are. Where `skip` says so a name is left out; null: none is.
using SkipField = bool (*)(std::string_view name);
void AppendHeaders(std::string& out, int field, const http::Headers& headers, bool canonical,
                   SkipField skip);

/// Reads one entry into fields. What no HTTP message can hold is left out. False if malformed.
bool ReadEntry(std::string_view bytes, http::Headers& out);

/// The value and the type of a google.protobuf.Any; views into it.
std::string_view ReadAny(std::string_view any);
std::string_view ReadTypeUrl(std::string_view any);

}  // namespace blocks::invoke
