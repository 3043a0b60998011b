// Result<T>: a value or the program's one Error. The data path returns it instead of throwing.
#pragma once

#include <expected>
#include <utility>

#include "base/error.hpp"

namespace base {

template <class T = void>
using Result = std::expected<T, Error>;
using Status = Result<void>;

/// Builds the failing side of a Result: `return base::Fail(Kind::kNotFound, "no such store x");`
inline std::unexpected<Error> Fail(Kind kind, std::string message) {
  return std::unexpected(Error(kind, std::move(message)));
}
inline std::unexpected<Error> Fail(Kind kind, ErrorId id, std::string message) {
  return std::unexpected(Error(kind, id, std::move(message)));
}
inline std::unexpected<Error> Fail(Error error) {
  return std::unexpected(std::move(error));
}

}  // namespace base

#define DAPR_CONCAT_(a, b) a##b
#define DAPR_CONCAT(a, b) DAPR_CONCAT_(a, b)

/// Leaves the function with the error of `expr` (a Status or Result) if it failed.
#define RETURN_IF_ERROR(expr)                                                                \
  do {                                                                                       \
    if (auto status_ = (expr); !status_) return std::unexpected(std::move(status_).error()); \
  } while (false)
/// The same inside a coroutine; `expr` may contain co_await.
#define CO_RETURN_IF_ERROR(expr)                                                                \
  do {                                                                                          \
    if (auto status_ = (expr); !status_) co_return std::unexpected(std::move(status_).error()); \
  } while (false)
/// `ASSIGN_OR_RETURN(auto x, F());` binds the value or leaves with the error.
#define ASSIGN_OR_RETURN(lhs, expr) ASSIGN_OR_RETURN_(DAPR_CONCAT(result_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_(tmp, lhs, expr)                   \
  auto tmp = (expr);                                        \
  if (!tmp) return std::unexpected(std::move(tmp).error()); \
  lhs = std::move(*tmp)
#define CO_ASSIGN_OR_RETURN(lhs, expr) \
  CO_ASSIGN_OR_RETURN_(DAPR_CONCAT(result_, __LINE__), lhs, expr)
#define CO_ASSIGN_OR_RETURN_(tmp, lhs, expr)                   \
  auto tmp = (expr);                                           \
  if (!tmp) co_return std::unexpected(std::move(tmp).error()); \
  lhs = std::move(*tmp)
