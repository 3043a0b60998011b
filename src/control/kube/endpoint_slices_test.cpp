#include "control/kube/endpoint_slices.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace control::kube {
namespace {

boost::json::object Json(std::string_view text) {
  return boost::json::parse(text).as_object();
}

std::string Text(const std::optional<std::vector<net::Address>>& addresses) {
  if (!addresses) return "unknown";
  std::string out;
  for (const net::Address& address : *addresses) out += address.ToString() + " ";
  return out;
}

constexpr const char* kSlice = R"({"metadata":{"name":"a"},"addressType":"IPv4",
  "ports":[{"name":"http","port":8080,"protocol":"TCP"},{"name":"udp","port":80,"protocol":"UDP"}],
  "endpoints":[{"addresses":["10.0.0.2"],"conditions":{"ready":true}},
               {"addresses":["10.0.0.1"]},
               {"addresses":["10.0.0.3"],"conditions":{"ready":false,"serving":false}}]})";

TEST(EndpointSlices, ReadyOnesCount) {
  EndpointSlices slices;
  EXPECT_TRUE(slices.empty());
  slices.Put(Json(kSlice));
  EXPECT_EQ(Text(slices.Addresses(8080, nullptr)), "10.0.0.1:8080 10.0.0.2:8080 ");
  slices.Put(Json(R"({"metadata":{"name":"a"},"ports":null,"endpoints":null})"));
  EXPECT_FALSE(slices.empty());
  EXPECT_EQ(Text(slices.Addresses(8080, nullptr)), "");
  slices.Remove(Json(R"({"metadata":{"name":"a"}})"));
  EXPECT_TRUE(slices.empty());
}

TEST(EndpointSlices, ThoseThatEndServeUntilOthersAreReady) {
  EndpointSlices slices;
  slices.Put(Json(R"({"metadata":{"name":"a"},"ports":[{"name":"","port":80}],"endpoints":[
    {"addresses":["10.0.0.1"],"conditions":{"ready":false,"serving":true,"terminating":true}},
    {"addresses":["10.0.0.2"],"conditions":{"ready":false,"serving":false,"terminating":true}}]})"));
  EXPECT_EQ(Text(slices.Addresses(80, nullptr)), "10.0.0.1:80 ");
  slices.Put(Json(R"({"metadata":{"name":"b"},"ports":[{"name":"","port":80}],"endpoints":[
    {"addresses":["10.0.0.3"],"conditions":{"ready":true}}]})"));
  EXPECT_EQ(Text(slices.Addresses(80, nullptr)), "10.0.0.3:80 ");
}

TEST(EndpointSlices, AllFamiliesNoneTwice) {
  EndpointSlices slices;
  slices.Put(Json(R"({"metadata":{"name":"v6"},"ports":[{"port":80}],"endpoints":[
    {"addresses":["fd00::1"]}]})"));
  for (const char* name : {"x", "y"}) {
    auto slice = Json(R"({"metadata":{},"ports":[{"port":80}],"endpoints":[
      {"addresses":["10.0.0.1"]},{"addresses":["name.example"]}]})");
    slice["metadata"].as_object()["name"] = name;
    slices.Put(slice);
  }
  EXPECT_EQ(Text(slices.Addresses(80, nullptr)), "10.0.0.1:80 [fd00::1]:80 ");
}

TEST(EndpointSlices, TheServiceTranslatesItsPort) {
  EndpointSlices slices;
  slices.Put(Json(R"({"metadata":{"name":"a"},
    "ports":[{"name":"web","port":8080},{"name":"grpc","port":80}],
    "endpoints":[{"addresses":["10.0.0.1"]}]})"));
  const ServicePorts service = ReadServicePorts(Json(R"({"spec":{"clusterIP":"10.96.0.1",
    "ports":[{"name":"web","port":80,"targetPort":"x"},{"name":"grpc","port":81}]}})"));
  EXPECT_EQ(Text(slices.Addresses(80, &service)), "10.0.0.1:8080 ");
  EXPECT_EQ(Text(slices.Addresses(81, &service)), "10.0.0.1:80 ");
  EXPECT_EQ(Text(slices.Addresses(8080, &service)), "unknown");
  // Without the Service a port of the pods is taken as it is, and another one cannot be told.
  EXPECT_EQ(Text(slices.Addresses(8080, nullptr)), "10.0.0.1:8080 ");
  EXPECT_EQ(Text(slices.Addresses(81, nullptr)), "unknown");
  // A name without a cluster IP stands for the pods themselves.
  const ServicePorts headless = ReadServicePorts(Json(R"({"spec":{"clusterIP":"None",
    "ports":[{"name":"web","port":80}]}})"));
  EXPECT_EQ(Text(slices.Addresses(9999, &headless)), "10.0.0.1:9999 ");
}

TEST(EndpointSlices, ASinglePortNeedsNoName) {
  EndpointSlices slices;
  slices.Put(Json(R"({"metadata":{"name":"a"},"ports":[{"name":"","port":8080}],
    "endpoints":[{"addresses":["10.0.0.1"]}]})"));
  EXPECT_EQ(Text(slices.Addresses(80, nullptr)), "10.0.0.1:8080 ");
}

TEST(EndpointSlices, OddObjectsDoNoHarm) {
  EndpointSlices slices;
  for (const char* odd :
       {"{}", R"({"metadata":7})", R"({"metadata":{"name":"a"},"endpoints":[7,{"addresses":7},{}],
        "ports":[{"port":"x"},{"port":70000},7]})"}) {
    slices.Put(Json(odd));
  }
  EXPECT_EQ(Text(slices.Addresses(80, nullptr)), "unknown");
}

}  // namespace
}  // namespace control::kube
