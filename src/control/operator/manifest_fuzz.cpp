// Any bytes: no crash, and what a manifest is cut down to is a manifest that says the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "control/operator/protocol.hpp"
#include "control/operator/resource_set.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(control::ReadList(bytes));
  static_cast<void>(control::ReadEvent(bytes));
  for (const control::ResourceKind kind : control::kResourceKinds) {
    const auto once = control::ReadManifest(kind, bytes);
    if (!once) continue;
    const auto twice = control::ReadManifest(kind, once->json);
    if (!twice || twice->json != once->json || twice->name != once->name) std::abort();
    control::ResourceSet set;
    set.Put(kind, *once);
    static_cast<void>(control::DecodeResources(set, "app", "default"));
  }
  return 0;
}
