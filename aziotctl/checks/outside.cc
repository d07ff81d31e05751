#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "aziotctl/checks/checks.h"
#include "aziotctl/checks/context.h"
#include "aziotctl/checks/sntp.h"
#include "common/https/client.h"
#include "common/status/status_macros.h"

namespace aziot::ctl {
namespace {

using Json = nlohmann::json;

constexpr int kMostRedirects = 5;
constexpr absl::Duration kNoticeable = absl::Seconds(10);
constexpr absl::Duration kHarmful = absl::Minutes(5);  // tokens and certificates are refused

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

absl::StatusOr<std::string> Fetch(const CheckContext& context) {
  https::Client client(
      {.proxy = {.url = context.proxy_uri, .no_proxy = ""}, .timeout = context.patience, .retries = 0},
      Clock::System());
  std::string url = context.versions_url;
  for (int hop = 0; hop <= kMostRedirects; ++hop) {
    ASSIGN_OR_RETURN(const http::Response answer,
                     client.Send({.make = [&](absl::Duration) -> absl::StatusOr<http::Request> {
                                    return http::Request{.method = "GET", .target = url};
                                  },
                                  .retry = false}));
    if (answer.status == 200) return answer.body;
    if (!IsRedirect(answer.status))
      return absl::NotFoundError(absl::StrCat(url, " answered ", answer.status));
    const std::string target(answer.headers.Get("location"));
    url = absl::StartsWith(target, "/")
              ? absl::StrCat(url.substr(0, url.find('/', url.find("://") + 3)), target)
              : target;
    if (!absl::StartsWith(url, "https://") && !absl::StartsWith(url, "http://"))
      return absl::NotFoundError("a redirect to what is no URL");
  }
  return absl::NotFoundError(absl::StrCat("more than ", kMostRedirects, " redirects"));
}

std::string MajorMinor(absl::string_view version) {
  const std::vector<absl::string_view> parts = absl::StrSplit(version, '.');
  return parts.size() < 2 ? std::string(version) : absl::StrCat(parts[0], ".", parts[1]);
}

// The text of a member, "" for what has none.
std::string TextOf(const Json& object, const char* member) {
  if (!object.is_object()) return "";
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// The array of a member; what has none gives an empty one.
Json ListOf(const Json& object, const char* member) {
  if (!object.is_object()) return Json::array();
  const auto found = object.find(member);
  return found != object.end() && found->is_array() ? *found : Json::array();
}

// The newest version of this one's line, "" when the document names none.
std::string NewestOf(const Json& document, absl::string_view line) {
  for (const Json& channel : ListOf(document, "channels")) {
    for (const Json& product : ListOf(channel, "products")) {
      if (TextOf(product, "id") != "aziot-edge") continue;
      for (const Json& component : ListOf(product, "components")) {
        const std::string version = TextOf(component, "version");
        if (TextOf(component, "name") == "aziot-identity-service" && MajorMinor(version) == line)
          return version;
      }
    }
  }
  return "";
}

}  // namespace

Result AziotVersion(CheckContext& context, nlohmann::json& info) {
  info["actual_version"] = AZIOT_VERSION;
  std::string expected = context.expected_version;
  if (expected.empty()) {
    if (!context.Parent().empty()) return Result::Ignored();
    const auto text = Fetch(context);
    if (absl::IsUnavailable(text.status()) || absl::IsDeadlineExceeded(text.status())) {
      return Result::Warning(
          "could not ask for the latest version; offline, give it with --expected-aziot-version or leave "
          "this "
          "check out with --dont-run aziot-version",
          text.status().message());
    }
    if (!text.ok()) return Result::Error("could not ask for the latest version", text.status().message());
    expected = NewestOf(Json::parse(*text, nullptr, false), MajorMinor(AZIOT_VERSION));
    if (expected.empty())
      return Result::Error(absl::StrCat("could not find the latest version in ", context.versions_url));
  }
  info["expected_version"] = expected;
  if (expected == AZIOT_VERSION) return Result::Ok();
  return Result::Warning(absl::StrCat("aziot-identity-service has version ", AZIOT_VERSION, ", and ",
                                      expected, " is the latest"));
}

Result HostLocalTime(CheckContext& context, nlohmann::json& info) {
  const absl::StatusOr<absl::Duration> offset = ClockOffset(context.ntp_server, context.patience);
  if (absl::IsNotFound(offset.status()) || absl::IsDeadlineExceeded(offset.status())) {
    return Result::Warning(absl::StrCat("could not ask ", context.ntp_server, " for the time"),
                           offset.status().message());
  }
  if (!offset.ok()) {
    return Result::Error(absl::StrCat("could not ask ", context.ntp_server, " for the time"),
                         offset.status().message());
  }
  const absl::Duration distance = absl::AbsDuration(*offset);
  info["offset"] = absl::ToInt64Seconds(distance);
  if (distance < kNoticeable) return Result::Ok();
  const std::string text =
      absl::StrCat("the clock of this machine is ", absl::ToInt64Seconds(distance), " s ",
                   *offset > absl::ZeroDuration() ? "behind" : "ahead of", " that of ", context.ntp_server);
  if (distance < kHarmful) return Result::Warning(text);
  return Result::Error(absl::StrCat(text, ": the cloud refuses tokens and certificates"));
}

}  // namespace aziot::ctl
