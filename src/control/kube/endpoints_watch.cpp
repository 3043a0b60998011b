#include "control/kube/endpoints_watch.hpp"

#include <boost/json.hpp>

#include "base/strings.hpp"

namespace control::kube {

EndpointsWatch::EndpointsWatch(Api& api, ServiceName service, uint16_t port)
    : api_(api),
      service_(std::move(service)),
      port_(port),
      watcher_(api,
               base::StrCat("/apis/discovery.k8s.io/v1/namespaces/", service_.name_space,
                            "/endpointslices"),
               base::StrCat("labelSelector=kubernetes.io%2Fservice-name%3D", service_.name)) {}

// The Service translates its port to the pods'. Without the right to read it the slices alone say.
async::Task<void> EndpointsWatch::ReadService(const async::Context& context) {
  auto service = co_await api_.Get(context, base::StrCat("/api/v1/namespaces/", service_.name_space,
                                                         "/services/", service_.name));
  if (service) {
    ports_ = ReadServicePorts(service->get_object());
    ports_read_ = true;
  } else if (IsLasting(service.error().kind)) {
    ports_.reset();
    ports_read_ = true;
  }
}

async::Task<base::Result<std::optional<std::vector<net::Address>>>> EndpointsWatch::Next(
    const async::Context& context) {
  CO_ASSIGN_OR_RETURN(const Change change, co_await watcher_.Next(context));
  if (change.kind == Change::Kind::kAll) {
    slices_.Clear();
    ports_read_ = false;
  }
  for (const boost::json::value& slice : change.objects) {
    if (change.kind == Change::Kind::kGone) {
      slices_.Remove(slice.get_object());
    } else {
      slices_.Put(slice.get_object());
    }
  }
  if (slices_.empty()) co_return std::optional<std::vector<net::Address>>();
  if (!ports_read_) co_await ReadService(context);
  auto addresses = slices_.Addresses(port_, ports_ ? &*ports_ : nullptr);
  // The Service may have got another port since.
  if (!addresses) ports_read_ = false;
  co_return addresses;
}

}  // namespace control::kube
