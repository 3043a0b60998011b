// Parts of librdkafka and of libzstd that the static archives have and nothing here can reach; each
// would bring much code into the program.
//
// - librdkafka's mock brokers: they need the setting `test.mock.num.brokers`, which is never made.
// - zstd's match finders of levels 5 and up: messages are compressed at librdkafka's default, level
//   3, which uses none of them for any length (unused_parts_test.cpp). If one were called,
//   compression would fail with an error.
// - zstd's formats from before its version 0.8, which no Kafka client ever wrote.

#include <cstddef>

// The names are those of the libraries.
// NOLINTBEGIN(readability-identifier-naming)
namespace {
constexpr std::size_t kZstdFailed = static_cast<std::size_t>(-1);  // "generic error"
}

#define ZSTD_WITHOUT(name) \
  std::size_t name() {     \
    return kZstdFailed;    \
  }

extern "C" {

void* rd_kafka_mock_cluster_new(void* /*client*/, int /*brokers*/) {
  return nullptr;
}
void rd_kafka_mock_cluster_destroy(void* /*cluster*/) {}
const char* rd_kafka_mock_cluster_bootstraps(void* /*cluster*/) {
  return "";
}
int rd_kafka_mock_broker_set_rtt(void* /*cluster*/, int /*broker*/, int /*milliseconds*/) {
  return -1;
}

ZSTD_WITHOUT(ZSTD_compressBlock_btlazy2)
ZSTD_WITHOUT(ZSTD_compressBlock_btlazy2_dictMatchState)
ZSTD_WITHOUT(ZSTD_compressBlock_btlazy2_extDict)
ZSTD_WITHOUT(ZSTD_compressBlock_btopt)
ZSTD_WITHOUT(ZSTD_compressBlock_btopt_dictMatchState)
ZSTD_WITHOUT(ZSTD_compressBlock_btopt_extDict)
ZSTD_WITHOUT(ZSTD_compressBlock_btultra)
ZSTD_WITHOUT(ZSTD_compressBlock_btultra2)
ZSTD_WITHOUT(ZSTD_compressBlock_btultra_dictMatchState)
ZSTD_WITHOUT(ZSTD_compressBlock_btultra_extDict)
ZSTD_WITHOUT(ZSTD_compressBlock_greedy)
ZSTD_WITHOUT(ZSTD_compressBlock_greedy_dedicatedDictSearch)
ZSTD_WITHOUT(ZSTD_compressBlock_greedy_dedicatedDictSearch_row)
ZSTD_WITHOUT(ZSTD_compressBlock_greedy_dictMatchState)
ZSTD_WITHOUT(ZSTD_compressBlock_greedy_dictMatchState_row)
ZSTD_WITHOUT(ZSTD_compressBlock_greedy_extDict)
ZSTD_WITHOUT(ZSTD_compressBlock_greedy_extDict_row)
ZSTD_WITHOUT(ZSTD_compressBlock_greedy_row)
ZSTD_WITHOUT(ZSTD_compressBlock_lazy)
ZSTD_WITHOUT(ZSTD_compressBlock_lazy2)
ZSTD_WITHOUT(ZSTD_compressBlock_lazy2_dedicatedDictSearch)
ZSTD_WITHOUT(ZSTD_compressBlock_lazy2_dedicatedDictSearch_row)
ZSTD_WITHOUT(ZSTD_compressBlock_lazy2_dictMatchState)
ZSTD_WITHOUT(ZSTD_compressBlock_lazy2_dictMatchState_row)
ZSTD_WITHOUT(ZSTD_compressBlock_lazy2_extDict)
ZSTD_WITHOUT(ZSTD_compressBlock_lazy2_extDict_row)
ZSTD_WITHOUT(ZSTD_compressBlock_lazy2_row)
ZSTD_WITHOUT(ZSTD_compressBlock_lazy_dedicatedDictSearch)
ZSTD_WITHOUT(ZSTD_compressBlock_lazy_dedicatedDictSearch_row)
ZSTD_WITHOUT(ZSTD_compressBlock_lazy_dictMatchState)
ZSTD_WITHOUT(ZSTD_compressBlock_lazy_dictMatchState_row)
ZSTD_WITHOUT(ZSTD_compressBlock_lazy_extDict)
ZSTD_WITHOUT(ZSTD_compressBlock_lazy_extDict_row)
ZSTD_WITHOUT(ZSTD_compressBlock_lazy_row)
ZSTD_WITHOUT(ZSTD_dedicatedDictSearch_lazy_loadDictionary)
ZSTD_WITHOUT(ZSTD_insertAndFindFirstIndex)
ZSTD_WITHOUT(ZSTD_row_update)
ZSTD_WITHOUT(ZSTD_updateTree)

ZSTD_WITHOUT(ZSTDv05_decompress_usingDict)
ZSTD_WITHOUT(ZSTDv05_freeDCtx)
ZSTD_WITHOUT(ZSTDv05_getFrameParams)
ZSTD_WITHOUT(ZBUFFv05_decompressContinue)
ZSTD_WITHOUT(ZBUFFv05_decompressInitDictionary)
ZSTD_WITHOUT(ZBUFFv05_freeDCtx)
void* ZSTDv05_createDCtx() {
  return nullptr;
}
void* ZBUFFv05_createDCtx() {
  return nullptr;
}
void ZSTDv05_findFrameSizeInfoLegacy(const void* /*from*/, std::size_t /*length*/,
                                     std::size_t* size, unsigned long long* bound) {
  *size = kZstdFailed;
  *bound = static_cast<unsigned long long>(-2);  // "not a frame"
}
ZSTD_WITHOUT(ZSTDv06_decompress_usingDict)
ZSTD_WITHOUT(ZSTDv06_freeDCtx)
ZSTD_WITHOUT(ZSTDv06_getFrameParams)
ZSTD_WITHOUT(ZBUFFv06_decompressContinue)
ZSTD_WITHOUT(ZBUFFv06_decompressInitDictionary)
ZSTD_WITHOUT(ZBUFFv06_freeDCtx)
void* ZSTDv06_createDCtx() {
  return nullptr;
}
void* ZBUFFv06_createDCtx() {
  return nullptr;
}
void ZSTDv06_findFrameSizeInfoLegacy(const void* /*from*/, std::size_t /*length*/,
                                     std::size_t* size, unsigned long long* bound) {
  *size = kZstdFailed;
  *bound = static_cast<unsigned long long>(-2);  // "not a frame"
}
ZSTD_WITHOUT(ZSTDv07_decompress_usingDict)
ZSTD_WITHOUT(ZSTDv07_freeDCtx)
ZSTD_WITHOUT(ZSTDv07_getFrameParams)
ZSTD_WITHOUT(ZBUFFv07_decompressContinue)
ZSTD_WITHOUT(ZBUFFv07_decompressInitDictionary)
ZSTD_WITHOUT(ZBUFFv07_freeDCtx)
void* ZSTDv07_createDCtx() {
  return nullptr;
}
void* ZBUFFv07_createDCtx() {
  return nullptr;
}
void ZSTDv07_findFrameSizeInfoLegacy(const void* /*from*/, std::size_t /*length*/,
                                     std::size_t* size, unsigned long long* bound) {
  *size = kZstdFailed;
  *bound = static_cast<unsigned long long>(-2);  // "not a frame"
}

}  // extern "C"
#undef ZSTD_WITHOUT
// NOLINTEND(readability-identifier-naming)
