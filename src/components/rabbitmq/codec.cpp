#include "components/rabbitmq/codec.hpp"

#include <span>
#include <vector>

#include "base/strings.hpp"
#include "components/rabbitmq/wire.hpp"

namespace components::rabbitmq {

using base::Kind;
using base::StrCat;

namespace {

constexpr int kMaxNesting = 8;
constexpr std::size_t kScratch = 256 * 1024;

// Memory of the library for one decoding, given back at once.
class Pool {
 public:
  Pool() { init_amqp_pool(&pool_, 4096); }
  ~Pool() { empty_amqp_pool(&pool_); }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  amqp_pool_t* get() { return &pool_; }

 private:
  amqp_pool_t pool_;
};

std::unexpected<base::Error> Malformed(std::string_view what) {
  return base::Fail(Kind::kProtocol, StrCat("a malformed ", what, " arrived"));
}

// Reads big-endian numbers off the front; `ok` false once it ran out of bytes.
class Scan {
 public:
  explicit Scan(std::string_view rest) : rest_(rest) {}
  uint64_t Number(std::size_t bytes) {
    uint64_t value = 0;
    for (const char c : Take(bytes)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  std::string_view Take(std::size_t bytes) {
    if (bytes > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view out = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return out;
  }
  std::string_view ShortText() { return Take(Number(1)); }
  std::string_view LongText() { return Take(Number(4)); }
  bool ok() const { return ok_; }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

// Whether the library can read it: it goes as deep as the bytes tell it to.
bool IsSaneTable(std::string_view table, int depth, bool array);
bool SkipValue(Scan& scan, int depth) {
  const auto type = static_cast<char>(scan.Number(1));
  switch (type) {
    case 't':
    case 'b':
    case 'B':
      scan.Take(1);
      break;
    case 's':
    case 'u':
      scan.Take(2);
      break;
    case 'I':
    case 'i':
    case 'f':
      scan.Take(4);
      break;
    case 'D':
      scan.Take(5);
      break;
    case 'l':
    case 'L':
    case 'd':
    case 'T':
      scan.Take(8);
      break;
    case 'S':
    case 'x':
      scan.LongText();
      break;
    case 'V':
      break;
    case 'F':
    case 'A':
      return IsSaneTable(scan.LongText(), depth + 1, type == 'A') && scan.ok();
    default:
      return false;
  }
  return scan.ok();
}
bool IsSaneTable(std::string_view table, int depth, bool array) {
  if (depth > kMaxNesting) return false;
  Scan scan(table);
  while (!scan.empty()) {
    if (!array) scan.ShortText();
    if (!scan.ok() || !SkipValue(scan, depth)) return false;
  }
  return true;
}

std::string ValueText(const amqp_field_value_t& value) {
  switch (value.kind) {
    case AMQP_FIELD_KIND_BOOLEAN:
      return value.value.boolean ? "true" : "false";
    case AMQP_FIELD_KIND_I8:
      return std::to_string(value.value.i8);
    case AMQP_FIELD_KIND_U8:
      return std::to_string(value.value.u8);
    case AMQP_FIELD_KIND_I16:
      return std::to_string(value.value.i16);
    case AMQP_FIELD_KIND_U16:
      return std::to_string(value.value.u16);
    case AMQP_FIELD_KIND_I32:
      return std::to_string(value.value.i32);
    case AMQP_FIELD_KIND_U32:
      return std::to_string(value.value.u32);
    case AMQP_FIELD_KIND_I64:
      return std::to_string(value.value.i64);
    case AMQP_FIELD_KIND_U64:
    case AMQP_FIELD_KIND_TIMESTAMP:
      return std::to_string(value.value.u64);
    case AMQP_FIELD_KIND_F32:
      return StrCat(static_cast<double>(value.value.f32));
    case AMQP_FIELD_KIND_F64:
      return StrCat(value.value.f64);
    case AMQP_FIELD_KIND_UTF8:
    case AMQP_FIELD_KIND_BYTES:
      return std::string(View(value.value.bytes));
    default:
      return {};
  }
}

bool IsScalar(const amqp_field_value_t& value) {
  return value.kind != AMQP_FIELD_KIND_TABLE && value.kind != AMQP_FIELD_KIND_ARRAY &&
         value.kind != AMQP_FIELD_KIND_VOID && value.kind != AMQP_FIELD_KIND_DECIMAL;
}

std::span<char> Scratch() {
  thread_local std::vector<char> buffer(kScratch);
  return buffer;
}

template <class T>
const T& As(const void* decoded) {
  return *static_cast<const T*>(decoded);
}

// Takes over what a decoded method says.
bool Flatten(const void* decoded, ServerMethod& out) {
  switch (out.id) {
    case AMQP_CONNECTION_START_METHOD:
      out.text = View(As<amqp_connection_start_t>(decoded).mechanisms);
      return true;
    case AMQP_CONNECTION_TUNE_METHOD: {
      const auto& tune = As<amqp_connection_tune_t>(decoded);
      out.channel_max = tune.channel_max;
      out.frame_max = tune.frame_max;
      out.heartbeat = tune.heartbeat;
      return true;
    }
    case AMQP_CONNECTION_CLOSE_METHOD:
      out.code = As<amqp_connection_close_t>(decoded).reply_code;
      out.text = View(As<amqp_connection_close_t>(decoded).reply_text);
      return true;
    case AMQP_CONNECTION_BLOCKED_METHOD:
      out.text = View(As<amqp_connection_blocked_t>(decoded).reason);
      return true;
    case AMQP_CHANNEL_CLOSE_METHOD:
      out.code = As<amqp_channel_close_t>(decoded).reply_code;
      out.text = View(As<amqp_channel_close_t>(decoded).reply_text);
      return true;
    case AMQP_CHANNEL_FLOW_METHOD:
      out.flag = As<amqp_channel_flow_t>(decoded).active != 0;
      return true;
    case AMQP_QUEUE_DECLARE_OK_METHOD: {
      const auto& declared = As<amqp_queue_declare_ok_t>(decoded);
      out.text = View(declared.queue);
      out.message_count = declared.message_count;
      out.consumer_count = declared.consumer_count;
      return true;
    }
    case AMQP_BASIC_CONSUME_OK_METHOD:
      out.text = View(As<amqp_basic_consume_ok_t>(decoded).consumer_tag);
      return true;
    case AMQP_BASIC_CANCEL_METHOD:
      out.text = View(As<amqp_basic_cancel_t>(decoded).consumer_tag);
      return true;
    case AMQP_BASIC_DELIVER_METHOD: {
      const auto& deliver = As<amqp_basic_deliver_t>(decoded);
      out.text = View(deliver.consumer_tag);
      out.delivery_tag = deliver.delivery_tag;
      out.flag = deliver.redelivered != 0;
      out.exchange = View(deliver.exchange);
      out.routing_key = View(deliver.routing_key);
      return true;
    }
    case AMQP_BASIC_ACK_METHOD:
      out.delivery_tag = As<amqp_basic_ack_t>(decoded).delivery_tag;
      out.flag = As<amqp_basic_ack_t>(decoded).multiple != 0;
      return true;
    case AMQP_BASIC_NACK_METHOD:
      out.delivery_tag = As<amqp_basic_nack_t>(decoded).delivery_tag;
      out.flag = As<amqp_basic_nack_t>(decoded).multiple != 0;
      return true;
    case AMQP_CONNECTION_OPEN_OK_METHOD:
    case AMQP_CONNECTION_CLOSE_OK_METHOD:
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
    case AMQP_CHANNEL_OPEN_OK_METHOD:
    case AMQP_CHANNEL_CLOSE_OK_METHOD:
    case AMQP_EXCHANGE_DECLARE_OK_METHOD:
    case AMQP_QUEUE_BIND_OK_METHOD:
    case AMQP_BASIC_QOS_OK_METHOD:
    case AMQP_BASIC_CANCEL_OK_METHOD:
    case AMQP_BASIC_RECOVER_OK_METHOD:
    case AMQP_BASIC_RETURN_METHOD:
    case AMQP_CONFIRM_SELECT_OK_METHOD:
      return true;
    default:
      return false;
  }
}

}  // namespace

base::Result<ServerMethod> DecodeMethod(std::string_view payload) {
  Scan scan(payload);
  ServerMethod out;
  out.id = static_cast<uint32_t>(scan.Number(4));
  if (!scan.ok()) return Malformed("method");
  const std::string_view arguments = payload.substr(4);
  if (out.id == AMQP_CONNECTION_START_METHOD) {
    // The only method with a table that brokers send.
    Scan start(arguments);
    start.Take(2);
    if (!IsSaneTable(start.LongText(), 0, false) || !start.ok()) return Malformed("greeting");
  }
  Pool pool;
  void* decoded = nullptr;
  if (!amqp_method_name(out.id) ||
      amqp_decode_method(out.id, pool.get(), Bytes(arguments), &decoded) < 0 || !decoded) {
    return Malformed("method");
  }
  if (!Flatten(decoded, out)) {
    return base::Fail(Kind::kProtocol, StrCat("the broker sent ", amqp_method_name(out.id),
                                              ", which nobody asked for"));
  }
  return out;
}

base::Result<ContentHeader> DecodeHeader(std::string_view payload) {
  Scan scan(payload);
  const uint64_t class_id = scan.Number(2);
  scan.Take(2);
  ContentHeader header;
  header.body_size = scan.Number(8);
  if (!scan.ok() || class_id != AMQP_BASIC_CLASS) return Malformed("content header");
  header.properties = payload.substr(12);
  return header;
}

base::Result<Properties> DecodeProperties(std::string_view properties) {
  Scan scan(properties);
  const auto flags = static_cast<amqp_flags_t>(scan.Number(2));
  if (!scan.ok() || (flags & 1) != 0) return Malformed("content header");
  if (flags & AMQP_BASIC_CONTENT_TYPE_FLAG) scan.ShortText();
  if (flags & AMQP_BASIC_CONTENT_ENCODING_FLAG) scan.ShortText();
  if (flags & AMQP_BASIC_HEADERS_FLAG && !IsSaneTable(scan.LongText(), 0, false)) {
    return Malformed("table of headers");
  }
  if (!scan.ok()) return Malformed("content header");
  Pool pool;
  void* decoded = nullptr;
  if (amqp_decode_properties(AMQP_BASIC_CLASS, pool.get(), Bytes(properties), &decoded) < 0) {
    return Malformed("content header");
  }
  const auto& in = *static_cast<const amqp_basic_properties_t*>(decoded);
  Properties out;
  const auto take = [&](amqp_flags_t flag, amqp_bytes_t from, std::string& to) {
    if (in._flags & flag) to = View(from);
  };
  take(AMQP_BASIC_CONTENT_TYPE_FLAG, in.content_type, out.content_type);
  take(AMQP_BASIC_CONTENT_ENCODING_FLAG, in.content_encoding, out.content_encoding);
  take(AMQP_BASIC_MESSAGE_ID_FLAG, in.message_id, out.message_id);
  take(AMQP_BASIC_CORRELATION_ID_FLAG, in.correlation_id, out.correlation_id);
  take(AMQP_BASIC_REPLY_TO_FLAG, in.reply_to, out.reply_to);
  take(AMQP_BASIC_EXPIRATION_FLAG, in.expiration, out.expiration);
  take(AMQP_BASIC_TYPE_FLAG, in.type, out.type);
  take(AMQP_BASIC_APP_ID_FLAG, in.app_id, out.app_id);
  if (in._flags & AMQP_BASIC_DELIVERY_MODE_FLAG) out.delivery_mode = in.delivery_mode;
  if (in._flags & AMQP_BASIC_PRIORITY_FLAG) out.priority = in.priority;
  if (in._flags & AMQP_BASIC_HEADERS_FLAG) {
    for (int i = 0; i < in.headers.num_entries; ++i) {
      const amqp_table_entry_t& entry = in.headers.entries[i];
      if (IsScalar(entry.value)) out.headers.emplace_back(View(entry.key), ValueText(entry.value));
    }
  }
  return out;
}

base::Status AppendMethod(std::string& out, uint16_t channel, uint32_t id, void* method,
                          std::size_t max_frame) {
  const std::span<char> scratch = Scratch();
  const int size = amqp_encode_method(id, method, {scratch.size(), scratch.data()});
  if (size < 0 || static_cast<std::size_t>(size) + 4 + kFrameOverhead > max_frame) {
    return base::Fail(Kind::kTooLarge,
                      StrCat("the arguments of ", amqp_method_name(id), " fit no AMQP frame"));
  }
  AppendFrameHead(out, FrameType::kMethod, channel, static_cast<std::size_t>(size) + 4);
  const char number[] = {static_cast<char>(id >> 24), static_cast<char>(id >> 16),
                         static_cast<char>(id >> 8), static_cast<char>(id)};
  out.append(number, sizeof number);
  out.append(scratch.data(), static_cast<std::size_t>(size));
  AppendFrameEnd(out);
  return {};
}

base::Status AppendContent(std::string& out, uint16_t channel, const Properties& properties,
                           std::string_view body, std::size_t max_frame) {
  amqp_basic_properties_t in{};
  const auto put = [&](amqp_flags_t flag, const std::string& from, amqp_bytes_t& to) {
    if (from.empty()) return;
    in._flags |= flag;
    to = Bytes(from);
  };
  for (const std::string* text :
       {&properties.content_type, &properties.content_encoding, &properties.message_id,
        &properties.correlation_id, &properties.reply_to, &properties.expiration, &properties.type,
        &properties.app_id}) {
    if (text->size() > 255) {
      return base::Fail(Kind::kInvalidArgument,
                        "a property of an AMQP message may have up to 255 bytes");
    }
  }
  put(AMQP_BASIC_CONTENT_TYPE_FLAG, properties.content_type, in.content_type);
  put(AMQP_BASIC_CONTENT_ENCODING_FLAG, properties.content_encoding, in.content_encoding);
  put(AMQP_BASIC_MESSAGE_ID_FLAG, properties.message_id, in.message_id);
  put(AMQP_BASIC_CORRELATION_ID_FLAG, properties.correlation_id, in.correlation_id);
  put(AMQP_BASIC_REPLY_TO_FLAG, properties.reply_to, in.reply_to);
  put(AMQP_BASIC_EXPIRATION_FLAG, properties.expiration, in.expiration);
  put(AMQP_BASIC_TYPE_FLAG, properties.type, in.type);
  put(AMQP_BASIC_APP_ID_FLAG, properties.app_id, in.app_id);
  if (properties.delivery_mode > 0) {
    in._flags |= AMQP_BASIC_DELIVERY_MODE_FLAG;
    in.delivery_mode = properties.delivery_mode;
  }
  if (properties.priority) {
    in._flags |= AMQP_BASIC_PRIORITY_FLAG;
    in.priority = *properties.priority;
  }
  std::vector<amqp_table_entry_t> headers;
  if (!properties.headers.empty()) {
    for (const auto& [name, value] : properties.headers) headers.push_back(TextEntry(name, value));
    in._flags |= AMQP_BASIC_HEADERS_FLAG;
    in.headers = {static_cast<int>(headers.size()), headers.data()};
  }
  const std::span<char> scratch = Scratch();
  const int size = amqp_encode_properties(AMQP_BASIC_CLASS, &in, {scratch.size(), scratch.data()});
  if (size < 0 || static_cast<std::size_t>(size) + 12 + kFrameOverhead > max_frame) {
    return base::Fail(Kind::kTooLarge, "the metadata of the message fit no AMQP frame");
  }
  AppendFrameHead(out, FrameType::kHeader, channel, static_cast<std::size_t>(size) + 12);
  const uint64_t length = body.size();
  char head[12] = {0, AMQP_BASIC_CLASS};
  for (int i = 0; i < 8; ++i) head[4 + i] = static_cast<char>(length >> (56 - 8 * i));
  out.append(head, sizeof head);
  out.append(scratch.data(), static_cast<std::size_t>(size));
  AppendFrameEnd(out);
  const std::size_t piece = max_frame - kFrameOverhead;
  while (!body.empty()) {
    const std::string_view now = body.substr(0, piece);
    body.remove_prefix(now.size());
    AppendFrameHead(out, FrameType::kBody, channel, now.size());
    out.append(now);
    AppendFrameEnd(out);
  }
  return {};
}

}  // namespace components::rabbitmq
