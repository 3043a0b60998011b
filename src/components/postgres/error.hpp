// What a PostgreSQL server reports, as the program's Error. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace components::postgres {

/// `sqlstate` is the five characters of the standard; `message` the server's one-line text, which
/// never holds values of parameters. Adds how to mend what an operator can mend.
base::Error ServerError(std::string_view sqlstate, std::string_view message);

/// `message` of libpq when no connection could be made to `host`.
base::Error ConnectError(std::string_view host, std::string_view sqlstate,
                         std::string_view message);

/// One line of libpq's text: line ends become "; ", trailing blanks go.
std::string OneLine(std::string_view text);

// SQLSTATEs that the code acts on.
inline constexpr std::string_view kDivisionByZero = "22012";
inline constexpr std::string_view kUniqueViolation = "23505";
inline constexpr std::string_view kSerializationFailure = "40001";
inline constexpr std::string_view kDeadlock = "40P01";
inline constexpr std::string_view kDuplicateTable = "42P07";
inline constexpr std::string_view kNoSuchStatement = "26000";
inline constexpr std::string_view kDuplicateStatement = "42P05";
/// The first characters of all that say that the server goes down or comes up.
inline constexpr std::string_view kServerLeaves = "57P";
inline constexpr std::string_view kFeatureNotSupported = "0A000";

}  // namespace components::postgres
