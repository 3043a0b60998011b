#include "components/redis/reply_reader.hpp"

#include <hiredis/hiredis.h>

#include <new>

#include "base/strings.hpp"

namespace components::redis {

using base::Kind;

// hiredis asks for an object per value and hands back a container's object with each element. Our
// object is the index of the node, plus one, because null means "out of memory".
struct ReplyReader::Callbacks {
  static void* Place(const redisReadTask* task, Reply::Node node) {
    auto* self = static_cast<ReplyReader*>(task->privdata);
    std::size_t index = 0;
    if (task->parent) {
      const std::size_t parent = reinterpret_cast<std::size_t>(task->parent->obj) - 1;
      index = static_cast<std::size_t>(self->NodeAt(parent).number) +
              static_cast<std::size_t>(task->idx) + 1;
    }
    self->NodeAt(index) = node;
    return reinterpret_cast<void*>(index + 1);
  }
  static void* String(const redisReadTask* task, char* text, size_t size) {
    std::string& all = static_cast<ReplyReader*>(task->privdata)->building_.text_;
    const auto type = task->type == REDIS_REPLY_STRING   ? Reply::Type::kText
                      : task->type == REDIS_REPLY_STATUS ? Reply::Type::kStatus
                                                         : Reply::Type::kError;
    const auto at = static_cast<int64_t>(all.size());
    all.append(text, size);
    return Place(task, {type, static_cast<uint32_t>(size), at});
  }
  static void* Array(const redisReadTask* task, int elements) {
    auto* self = static_cast<ReplyReader*>(task->privdata);
    auto& nodes = self->building_.nodes_;
    const auto count = static_cast<std::size_t>(elements);
    const std::size_t first = nodes.size();
    if (elements < 0 || first + count > self->limits_.max_elements) {
      self->too_many_ = true;
      return nullptr;
    }
    nodes.resize(first + count);
    return Place(task,
                 {Reply::Type::kArray, static_cast<uint32_t>(count), static_cast<int64_t>(first)});
  }
  static void* Integer(const redisReadTask* task, long long value) {
    return Place(task, {Reply::Type::kInteger, 0, value});
  }
  static void* Nil(const redisReadTask* task) { return Place(task, {}); }
  static void Free(void*) {}

  static redisReplyObjectFunctions* Table() {
    static redisReplyObjectFunctions table{String, Array, Integer, Nil, Free};
    return &table;
  }
};

ReplyReader::ReplyReader(ReplyLimits limits)
    : limits_(limits),
      reader_(redisReaderCreateWithFunctions(Callbacks::Table()), &redisReaderFree) {
  if (!reader_) throw std::bad_alloc();
  reader_->privdata = this;
}

ReplyReader::~ReplyReader() = default;

void ReplyReader::Feed(std::string_view bytes) {
  if (redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK) return;
}

std::size_t ReplyReader::waiting() const {
  return reader_->len - reader_->pos;
}

base::Result<bool> ReplyReader::Next(Reply& out) {
  void* object = nullptr;
  if (redisReaderGetReply(reader_.get(), &object) != REDIS_OK) {
    if (too_many_) {
      return base::Fail(Kind::kTooLarge, base::StrCat("a reply of redis has more than ",
                                                      limits_.max_elements, " elements"));
    }
    return base::Fail(Kind::kProtocol,
                      base::StrCat("redis did not speak its protocol: ", reader_->errstr));
  }
  if (!object) {
    if (building_.text_.size() + waiting() > limits_.max_bytes) {
      return base::Fail(Kind::kTooLarge, base::StrCat("a reply of redis is larger than ",
                                                      limits_.max_bytes >> 20, " MiB"));
    }
    return false;
  }
  out = std::move(building_);
  building_ = Reply();
  return true;
}

}  // namespace components::redis
