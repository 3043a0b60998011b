// DeliveryDoor: whether deliveries may go to the app now, and where they wait while they may not.
//
// One an Instance and loop. While the app is away the messages that were already pulled wait here,
// in the order in which they were handed over; no verdict, no retry and no dead letter is spent on
// them. When nobody knows whether the app is back, one of them at a time may go and find out: it is
// then the request that wakes an app behind an activator. Own loop only.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>

#include "async/task.hpp"
#include "async/wait.hpp"
#include "blocks/pubsub/delivery_result.hpp"

namespace blocks::pubsub {

enum class DoorState : uint8_t {
  kOpen,
  kKnock,  // one at a time may try
  kShut,   // all wait
};

class DeliveryDoor {
 public:
  /// What the doors of all loops share: one delivery knocks at a time, and not too often.
  struct Knocking {
    std::atomic<bool> busy{false};
    std::atomic<async::Duration::rep> wait{0};
    std::atomic<async::TimePoint::rep> not_before{0};
  };

  /// Called on this loop: a delivery was refused by something in front of the app; a delivery that
  /// went alone was answered.
  struct Observer {
    std::function<void()> refused;
    std::function<void()> answered;
  };
  DeliveryDoor(std::shared_ptr<Knocking> knocking, Observer observer)
      : knocking_(std::move(knocking)), observer_(std::move(observer)) {}
  DeliveryDoor(const DeliveryDoor&) = delete;
  DeliveryDoor& operator=(const DeliveryDoor&) = delete;

  /// A delivery's place in the order. Lives in the frame of the delivery.
  class Ticket {
   public:
    /// `owner` is whom ReturnAll knows the ticket by. `held` is told +weight when the delivery
    /// begins to wait and -weight when it no longer does.
    Ticket(DeliveryDoor& door, const void* owner, std::function<void(int)> held);
    ~Ticket();
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    /// Between Enter and Leave: nobody knows whether the app is there, and this one finds out.
    bool knocking() const { return knocking_; }

   private:
    friend class DeliveryDoor;
    void Hold(bool on);
    DeliveryDoor& door_;
    const void* owner_;
    std::function<void(int)> held_by_;
    uint64_t order_;
    bool held_ = false;
    bool returned_ = false;
    bool knocking_ = false;
    async::Event wake_;
  };

  /// Waits until the delivery may be sent. False when it must not be: its owner has called it back
  /// or the context has ended.
  async::Task<bool> Enter(const async::Context& context, Ticket& ticket);
  /// What became of it. Must follow each Enter that was true, and may follow further attempts that
  /// are made without entering again.
  void Leave(Ticket& ticket, Answer answer);

  /// In place of Leave: the app has been found there by something else than this delivery, which
  /// is sent now. What waits follows once the caller has gone on to its next wait. The door must
  /// last until then.
  void Found(Ticket& ticket);

  /// What the home loop says.
  void Set(DoorState state);
  DoorState state() const { return state_; }
  /// Ends the waits of all tickets of that owner; those on their way come back to no wait.
  void ReturnAll(const void* owner);

  std::size_t waiting() const { return waiting_.size(); }

 private:
  struct ByOrder {
    bool operator()(const Ticket* a, const Ticket* b) const { return a->order_ < b->order_; }
  };
  bool Free() const { return state_ == DoorState::kOpen && !doubt_; }
  bool MayKnock(const Ticket& ticket) const;
  async::TimePoint KnockAt() const;
  void PutOffKnock(bool knocked);
  void ForgetKnocks();
  void Open();
  void WakeAll();
  void WakeFirst();

  const std::shared_ptr<Knocking> knocking_;
  const Observer observer_;
  DoorState state_ = DoorState::kShut;
  bool doubt_ = false;  // a delivery has just found nobody
  uint64_t next_order_ = 0;
  std::set<Ticket*, ByOrder> waiting_;
};

}  // namespace blocks::pubsub
