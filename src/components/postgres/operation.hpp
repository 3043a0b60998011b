// Operation: one thing a coroutine waits for the server to do: a statement, or several that happen
// together or not at all. It lives in the waiting frame and hops from the pool's queue to a
// connection's queue to the list of what has been sent. One loop.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "async/timer.hpp"
#include "base/result.hpp"
#include "components/postgres/query.hpp"
#include "components/postgres/rows.hpp"

namespace components::postgres {

enum class OperationKind : uint8_t {
  kRead,   // may be sent together with other reads, and again after a broken connection
  kWrite,  // never sent twice: the first may have happened
};

struct Operation;

/// Whoever has an operation at the moment.
class Holder {
 public:
  /// Its coroutine no longer waits. What was sent goes on without it.
  virtual void Remove(Operation& operation) = 0;

 protected:
  ~Holder() = default;
};

/// Whoever takes operations.
class Sink {
 public:
  /// False: refused at once, with `error` set; nothing will be completed.
  virtual bool Submit(Operation& operation) = 0;

 protected:
  ~Sink() = default;
};

struct Operation {
  Operation(OperationKind kind, std::span<const Query> queries) : kind(kind), queries(queries) {}
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  virtual ~Operation() = default;

  /// Resumes the coroutine; *this may be gone afterwards.
  virtual void Complete() = 0;

  const OperationKind kind;
  bool alone = false;   // a read that shares no segment, because one it shared failed
  bool sent = false;    // some of it may have reached the server
  uint8_t replays = 0;  // how often it was sent again
  bool replay = false;  // send it again instead of reporting `error`
  std::span<const Query> queries;

  Rows rows;                         // of the last statement
  std::optional<base::Error> error;  // of the first statement that failed
  std::string sqlstate;              // of `error`, if the server reported it
  std::size_t failed = 0;            // its index

  Holder* holder = nullptr;
  class OperationQueue* queue = nullptr;  // null: not in one
  Operation* next = nullptr;
  Operation* previous = nullptr;
};

/// First in, first out. Owns nothing.
class OperationQueue {
 public:
  OperationQueue() = default;
  OperationQueue(const OperationQueue&) = delete;
  OperationQueue& operator=(const OperationQueue&) = delete;

  bool empty() const { return first_ == nullptr; }
  std::size_t size() const { return size_; }
  Operation* front() const { return first_; }
  void Push(Operation& operation, Holder* holder) {
    operation.holder = holder;
    operation.queue = this;
    operation.next = nullptr;
    operation.previous = last_;
    (last_ ? last_->next : first_) = &operation;
    last_ = &operation;
    ++size_;
  }
  void Erase(Operation& operation) {
    (operation.previous ? operation.previous->next : first_) = operation.next;
    (operation.next ? operation.next->previous : last_) = operation.previous;
    operation.next = operation.previous = nullptr;
    operation.holder = nullptr;
    operation.queue = nullptr;
    --size_;
  }
  Operation* Pop() {
    Operation* operation = first_;
    if (operation) Erase(*operation);
    return operation;
  }

 private:
  Operation* first_ = nullptr;
  Operation* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace components::postgres
