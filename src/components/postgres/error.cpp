#include "components/postgres/error.hpp"

#include "base/strings.hpp"

namespace components::postgres {

using base::Kind;
using base::StrCat;

namespace {

struct Meaning {
  std::string_view prefix;  // of the SQLSTATE
  Kind kind;
  std::string_view mend;
};

// The first that fits counts: longer prefixes stand before shorter ones.
constexpr Meaning kMeanings[] = {
    {"22021", Kind::kInvalidArgument, "keys and JSON texts must be UTF-8 without zero bytes"},
    {"22P05", Kind::kInvalidArgument,
     "PostgreSQL's jsonb cannot hold \\u0000; send the value as bytes, or use version v2"},
    {"22001", Kind::kTooLarge, ""},
    {"22", Kind::kInvalidArgument, ""},
    {"25006", Kind::kPermissionDenied,
     "the server is read-only; connect to the primary, or add target_session_attrs=read-write to "
     "connectionString"},
    {"28", Kind::kUnauthenticated, "check user and password in connectionString"},
    {"3D000", Kind::kNotFound, "create the database, or name another one in connectionString"},
    {"3F000", Kind::kNotFound, "create the schema first"},
    {"40", Kind::kUnavailable, ""},
    {"42501", Kind::kPermissionDenied, "grant the user of connectionString what is missing"},
    {"42P01", Kind::kPreconditionFailed, ""},
    {"42703", Kind::kPreconditionFailed, ""},
    {"53100", Kind::kExhausted, "free space on the server's disk"},
    {"53300", Kind::kExhausted, "lower maxConns, or raise max_connections of the server"},
    {"53", Kind::kExhausted, ""},
    {"54", Kind::kTooLarge, "the key or the value is larger than PostgreSQL can keep"},
    {"55P03", Kind::kUnavailable, ""},
    {"57014", Kind::kTimeout, ""},
    {"57", Kind::kUnavailable, ""},
    {"58", Kind::kUnavailable, ""},
    {"08", Kind::kUnavailable, ""},
};

base::Error Explain(std::string text, std::string_view sqlstate, Kind fallback) {
  for (const Meaning& meaning : kMeanings) {
    if (!sqlstate.starts_with(meaning.prefix)) continue;
    if (!meaning.mend.empty()) base::StrAppend(text, ": ", meaning.mend);
    return {meaning.kind, std::move(text)};
  }
  return {fallback, std::move(text)};
}

}  // namespace

std::string OneLine(std::string_view text) {
  std::string out;
  for (std::string_view line : base::SplitView(text, '\n')) {
    line = base::Trim(line);
    if (line.empty()) continue;
    if (!out.empty()) out += "; ";
    out += line;
  }
  return out;
}

base::Error ServerError(std::string_view sqlstate, std::string_view message) {
  std::string text = StrCat("postgresql: ", OneLine(message));
  if (!sqlstate.empty()) base::StrAppend(text, " (SQLSTATE ", sqlstate, ")");
  return Explain(std::move(text), sqlstate, Kind::kInternal);
}

base::Error ConnectError(std::string_view host, std::string_view sqlstate,
                         std::string_view message) {
  return Explain(StrCat("cannot connect to postgresql at ", host, ": ", OneLine(message)), sqlstate,
                 Kind::kUnreachable);
}

}  // namespace components::postgres
