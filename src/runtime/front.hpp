// Front: the first thing a request meets. Finds the app it speaks for, takes a place under that
// app's limits and hands it on to the app's API. One object a kind of port, for all loops.
#pragma once

#include <memory>

#include "http/exchange.hpp"
#include "runtime/instance_table.hpp"
#include "telemetry/log.hpp"

namespace runtime {

/// The table of the current loop. Implemented by the Host.
class TableSource {
 public:
  virtual ~TableSource() = default;
  virtual const std::shared_ptr<const InstanceTable>& Here() const = 0;
  virtual bool ready() const = 0;
};

class Scaler;

class Front final : public http::Handler {
 public:
  /// `scaler` answers what is for it, whichever app it is about; null: nobody does.
  Front(Port port, const TableSource& tables, telemetry::Log log, Scaler* scaler = nullptr)
      : port_(port), tables_(tables), log_(std::move(log)), scaler_(scaler) {}

  bool TryHandle(http::Exchange& exchange) override;
  async::Task<void> Handle(http::Exchange& exchange) override;

 private:
  http::Handler& HandlerOf(Instance& instance) const;
  void Refuse(http::Exchange& exchange, const base::Error& error) const;
  void RefuseOverLimit(http::Exchange& exchange, const Instance& instance) const;
  bool IsHealthProbe(const http::Exchange& exchange) const;
  bool TryProcessHealth(http::Exchange& exchange) const;
  bool speaks_grpc() const { return port_ == Port::kGrpc || port_ == Port::kInternal; }

  const Port port_;
  const TableSource& tables_;
  const telemetry::Log log_;
  Scaler* const scaler_;
};

}  // namespace runtime
