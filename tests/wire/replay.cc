#include "tests/wire/replay.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/rpc/transcode.h"
#include "tests/wire/typed_call.h"

namespace aziot::tests {
namespace {

constexpr char kGrpcVersion[] = "2026-12-01";

Variables NamesOf(const World& world, absl::string_view version) {
  static int replays = 0;
  Variables names = world.names();
  names["version"] = std::string(version);
  names["n"] = absl::StrCat(++replays);
  return names;
}

// A gRPC error as REST says it.
std::string ErrorBody(absl::string_view message) {
  std::string body = "{\"message\":";
  rpc::AppendJsonString(message, body);
  return absl::StrCat(body, "}");
}

void ExpectMatch(absl::string_view pattern, absl::string_view text, Variables& names) {
  const absl::Status fits = Match(pattern, text, names);
  EXPECT_TRUE(fits.ok()) << fits.message() << "\nexpected: " << std::string(pattern)
                         << "\n     got: " << std::string(text);
}

bool ExpandInto(const std::string& pattern, const Variables& names, std::string& text) {
  const absl::StatusOr<std::string> expanded = Expand(pattern, names);
  if (!expanded.ok()) ADD_FAILURE() << expanded.status().message();
  text = expanded.value_or("");
  return expanded.ok();
}

// What every answer looks like, whatever it says (keys-service.md, 2.3).
void ExpectForm(const http::Response& response) {
  size_t header_bytes = 0;
  for (const auto& [name, value] : response.headers) header_bytes += name.size() + value.size() + 4;
  EXPECT_LT(header_bytes, 450u) << "with the status line, deployed clients read 512 bytes of header";
  EXPECT_LE(response.headers.size(), 16u);
  if (response.status == 204) {
    EXPECT_EQ(response.body, "");
    EXPECT_EQ(response.headers.Find("content-type"), nullptr);
    return;
  }
  EXPECT_EQ(response.headers.Get("content-type"), "application/json");
  EXPECT_EQ(response.headers.Get("content-length"), absl::StrCat(response.body.size()));
  EXPECT_EQ(response.headers.Find("transfer-encoding"), nullptr);
}

void RunRest(World& world, const Step& step, absl::string_view api_version, Variables& names) {
  const auto special = step.rest_in.find(api_version);
  const RestAnswer& expected = special == step.rest_in.end() ? *step.rest : special->second;
  http::Request request{.method = step.verb};
  if (!ExpandInto(step.target, names, request.target) || !ExpandInto(step.body, names, request.body)) return;
  bool typed = false;
  for (const auto& [name, value] : step.headers) {
    typed = typed || name == "content-type";
    if (!value.empty()) request.headers.Add(name, value);
  }
  if (!typed && !step.body.empty()) request.headers.Add("content-type", "application/json");
  const http::Response response = world.Send(step.user, step.daemon, request);
  EXPECT_EQ(response.status, expected.status) << response.body;
  if (response.status == 0 || step.verb == "HEAD") return;
  ExpectForm(response);
  ExpectMatch(Compact(expected.body), response.body, names);
}

void RunGrpc(World& world, const Step& step, Variables& names) {
  std::string target;
  std::string body;
  if (!ExpandInto(step.target, names, target) || !ExpandInto(step.body, names, body)) return;
  const absl::StatusOr<TypedCall> call =
      step.is_rest() ? FromRest(step.verb, target, body) : FromName(target, body);
  ASSERT_TRUE(call.ok()) << call.status().message();
  GrpcPeer& peer = world.Peer(step.user, step.daemon);
  const std::string bytes = call->request->SerializeAsString();
  const GrpcReply reply =
      step.verb == "WATCH" ? peer.First(call->path(), bytes) : peer.Call(call->path(), bytes);
  EXPECT_EQ(reply.code, step.grpc->code) << reply.message;
  std::string expected = step.grpc->reply;
  if (expected.empty() && step.rest) expected = step.rest->body;
  if (reply.code != "OK") {
    ExpectMatch(Compact(expected), ErrorBody(reply.message), names);
    return;
  }
  const absl::StatusOr<std::string> json = call->ReplyJson(reply.payload);
  ASSERT_TRUE(json.ok()) << json.status().message();
  ExpectMatch(expected.empty() ? "{}" : Compact(expected), *json, names);
}

}  // namespace

void ReplayRest(World& world, const Sample& sample, absl::string_view api_version) {
  SCOPED_TRACE(absl::StrCat("REST, api-version ", api_version));
  Variables names = NamesOf(world, api_version);
  for (const Step& step : sample.steps) {
    if (!step.rest) continue;
    SCOPED_TRACE(absl::StrCat("line ", step.line, ": ", step.user, " ", step.verb, " ", step.target));
    RunRest(world, step, api_version, names);
    if (::testing::Test::HasFailure()) return;  // what follows would only repeat it
  }
}

void ReplayGrpc(World& world, const Sample& sample) {
  Variables names = NamesOf(world, kGrpcVersion);
  for (const Step& step : sample.steps) {
    if (!step.grpc) continue;
    SCOPED_TRACE(absl::StrCat("gRPC, line ", step.line, ": ", step.user, " ", step.verb, " ", step.target));
    RunGrpc(world, step, names);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace aziot::tests
