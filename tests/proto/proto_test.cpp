// Compares the descriptors compiled into the proto libraries with the wire tables, name by name and
// number by number. Peers written against Dapr's own contracts must not notice a difference.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>
#include <re2/re2.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>
#include <iterator>

#include "base/source_dir.hpp"
#include "descriptor_facts.hpp"
#include "wire_table.hpp"

namespace proto_test {
namespace {

namespace pb = google::protobuf;

const char* const kTables[] = {"wire.md", "grpc.md", "keda.md"};

const WireTable& Table(const std::string& name) {
  static std::map<std::string, WireTable> tables;
  auto found = tables.find(name);
  if (found == tables.end()) {
    auto table = ReadWireTable(base::SourceDir() + "/tests/proto/" + name);
    if (!table) {
      std::cerr << table.error() << "\n";
      std::exit(1);
    }
    found = tables.emplace(name, std::move(*table)).first;
  }
  return found->second;
}

const pb::FileDescriptor* Compiled(const std::string& path) {
  return pb::DescriptorPool::generated_pool()->FindFileByName(path);
}

/// Lines of `left` that `right` does not have.
std::vector<std::string> Minus(const std::set<std::string>& left,
                               const std::set<std::string>& right) {
  std::vector<std::string> rest;
  std::ranges::set_difference(left, right, std::back_inserter(rest));
  return rest;
}

// --- each file -----------------------------------------------------------------------------------

struct FileCase {
  std::string table;
  std::string path;
};

void PrintTo(const FileCase& file, std::ostream* out) {
  *out << file.path;
}

std::vector<FileCase> AllFiles() {
  std::vector<FileCase> files;
  for (const char* table : kTables) {
    for (const WireFile& file : Table(table).files) files.push_back({table, file.path});
  }
  return files;
}

class ProtoFile : public testing::TestWithParam<FileCase> {};

TEST_P(ProtoFile, MatchesTheTable) {
  const WireTable& table = Table(GetParam().table);
  const auto file = std::ranges::find(table.files, GetParam().path, &WireFile::path);
  ASSERT_NE(file, table.files.end());
  const pb::FileDescriptor* compiled = Compiled(file->path);
  ASSERT_NE(compiled, nullptr) << "not linked in, see proto/CMakeLists.txt";
  const auto wanted = FactsOf(table, *file);
  const auto found = FactsOf(*compiled);
  for (const auto& fact : Minus(wanted, found)) ADD_FAILURE() << "missing: " << fact;
  for (const auto& fact : Minus(found, wanted)) ADD_FAILURE() << "not in the table: " << fact;
}

INSTANTIATE_TEST_SUITE_P(Proto, ProtoFile, testing::ValuesIn(AllFiles()), [](const auto& info) {
  std::string name = info.param.path;
  std::ranges::replace_if(name, [](char c) { return c == '/' || c == '.'; }, '_');
  return name;
});

// --- all files together --------------------------------------------------------------------------

class ProtoTable : public testing::TestWithParam<const char*> {};

void Count(const pb::Descriptor& message, WireTotals& totals) {
  if (message.options().map_entry()) return;
  ++totals.messages;
  totals.fields += message.field_count();
  totals.enums += message.enum_type_count();
  for (int i = 0; i < message.nested_type_count(); ++i) Count(*message.nested_type(i), totals);
}

void Count(const pb::FileDescriptor& file, WireTotals& totals) {
  totals.services += file.service_count();
  totals.enums += file.enum_type_count();
  for (int i = 0; i < file.service_count(); ++i) totals.methods += file.service(i)->method_count();
  for (int i = 0; i < file.message_type_count(); ++i) Count(*file.message_type(i), totals);
}

TEST_P(ProtoTable, Totals) {
  const WireTable& table = Table(GetParam());
  WireTotals totals;
  for (const WireFile& file : table.files) {
    const pb::FileDescriptor* compiled = Compiled(file.path);
    ASSERT_NE(compiled, nullptr) << file.path;
    Count(*compiled, totals);
  }
  EXPECT_EQ(totals.services, table.totals.services);
  EXPECT_EQ(totals.methods, table.totals.methods);
  EXPECT_EQ(totals.messages, table.totals.messages);
  EXPECT_EQ(totals.fields, table.totals.fields);
  EXPECT_EQ(totals.enums, table.totals.enums);
}

std::string OverviewRow(const pb::ServiceDescriptor& service) {
  static const RE2 stability(R"((Alpha|Beta)\d+$)");
  int alpha = 0, beta = 0;
  std::string deprecated;
  for (int i = 0; i < service.method_count(); ++i) {
    const pb::MethodDescriptor& method = *service.method(i);
    std::string tag;
    RE2::PartialMatch(method.name(), stability, &tag);
    alpha += tag == "Alpha";
    beta += tag == "Beta";
    if (method.options().deprecated()) {
      deprecated += (deprecated.empty() ? "" : ", ") + method.name();
    }
  }
  const int stable = service.method_count() - alpha - beta;
  return std::to_string(service.method_count()) + " " + std::to_string(stable) + " " +
         std::to_string(alpha) + " " + std::to_string(beta) + " " +
         (deprecated.empty() ? "-" : deprecated);
}

TEST_P(ProtoTable, OverviewOfServices) {
  const WireTable& table = Table(GetParam());
  std::map<std::string, std::string> rows;
  for (const WireFile& file : table.files) {
    const pb::FileDescriptor* compiled = Compiled(file.path);
    ASSERT_NE(compiled, nullptr) << file.path;
    for (int i = 0; i < compiled->service_count(); ++i) {
      rows[compiled->service(i)->full_name()] = OverviewRow(*compiled->service(i));
    }
  }
  EXPECT_EQ(rows, table.overview);
}

INSTANTIATE_TEST_SUITE_P(Proto, ProtoTable, testing::ValuesIn(kTables), [](const auto& info) {
  return std::string(info.param).substr(0, std::string(info.param).find('.'));
});

TEST(ProtoTree, HasNoFileOutsideTheTables) {
  std::set<std::string> known;
  for (const FileCase& file : AllFiles()) known.insert(file.path);
  std::set<std::string> found;
  const std::filesystem::path root = base::SourceDir() + "/proto";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".proto") continue;
    found.insert(entry.path().lexically_relative(root).generic_string());
  }
  EXPECT_EQ(found, known);
}

// --- the comparison itself notices every kind of change ------------------------------------------

struct Change {
  const char* name;
  const char* path;
  std::function<void(pb::FileDescriptorProto&)> apply;
};

void PrintTo(const Change& change, std::ostream* out) {
  *out << change.name;
}

const pb::FileDescriptor* Build(const pb::FileDescriptor& file, pb::DescriptorPool& pool,
                                const Change& change) {
  if (const auto* built = pool.FindFileByName(file.name())) return built;
  for (int i = 0; i < file.dependency_count(); ++i) Build(*file.dependency(i), pool, change);
  pb::FileDescriptorProto proto;
  file.CopyTo(&proto);
  file.CopyJsonNameTo(&proto);
  if (file.name() == change.path) change.apply(proto);
  return pool.BuildFile(proto);
}

class ProtoChange : public testing::TestWithParam<Change> {};

TEST_P(ProtoChange, IsNoticed) {
  const pb::FileDescriptor* original = Compiled(GetParam().path);
  ASSERT_NE(original, nullptr);
  pb::DescriptorPool pool;
  const pb::FileDescriptor* changed = Build(*original, pool, GetParam());
  ASSERT_NE(changed, nullptr);
  EXPECT_NE(FactsOf(*changed), FactsOf(*original));
}

constexpr char kLock[] = "dapr/proto/runtime/v1/lock.proto";
constexpr char kStatus[] = "dapr/proto/internals/v1/status.proto";
constexpr char kSentry[] = "dapr/proto/sentry/v1/sentry.proto";
constexpr char kOperator[] = "dapr/proto/operator/v1/operator.proto";

using File = pb::FileDescriptorProto;

const Change kChanges[] = {
    {"FieldNumber", kLock,
     [](File& f) { f.mutable_message_type(0)->mutable_field(3)->set_number(14); }},
    {"FieldName", kLock,
     [](File& f) { f.mutable_message_type(0)->mutable_field(0)->set_name("storename"); }},
    {"FieldType", kLock,
     [](File& f) {
       f.mutable_message_type(0)->mutable_field(3)->set_type(pb::FieldDescriptorProto::TYPE_INT64);
     }},
    {"FieldLabel", kLock,
     [](File& f) {
       f.mutable_message_type(0)->mutable_field(0)->set_label(
           pb::FieldDescriptorProto::LABEL_REPEATED);
     }},
    {"FieldPresence", kLock,
     [](File& f) {
       auto& message = *f.mutable_message_type(0);
       message.add_oneof_decl()->set_name("_store_name");
       message.mutable_field(0)->set_oneof_index(0);
       message.mutable_field(0)->set_proto3_optional(true);
     }},
    {"FieldOneof", kLock,
     [](File& f) {
       auto& message = *f.mutable_message_type(0);
       message.add_oneof_decl()->set_name("which");
       message.mutable_field(0)->set_oneof_index(0);
     }},
    {"FieldJsonName", kLock,
     [](File& f) { f.mutable_message_type(0)->mutable_field(0)->set_json_name("store"); }},
    {"FieldDeprecated", kLock,
     [](File& f) {
       f.mutable_message_type(0)->mutable_field(0)->mutable_options()->set_deprecated(true);
     }},
    {"FieldAdded", kLock,
     [](File& f) {
       auto& message = *f.mutable_message_type(0);
       *message.add_field() = message.field(0);
       message.mutable_field(4)->set_name("more");
       message.mutable_field(4)->set_json_name("more");
       message.mutable_field(4)->set_number(99);
     }},
    {"FieldRemoved", kLock,
     [](File& f) { f.mutable_message_type(0)->mutable_field()->RemoveLast(); }},
    {"MessageDeprecated", kLock,
     [](File& f) { f.mutable_message_type(0)->mutable_options()->set_deprecated(true); }},
    {"EnumValue", kLock,
     [](File& f) {
       f.mutable_message_type(3)->mutable_enum_type(0)->mutable_value(3)->set_number(4);
     }},
    {"Package", kStatus, [](File& f) { f.set_package("dapr.proto.internals.v2"); }},
    {"Syntax", kLock, [](File& f) { f.clear_syntax(); }},
    {"StreamKind", kSentry,
     [](File& f) { f.mutable_service(0)->mutable_method(0)->set_server_streaming(true); }},
    {"MethodInput", kSentry,
     [](File& f) {
       auto& method = *f.mutable_service(0)->mutable_method(0);
       method.set_input_type(method.output_type());
     }},
    {"MethodDeprecated", kSentry,
     [](File& f) {
       f.mutable_service(0)->mutable_method(0)->mutable_options()->set_deprecated(true);
     }},
    {"MethodRemoved", kSentry,
     [](File& f) { f.mutable_service(0)->mutable_method()->RemoveLast(); }},
    {"ReservedNumber", kOperator,
     [](File& f) { f.mutable_message_type(0)->clear_reserved_range(); }},
    {"ReservedName", kOperator, [](File& f) { f.mutable_message_type(0)->clear_reserved_name(); }},
};

INSTANTIATE_TEST_SUITE_P(Proto, ProtoChange, testing::ValuesIn(kChanges),
                         [](const auto& info) { return std::string(info.param.name); });

// A rebuilt but unchanged file must not differ, or ProtoChange would prove nothing.
TEST(ProtoChangeControl, NoChangeIsNoDifference) {
  for (const char* path : {kLock, kSentry, kOperator}) {
    pb::DescriptorPool pool;
    const pb::FileDescriptor* rebuilt = Build(*Compiled(path), pool, {"none", path, [](File&) {}});
    ASSERT_NE(rebuilt, nullptr);
    EXPECT_EQ(FactsOf(*rebuilt), FactsOf(*Compiled(path)));
  }
}

}  // namespace
}  // namespace proto_test
