#include "api/grpc/error_status.hpp"

#include <google/protobuf/any.pb.h>

#include "api/error_table.hpp"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace api {
namespace {

class DetailAdder {
 public:
  DetailAdder(google::rpc::Status& status, bool keep_metadata)
      : status_(status), keep_metadata_(keep_metadata) {}

  void operator()(const base::ErrorInfo& info) {
    google::rpc::ErrorInfo out;
    out.set_reason(info.reason);
    out.set_domain(info.domain);
    if (keep_metadata_) {
      for (const auto& [key, value] : info.metadata) (*out.mutable_metadata())[key] = value;
    }
    Pack(out);
  }
  void operator()(const base::ResourceInfo& info) {
    google::rpc::ResourceInfo out;
    out.set_resource_type(info.type);
    out.set_resource_name(info.name);
    out.set_owner(info.owner);
    out.set_description(info.description);
    Pack(out);
  }
  void operator()(const base::FieldViolation& violation) {
    google::rpc::BadRequest out;
    auto* added = out.add_field_violations();
    added->set_field(violation.field);
    added->set_description(violation.description);
    Pack(out);
  }
  void operator()(const base::HelpLink& link) {
    google::rpc::Help out;
    auto* added = out.add_links();
    added->set_url(link.url);
    added->set_description(link.description);
    Pack(out);
  }

 private:
  template <class Detail>
  void Pack(const Detail& detail) {
    status_.add_details()->PackFrom(detail);
  }
  google::rpc::Status& status_;
  const bool keep_metadata_;
};

}  // namespace

grpc::Status GrpcStatusOf(const base::Error& error) {
  const base::RemoteStatus* remote = error.remote();
  if (remote && error.id == base::ErrorId::kNone) {
    return {static_cast<grpc::Code>(remote->code), remote->message, remote->details};
  }
  grpc::Status out{GrpcCodeOf(error), error.message, {}};
  const Details shown = RowOf(error.id).details;
  if (error.details().empty() || (shown != Details::kBoth && shown != Details::kGrpc)) return out;
  // The app-id of a missing store is told over HTTP only.
  const bool keep_metadata = error.id != base::ErrorId::kStateStoreNotFound &&
                             error.id != base::ErrorId::kStateStoreNotConfigured;
  google::rpc::Status status;
  status.set_code(static_cast<int>(out.code));
  status.set_message(out.message);
  DetailAdder adder(status, keep_metadata);
  for (const base::ErrorDetail& detail : error.details()) std::visit(adder, detail);
  out.details = status.SerializeAsString();
  return out;
}

}  // namespace api
