#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <string>
#include <vector>

#include "api/grpc/method.hpp"
#include "base/strings.hpp"
#include "dapr/proto/runtime/v1/dapr.pb.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"

namespace api {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;

// A file and what it imports, each once, the file first.
template <class Response>
void AddFiles(const FileDescriptor& file, std::vector<const FileDescriptor*>& seen,
              Response& response) {
  for (const FileDescriptor* known : seen) {
    if (known == &file) return;
  }
  seen.push_back(&file);
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  proto.SerializeToString(response.add_file_descriptor_proto());
  for (int i = 0; i < file.dependency_count(); ++i) {
    AddFiles(*file.dependency(i), seen, response);
  }
}

template <class Response>
void Fail(Response& response, grpc::Code code, std::string text) {
  response.mutable_error_response()->set_error_code(static_cast<int>(code));
  response.mutable_error_response()->set_error_message(std::move(text));
}

template <class Response>
void AnswerFile(const FileDescriptor* file, const std::string& name, Response& response) {
  if (!file) {
    Fail(response, grpc::Code::kNotFound, base::StrCat("not found: ", name));
    return;
  }
  std::vector<const FileDescriptor*> seen;
  AddFiles(*file, seen, *response.mutable_file_descriptor_response());
}

template <class Request, class Response>
Response Answer(const grpc::Service& service, const Request& request) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  Response response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  switch (request.message_request_case()) {
    case Request::kFileByFilename:
      AnswerFile(pool.FindFileByName(request.file_by_filename()), request.file_by_filename(),
                 response);
      break;
    case Request::kFileContainingSymbol:
      AnswerFile(pool.FindFileContainingSymbol(request.file_containing_symbol()),
                 request.file_containing_symbol(), response);
      break;
    case Request::kFileContainingExtension: {
      const auto& wanted = request.file_containing_extension();
      const auto* type = pool.FindMessageTypeByName(wanted.containing_type());
      const auto* extension =
          type ? pool.FindExtensionByNumber(type, wanted.extension_number()) : nullptr;
      AnswerFile(extension ? extension->file() : nullptr, wanted.containing_type(), response);
      break;
    }
    case Request::kAllExtensionNumbersOfType: {
      const std::string& name = request.all_extension_numbers_of_type();
      const auto* type = pool.FindMessageTypeByName(name);
      if (!type) {
        Fail(response, grpc::Code::kNotFound, base::StrCat("not found: ", name));
        break;
      }
      auto& numbers = *response.mutable_all_extension_numbers_response();
      numbers.set_base_type_name(name);
      std::vector<const google::protobuf::FieldDescriptor*> extensions;
      pool.FindAllExtensions(type, &extensions);
      for (const auto* extension : extensions) numbers.add_extension_number(extension->number());
      break;
    }
    case Request::kListServices:
      for (const std::string& name : service.ServiceNames()) {
        response.mutable_list_services_response()->add_service()->set_name(name);
      }
      break;
    default:
      Fail(response, grpc::Code::kInvalidArgument, "invalid MessageRequest");
  }
  return response;
}

template <class Request, class Response>
async::Task<grpc::CallStatus> Reflect(const grpc::Service& service, grpc::ServerStream& stream) {
  while (true) {
    auto bytes = co_await stream.Read();
    if (!bytes) {
      co_return std::unexpected(
          grpc::Status{grpc::CodeOfKind(bytes.error().kind), bytes.error().message, {}});
    }
    if (!*bytes) co_return grpc::CallStatus();
    Request request;
    if (!request.ParseFromString(**bytes)) co_return std::unexpected(BadMessage());
    const std::string answer = Answer<Request, Response>(service, request).SerializeAsString();
    if (auto sent = co_await stream.Write(answer); !sent) {
      co_return std::unexpected(
          grpc::Status{grpc::CodeOfKind(sent.error().kind), sent.error().message, {}});
    }
  }
}

template <class Request, class Response>
void AddVersion(grpc::Service& service, std::string path) {
  grpc::Method method;
  method.stream = [&service](grpc::ServerStream& stream) {
    return Reflect<Request, Response>(service, stream);
  };
  service.Add(std::move(path), std::move(method));
}

}  // namespace

void AddReflection(grpc::Service& service) {
  // The descriptors of a file that nobody names would not be linked in.
  (void)dapr::proto::runtime::v1::ShutdownRequest::descriptor();
  AddVersion<grpc::reflection::v1::ServerReflectionRequest,
             grpc::reflection::v1::ServerReflectionResponse>(
      service, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");
  AddVersion<grpc::reflection::v1alpha::ServerReflectionRequest,
             grpc::reflection::v1alpha::ServerReflectionResponse>(
      service, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo");
}

}  // namespace api
