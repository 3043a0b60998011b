#include "blocks/pubsub/app_unary.hpp"

#include <optional>

#include "base/strings.hpp"
#include "grpc/message.hpp"
#include "http/body.hpp"

namespace blocks::pubsub {

async::Task<base::Result<UnaryAnswer>> CallAppUnary(contracts::AppTarget& target,
                                                    const async::Context& context,
                                                    std::string_view path, http::Headers metadata,
                                                    std::string_view message,
                                                    std::size_t max_answer) {
  http::RequestHead head;
  head.method = "POST";
  head.target = path;
  head.headers = std::move(metadata);
  head.headers.Add("content-type", "application/grpc");
  head.headers.Add("te", "trailers");
  std::string frame;
  frame.reserve(message.size() + 5);
  grpc::AppendFrame(message, false, frame);
  http::StringBody body(std::move(frame));
  auto sent = co_await target.Send(context, std::move(head), &body, nullptr);
  if (!sent) co_return std::unexpected(std::move(sent).error());
  http::Response& response = sent->response;
  CO_ASSIGN_OR_RETURN(const std::string reply,
                      co_await http::ReadAll(*response.body, context, max_answer + 64));

  UnaryAnswer out;
  out.http_status = response.head.status;
  const http::Headers* trailers = response.body->trailers();
  if (!(trailers && grpc::ParseStatus(*trailers, out.status)) &&
      !grpc::ParseStatus(response.head.headers, out.status)) {
    if (out.http_status == 200) {
      co_return base::Fail(base::Kind::kProtocol, "the app's answer ended without a gRPC status");
    }
    out.status = {grpc::CodeOfHttpStatus(out.http_status),
                  base::StrCat("the app answered with HTTP status ", out.http_status),
                  {}};
  }
  if (!out.status.ok()) co_return out;
  grpc::FrameParser parser(max_answer, true);
  std::string_view rest = reply;
  CO_ASSIGN_OR_RETURN(std::optional<std::string> answer, parser.Next(rest));
  if (!answer) co_return base::Fail(base::Kind::kProtocol, "the app's answer has no message");
  out.message = std::move(*answer);
  co_return out;
}

}  // namespace blocks::pubsub
