#include "components/redis/reply_reader.hpp"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <new>
#include <utility>

#include "base/strings.hpp"

namespace components::redis {

using base::Kind;

namespace {

// More than this waiting is the begin of something long.
constexpr std::size_t kLong = 16 * 1024;
// Of a length, with its line's end.
constexpr std::size_t kMostDigits = 24;
// Waiting for the end of what is longer takes longer than another connection.
constexpr std::size_t kMostSkipped = std::size_t{1} << 30;

}  // namespace

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
    auto* self = static_cast<ReplyReader*>(task->privdata);
    std::string& all = self->building_.text_;
    if (size > self->limits_.max_bytes - all.size()) {
      self->too_long_ = true;
      size = 0;
    }
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
  const std::size_t skipped = std::min(skip_, bytes.size());
  skip_ -= skipped;
  bytes.remove_prefix(skipped);
  if (bytes.empty()) return;
  if (redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK) return;
}

std::size_t ReplyReader::waiting() const {
  return reader_->len - reader_->pos;
}

bool ReplyReader::in_long_text() const {
  return skip_ > 0 || waiting() > kLong;
}

// Whether the text whose end is awaited is longer than what may be kept: nil takes its place.
bool ReplyReader::StepOverText() {
  if (reader_->ridx < 0 || reader_->rstack[reader_->ridx].type != REDIS_REPLY_STRING) return false;
  // hiredis has taken the $.
  const std::string_view rest(reader_->buf + reader_->pos, waiting());
  const std::size_t end = rest.substr(0, kMostDigits).find("\r\n");
  if (end == std::string_view::npos) return false;
  const auto size = base::ParseUint<std::size_t>(rest.substr(0, end));
  if (!size || *size <= limits_.max_bytes - building_.text_.size() || *size > kMostSkipped) {
    return false;
  }
  const std::size_t whole = end + 2 + *size + 2;
  if (whole <= rest.size()) return false;
  skip_ = whole - rest.size();
  too_long_ = true;
  reader_->pos = reader_->len;
  return redisReaderFeed(reader_.get(), "-1\r\n", 4) == REDIS_OK;
}

Reply ReplyReader::Take() {
  Reply reply = std::exchange(building_, Reply());
  if (!std::exchange(too_long_, false)) return reply;
  Reply error;
  error.text_ = base::StrCat("TOOLARGE the answer is longer than ", limits_.max_bytes >> 20,
                             " MiB, the most that is read of one");
  error.root_ = {Reply::Type::kError, static_cast<uint32_t>(error.text_.size()), 0};
  return error;
}

base::Result<bool> ReplyReader::Next(Reply& out) {
  void* object = nullptr;
  do {
    if (redisReaderGetReply(reader_.get(), &object) == REDIS_OK) continue;
    if (too_many_) {
      return base::Fail(Kind::kTooLarge, base::StrCat("a reply of redis has more than ",
                                                      limits_.max_elements, " elements"));
    }
    return base::Fail(Kind::kProtocol,
                      base::StrCat("redis did not speak its protocol: ", reader_->errstr));
  } while (!object && StepOverText());
  if (!object) {
    // A line without an end, or a text that would take too long to step over.
    if (waiting() > limits_.max_bytes + kMostDigits) {
      return base::Fail(Kind::kTooLarge, base::StrCat("a reply of redis is larger than ",
                                                      limits_.max_bytes >> 20, " MiB"));
    }
    return false;
  }
  out = Take();
  return true;
}

}  // namespace components::redis
