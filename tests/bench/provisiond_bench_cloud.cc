#include "tests/bench/provisiond_bench_cloud.h"

#include <signal.h>
#include <sqlite3.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/support/run_command.h"

namespace aziot::bench {
namespace {

constexpr int kStartChecks = 1200;

// A device that registered has a row in each of these; the copies are told apart by `n`.
constexpr char kCopies[] = R"sql(
PRAGMA synchronous = OFF;
BEGIN;
DELETE FROM credential WHERE owner IN (SELECT id FROM device WHERE device_id LIKE 'new-%%');
DELETE FROM device WHERE device_id LIKE 'new-%%';
DELETE FROM registration WHERE registration_id LIKE 'new-%%';
DELETE FROM operation WHERE registration_id LIKE 'new-%%';
CREATE TEMP TABLE number AS
  WITH RECURSIVE count (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM count WHERE n < %d) SELECT n FROM count;
CREATE TEMP TABLE copy AS SELECT n, lower(hex(randomblob(16))) AS row, 'filled-' || n AS name FROM number
  WHERE 'filled-' || n NOT IN (SELECT device_id FROM device);
INSERT INTO device (id, etag, created_at, updated_at, device_id, hub_id, state, status_reason, status_at,
                    generation_id, auth_type, capabilities)
  SELECT row, etag, created_at, updated_at, name, hub_id, state, status_reason, status_at, generation_id,
         auth_type, capabilities FROM copy, device WHERE device_id = 'first';
INSERT INTO credential (id, owner, kind, slot, secret_enc)
  SELECT lower(hex(randomblob(16))), row, kind, slot, secret_enc FROM copy, credential
  WHERE owner = (SELECT id FROM device WHERE device_id = 'first');
INSERT INTO registration (id, etag, created_at, updated_at, registration_id, enrollment_group, group_name, hub,
                          device, device_id, status, substatus)
  SELECT lower(hex(randomblob(16))), etag, created_at, updated_at, name, enrollment_group, group_name, hub, row,
         name, status, substatus FROM copy, registration WHERE registration_id = 'first';
INSERT INTO operation (operation_id, registration_id, state, result, expires)
  SELECT '5.' || lower(hex(randomblob(16))), name, state, result, expires FROM copy, operation
  WHERE registration_id = 'first';
COMMIT;
)sql";

[[noreturn]] void GiveUp(const std::string& what, const std::string& more) {
  std::fprintf(stderr, "%s\n%s\n", what.c_str(), more.c_str());
  std::exit(1);
}

// The text of one member of an answer.
std::string Member(const std::string& json, const std::string& name) {
  const std::string before = absl::StrCat("\"", name, "\":");
  size_t at = json.find(before);
  if (at == std::string::npos) GiveUp("no " + name, json);
  at = json.find('"', at + before.size()) + 1;
  return json.substr(at, json.find('"', at) - at);
}

}  // namespace

CloudUnderTest::CloudUnderTest()
    : provisiond_(root_, "libexec/aziot-identity-service/provisiond", "provisiond") {
  std::ofstream(root_.Join("etc/provisiond/config.toml"))
      << "[server]\nlisten = [\"127.0.0.1:0\"]\n\n[[scope]]\nid = \"0ne00000001\"\n\n"
         "[rates]\nregistrations = 0\npolls = 0\n";
  Start();
  service_.id_scope = "0ne00000001";
  const std::string group = Provisionctl("enrollment-group create fleet");
  if (!absl::Base64Unescape(Member(group, "primaryKey"), &service_.group_key)) GiveUp("no key", group);
  if (!RegisterDevice(service_, "first")) GiveUp("the first device was refused", provisiond_.Log());
}

void CloudUnderTest::Hold(int devices) {
  provisiond_.Stop(SIGTERM);
  const std::string script = absl::StrFormat(kCopies, devices);
  sqlite3* db = nullptr;
  char* error = nullptr;
  const std::string path = root_.Join("var/lib/provisiond/provisiond.db");
  if (sqlite3_open(path.c_str(), &db) != SQLITE_OK ||
      sqlite3_exec(db, script.c_str(), nullptr, nullptr, &error) != SQLITE_OK) {
    GiveUp("the store was not filled", error == nullptr ? path : error);
  }
  sqlite3_close(db);
  Start();
}

void CloudUnderTest::Start() {
  std::remove(root_.Join("run/provisiond/address").c_str());
  provisiond_.Start();
  for (int i = 0; i < kStartChecks; ++i) {
    std::string address;
    std::ifstream(root_.Join("run/provisiond/address")) >> address;
    if (const size_t colon = address.rfind(':'); colon != std::string::npos) {
      service_.port = std::atoi(address.c_str() + colon + 1);
      if (tests::RunCommand(
              absl::StrCat(tests::BuildDir(), "/bin/provisionctl --root ", root_.path(), " status 2>&1"))
              .status == 0) {
        return;
      }
    }
    if (!provisiond_.Runs()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  GiveUp("provisiond does not start", provisiond_.Log());
}

std::string CloudUnderTest::Provisionctl(const std::string& arguments) const {
  const tests::Output output = tests::RunCommand(absl::StrCat(tests::BuildDir(), "/bin/provisionctl --root ",
                                                              root_.path(), " --json ", arguments, " 2>&1"));
  if (output.status != 0) GiveUp(arguments, output.text);
  return output.text;
}

}  // namespace aziot::bench
