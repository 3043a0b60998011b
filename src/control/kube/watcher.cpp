#include "control/kube/watcher.hpp"

#include <algorithm>

#include "base/random.hpp"
#include "base/strings.hpp"
#include "control/kube/json.hpp"

namespace control::kube {
namespace {

constexpr auto kFirstWait = std::chrono::milliseconds(100);
constexpr auto kLongestWait = std::chrono::seconds(10);
constexpr auto kFirstRefusedWait = std::chrono::seconds(1);
constexpr auto kLongestRefusedWait = std::chrono::seconds(60);
constexpr auto kDoubt = std::chrono::seconds(30);
// The server is asked to end a watch after about five minutes, so that one that hangs is noticed
// and many watchers do not come back at one time.
constexpr uint64_t kWatchSeconds = 240;
constexpr uint64_t kWatchSpread = 120;
constexpr auto kWatchSlack = std::chrono::seconds(30);
// A watch that ends sooner did not serve.
constexpr auto kShortWatch = std::chrono::seconds(1);
constexpr std::size_t kLargestLine = std::size_t{8} << 20;

std::string VersionOf(const boost::json::object& object) {
  return TextOf(ObjectAt(object, "metadata"), "resourceVersion");
}

bool IsTooOld(const boost::json::object& status) {
  const auto* code = status.if_contains("code");
  return code && code->is_int64() && code->get_int64() == 410;
}

}  // namespace

Watcher::Watcher(Api& api, std::string path, std::string selector)
    : api_(api), path_(std::move(path)), selector_(std::move(selector)) {}

void Watcher::BackOff(bool lasting) {
  const async::Duration first = lasting ? async::Duration(kFirstRefusedWait) : kFirstWait;
  const async::Duration most = lasting ? kLongestRefusedWait : kLongestWait;
  const async::Duration wait = std::min(first * (1 << std::min(failures_++, 10)), most);
  retry_at_ = async::Loop::Current()->After(base::Jitter(wait));
}

bool Watcher::Doubts(base::Kind refusal) {
  if (!served_ || !IsLasting(refusal)) return false;
  const async::TimePoint now = async::Loop::Current()->now();
  refused_since_ = std::min(refused_since_, now);
  return now - refused_since_ < kDoubt;
}

async::Task<base::Result<Change>> Watcher::Next(const async::Context& context) {
  while (true) {
    if (!stream_ && retry_at_ > async::Loop::Current()->now()) {
      const async::Wake wake = co_await async::Sleep(context, retry_at_);
      if (wake != async::Wake::kReady) {
        co_return base::Fail(
            wake == async::Wake::kTimeout ? base::Kind::kTimeout : base::Kind::kCanceled,
            base::StrCat("the watch of ", path_, " has ended"));
      }
    }
    if (!listed_) {
      auto all = co_await ListAll(context);
      if (!all && Doubts(all.error().kind)) {
        BackOff(false);
        continue;
      }
      if (!all) BackOff(IsLasting(all.error().kind));
      co_return all;
    }
    if (!stream_) {
      auto opened = co_await OpenStream(context);
      if (!opened) {
        if (context.canceled()) co_return std::unexpected(std::move(opened).error());
        if (opened.error().kind == base::Kind::kPreconditionFailed) {
          listed_ = false;
          BackOff(false);
          continue;
        }
        const base::Kind kind = opened.error().kind;
        const bool lasting = IsLasting(kind) && !Doubts(kind);
        BackOff(lasting);
        if (lasting) {
          listed_ = false;
          co_return std::unexpected(std::move(opened).error());
        }
        continue;
      }
    }
    auto line = co_await NextLine(context);
    if (!line && context.canceled()) co_return std::unexpected(std::move(line).error());
    if (!line || !*line) {
      // A break, or the end that was agreed on.
      stream_.reset();
      const bool brief = async::Loop::Current()->now() - opened_ < kShortWatch;
      if (!brief) failures_ = 0;
      if (!line || brief) BackOff(false);
      continue;
    }
    Change change;
    switch (Read(**line, change)) {
      case Event::kChange:
        failures_ = 0;
        co_return change;
      case Event::kNothing:
        failures_ = 0;
        break;
      case Event::kTooOld:
      case Event::kBroken:
        stream_.reset();
        listed_ = false;
        BackOff(false);
        break;
    }
  }
}

async::Task<base::Result<Change>> Watcher::ListAll(const async::Context& context) {
  CO_ASSIGN_OR_RETURN(
      boost::json::value answer,
      co_await api_.Get(context, selector_.empty() ? path_ : path_ + "?" + selector_));
  boost::json::object& list = answer.get_object();
  Change change;
  if (auto* items = list.if_contains("items"); items && items->is_array()) {
    change.objects.reserve(items->get_array().size());
    for (boost::json::value& item : items->get_array()) {
      if (item.is_object()) change.objects.push_back(std::move(item));
    }
  }
  version_ = VersionOf(list);
  if (version_.empty()) {
    co_return base::Fail(base::Kind::kProtocol,
                         base::StrCat("Kubernetes API: GET ", path_, ": no list was answered"));
  }
  listed_ = true;
  co_return change;
}

async::Task<base::Status> Watcher::OpenStream(const async::Context& context) {
  const uint64_t seconds = kWatchSeconds + base::FastRandomBelow(kWatchSpread);
  std::string target =
      base::StrCat(path_, "?watch=true&allowWatchBookmarks=true&timeoutSeconds=", seconds,
                   "&resourceVersion=", version_);
  if (!selector_.empty()) base::StrAppend(target, "&", selector_);
  CO_ASSIGN_OR_RETURN(http::Response response, co_await api_.Open(context, std::move(target)));
  served_ = true;
  refused_since_ = async::kForever;
  stream_.emplace(std::move(response), std::string());
  opened_ = async::Loop::Current()->now();
  ends_ = async::Loop::Current()->After(std::chrono::seconds(seconds) + kWatchSlack);
  co_return base::Status();
}

async::Task<base::Result<std::optional<std::string>>> Watcher::NextLine(
    const async::Context& context) {
  const async::Context bounded = context.Until(ends_);
  while (true) {
    Stream& stream = *stream_;
    const std::size_t end = stream.buffer.find('\n', stream.scanned);
    if (end != std::string::npos) {
      std::string line = stream.buffer.substr(0, end);
      stream.buffer.erase(0, end + 1);
      stream.scanned = 0;
      if (base::Trim(line).empty()) continue;
      co_return std::optional(std::move(line));
    }
    stream.scanned = stream.buffer.size();
    if (stream.buffer.size() > kLargestLine) {
      co_return base::Fail(base::Kind::kTooLarge,
                           base::StrCat("the watch of ", path_, " sends an object of more than ",
                                        kLargestLine, " bytes"));
    }
    CO_ASSIGN_OR_RETURN(const auto chunk, co_await http::NextChunk(*stream.response.body, bounded));
    if (!chunk) co_return std::optional<std::string>();
    stream.buffer.append(*chunk);
  }
}

Watcher::Event Watcher::Read(const std::string& line, Change& change) {
  boost::json::error_code error;
  boost::json::value event = boost::json::parse(line, error);
  if (error || !event.is_object()) return Event::kBroken;
  boost::json::value* object = event.get_object().if_contains("object");
  if (!object || !object->is_object()) return Event::kBroken;
  const std::string type = TextOf(&event.get_object(), "type");
  if (type == "ERROR") {
    return IsTooOld(object->get_object()) ? Event::kTooOld : Event::kBroken;
  }
  if (std::string version = VersionOf(object->get_object()); !version.empty()) {
    version_ = std::move(version);
  }
  if (type == "ADDED" || type == "MODIFIED") {
    change.kind = Change::Kind::kPut;
  } else if (type == "DELETED") {
    change.kind = Change::Kind::kGone;
  } else {
    return Event::kNothing;  // a bookmark
  }
  change.objects.push_back(std::move(*object));
  return Event::kChange;
}

}  // namespace control::kube
