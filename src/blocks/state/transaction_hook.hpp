// TransactionHook: what goes along with each transaction of one store. The outbox is one: it tells
// a broker before the store is asked, and adds rows of its own to the transaction.
#pragma once

#include <memory>

#include "async/task.hpp"
#include "base/result.hpp"
#include "contracts/state_store.hpp"

namespace blocks::state {

class TransactionHook {
 public:
  /// One transaction, from before the store is asked until its answer. Dropped without End if the
  /// answer never came.
  class Attempt {
   public:
    virtual ~Attempt() = default;
    virtual void End(const base::Status& status) = 0;
  };

  virtual ~TransactionHook() = default;
  /// May change the operations, whose keys and values are those of the store. An error fails the
  /// transaction as it is; the store is then not asked. Any loop. `transaction` outlives the task.
  virtual async::Task<base::Result<std::unique_ptr<Attempt>>> Begin(
      const contracts::Call& call, contracts::TransactionRequest& transaction) = 0;
};

}  // namespace blocks::state
