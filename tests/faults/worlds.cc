#include "tests/faults/worlds.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/bytes/base64.h"

namespace aziot::tests::faults {
namespace {

using Json = nlohmann::json;

constexpr char kKeysVersion[] = "?api-version=2021-05-01";

// 400 is "there is none"; anything else that is not 200 is trouble.
std::string Refusal(const http::Response& answer) {
  return answer.status == 400 ? "absent" : absl::StrCat("failed: ", answer.status, " ", answer.body);
}

std::string SeeKey(const Victim& keyd, const std::string& id) {
  const http::Response got = keyd.Ask("GET", absl::StrCat("/key/", id, kKeysVersion));
  if (got.status != 200) return Refusal(got);
  const http::Response mac = keyd.Ask("POST", absl::StrCat("/sign", kKeysVersion),
                                      Json{{"keyHandle", Member(got, "keyHandle")},
                                           {"algorithm", "HMAC-SHA256"},
                                           {"parameters", {{"message", "aGVsbG8="}}}}
                                          .dump());
  return mac.status == 200 ? Member(mac, "signature") : Refusal(mac);
}

std::string SeePair(const Victim& keyd, const std::string& id) {
  const http::Response got = keyd.Ask("GET", absl::StrCat("/keypair/", id, kKeysVersion));
  if (got.status != 200) return Refusal(got);
  const http::Response point = keyd.Ask("POST", absl::StrCat("/parameters/ec-point", kKeysVersion),
                                        HandleBody(Member(got, "keyHandle")));
  return point.status == 200 ? Member(point, "value") : Refusal(point);
}

}  // namespace

World SeeKeyd(const Victim& keyd, const std::vector<std::string>& keys,
              const std::vector<std::string>& pairs) {
  World world;
  for (const std::string& id : keys) world[id] = SeeKey(keyd, id);
  for (const std::string& id : pairs) world[id] = SeePair(keyd, id);
  return world;
}

World SeeCertd(const Victim& certd, const std::vector<std::string>& ids) {
  World world;
  for (const std::string& id : ids) {
    const http::Response got =
        certd.Ask("GET", absl::StrCat("/certificates/", id, "?api-version=2020-09-01"));
    world[id] = got.status == 200 ? Member(got, "pem") : Refusal(got);
  }
  return world;
}

std::string FormatWorld(const World& world) {
  std::string text;
  for (const auto& [name, value] : world) absl::StrAppend(&text, name, ": ", value, "\n");
  return text;
}

std::string ImportBody(const std::string& id, const std::string& bytes) {
  return Json{{"keyId", id}, {"usage", "sign"}, {"keyBytes", FormatBase64(ToBytesView(bytes))}}.dump();
}
std::string CreateKeyBody(const std::string& id) { return Json{{"keyId", id}, {"usage", "sign"}}.dump(); }
std::string CreatePairBody(const std::string& id) {
  return Json{{"keyId", id}, {"preferredAlgorithms", "ec-p256"}}.dump();
}
std::string HandleBody(const std::string& handle) { return Json{{"keyHandle", handle}}.dump(); }
std::string PemBody(const std::string& pem) { return Json{{"pem", pem}}.dump(); }

}  // namespace aziot::tests::faults
