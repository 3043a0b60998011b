#include <string>
#include <vector>

#include "api/grpc/method.hpp"
#include "base/strings.hpp"
#include "grpc/descriptors.hpp"
#include "grpc/reflection/v1/reflection.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"

namespace api {
namespace {

using grpc::DescriptorIndex;
using grpc::FileInfo;

// A file and what it imports, each once, the file first.
template <class Response>
void AddFiles(const FileInfo& file, std::vector<const FileInfo*>& seen, Response& response) {
  for (const FileInfo* known : seen) {
    if (known == &file) return;
  }
  seen.push_back(&file);
  response.add_file_descriptor_proto()->assign(file.bytes);
  for (const std::string_view name : file.dependencies) {
    const FileInfo* dependency = DescriptorIndex::BuiltIn().FindFile(name);
    if (dependency) AddFiles(*dependency, seen, response);
  }
}

template <class Response>
void Fail(Response& response, grpc::Code code, std::string text) {
  response.mutable_error_response()->set_error_code(static_cast<int>(code));
  response.mutable_error_response()->set_error_message(std::move(text));
}

template <class Response>
void AnswerFile(const FileInfo* file, const std::string& name, Response& response) {
  if (!file) {
    Fail(response, grpc::Code::kNotFound, base::StrCat("not found: ", name));
    return;
  }
  std::vector<const FileInfo*> seen;
  AddFiles(*file, seen, *response.mutable_file_descriptor_response());
}

template <class Request, class Response>
Response Answer(const grpc::Service& service, const Request& request) {
  const DescriptorIndex& index = DescriptorIndex::BuiltIn();
  Response response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  switch (request.message_request_case()) {
    case Request::kFileByFilename:
      AnswerFile(index.FindFile(request.file_by_filename()), request.file_by_filename(), response);
      break;
    case Request::kFileContainingSymbol:
      AnswerFile(index.FindFileOfSymbol(request.file_containing_symbol()),
                 request.file_containing_symbol(), response);
      break;
    case Request::kFileContainingExtension: {
      const auto& wanted = request.file_containing_extension();
      AnswerFile(index.FindFileOfExtension(wanted.containing_type(),
                                           static_cast<uint32_t>(wanted.extension_number())),
                 wanted.containing_type(), response);
      break;
    }
    case Request::kAllExtensionNumbersOfType: {
      const std::string& name = request.all_extension_numbers_of_type();
      if (!index.FindMessage(name)) {
        Fail(response, grpc::Code::kNotFound, base::StrCat("not found: ", name));
        break;
      }
      auto& numbers = *response.mutable_all_extension_numbers_response();
      numbers.set_base_type_name(name);
      for (const uint32_t number : index.ExtensionNumbers(name)) {
        numbers.add_extension_number(static_cast<int32_t>(number));
      }
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
  AddVersion<grpc::reflection::v1::ServerReflectionRequest,
             grpc::reflection::v1::ServerReflectionResponse>(
      service, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");
  AddVersion<grpc::reflection::v1alpha::ServerReflectionRequest,
             grpc::reflection::v1alpha::ServerReflectionResponse>(
      service, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo");
}

}  // namespace api
