#include "provisiond/store/sqlite/migrations.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/bytes/hex.h"
#include "common/openssl/digest.h"
#include "common/status/status_macros.h"

namespace aziot::provisiond::store {
namespace {

constexpr absl::string_view kMigrations[] = {
    R"sql(
CREATE TABLE scope (
  id TEXT PRIMARY KEY, etag TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  id_scope TEXT NOT NULL UNIQUE, name TEXT NOT NULL, aliases TEXT NOT NULL, default_policy TEXT);
CREATE TABLE hub (
  id TEXT PRIMARY KEY, etag TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  host_name TEXT NOT NULL UNIQUE, weight INTEGER NOT NULL, state TEXT NOT NULL, latency_table TEXT);
CREATE TABLE device (
  id TEXT PRIMARY KEY, etag TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  device_id TEXT NOT NULL, hub_id TEXT NOT NULL REFERENCES hub (id), state TEXT NOT NULL,
  status_reason TEXT NOT NULL, status_at INTEGER NOT NULL, generation_id TEXT NOT NULL, auth_type TEXT NOT NULL,
  capabilities TEXT NOT NULL, serial TEXT, model TEXT, location_id TEXT, gateway_id TEXT, metadata TEXT,
  epoch INTEGER NOT NULL DEFAULT 0,
  UNIQUE (hub_id, device_id));
CREATE TABLE module (
  id TEXT PRIMARY KEY, etag TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  device TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE, module_id TEXT NOT NULL, managed_by TEXT,
  generation_id TEXT NOT NULL, auth_type TEXT NOT NULL,
  UNIQUE (device, module_id));
CREATE TABLE credential (
  id TEXT PRIMARY KEY, owner TEXT NOT NULL, kind TEXT NOT NULL, slot TEXT NOT NULL, secret_enc BLOB,
  thumbprint TEXT, valid_from INTEGER, valid_to INTEGER,
  UNIQUE (owner, kind, slot));
CREATE INDEX credential_thumbprint ON credential (thumbprint);
CREATE TABLE twin (
  owner TEXT PRIMARY KEY, etag TEXT NOT NULL, updated_at INTEGER NOT NULL, tags TEXT NOT NULL,
  desired TEXT NOT NULL, reported TEXT NOT NULL, version INTEGER NOT NULL, desired_version INTEGER NOT NULL,
  reported_version INTEGER NOT NULL);
CREATE TABLE enrollment (
  id TEXT PRIMARY KEY, etag TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  lower_name TEXT NOT NULL UNIQUE, name TEXT NOT NULL, device_id TEXT, attestation TEXT NOT NULL,
  primary_enc BLOB, secondary_enc BLOB, ek_hash TEXT, status TEXT NOT NULL, allocation_policy TEXT NOT NULL,
  hub_host TEXT, hubs TEXT NOT NULL, reprovision TEXT, initial_twin TEXT, capabilities TEXT, details TEXT NOT NULL,
  shadow_of TEXT);
CREATE INDEX enrollment_ek ON enrollment (ek_hash);
CREATE TABLE enrollment_group (
  id TEXT PRIMARY KEY, etag TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  lower_name TEXT NOT NULL UNIQUE, name TEXT NOT NULL, device_id TEXT, attestation TEXT NOT NULL,
  primary_enc BLOB, secondary_enc BLOB, ek_hash TEXT, status TEXT NOT NULL, allocation_policy TEXT NOT NULL,
  hub_host TEXT, hubs TEXT NOT NULL, reprovision TEXT, initial_twin TEXT, capabilities TEXT, details TEXT NOT NULL,
  shadow_of TEXT);
CREATE TABLE registration (
  id TEXT PRIMARY KEY, etag TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  registration_id TEXT NOT NULL UNIQUE, enrollment TEXT, enrollment_group TEXT, group_name TEXT,
  hub TEXT NOT NULL, device TEXT NOT NULL, device_id TEXT NOT NULL, status TEXT NOT NULL, substatus TEXT NOT NULL,
  payload TEXT);
CREATE INDEX registration_group ON registration (group_name, registration_id);
CREATE INDEX registration_device ON registration (device);
CREATE TABLE operation (
  operation_id TEXT PRIMARY KEY, registration_id TEXT NOT NULL, state TEXT NOT NULL, result TEXT NOT NULL,
  expires INTEGER NOT NULL);
CREATE INDEX operation_expires ON operation (expires);
CREATE TABLE shared_access_policy (
  id TEXT PRIMARY KEY, family TEXT NOT NULL, name TEXT NOT NULL, permissions TEXT NOT NULL,
  primary_enc BLOB NOT NULL, secondary_enc BLOB NOT NULL,
  UNIQUE (family, name));
CREATE TABLE message (
  seq INTEGER PRIMARY KEY, device TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE, module_id TEXT NOT NULL,
  at INTEGER NOT NULL, size INTEGER NOT NULL, body BLOB NOT NULL, properties TEXT NOT NULL);
CREATE INDEX message_device ON message (device, seq);
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL,
  outcome TEXT NOT NULL, code TEXT NOT NULL, request_id TEXT NOT NULL, detail TEXT NOT NULL,
  prev_hash TEXT NOT NULL, hash TEXT NOT NULL);
)sql",
    R"sql(
ALTER TABLE device ADD COLUMN device_scope TEXT;
ALTER TABLE device ADD COLUMN parent_scopes TEXT;
DROP INDEX credential_thumbprint;
CREATE INDEX credential_thumbprint ON credential (thumbprint) WHERE thumbprint IS NOT NULL;
DROP INDEX enrollment_ek;
CREATE INDEX enrollment_ek ON enrollment (ek_hash) WHERE ek_hash IS NOT NULL;
)sql",
};

std::string ChecksumOf(int64_t version) {
  return FormatHex(openssl::Sha256(ToBytesView(kMigrations[version - 1])));
}

absl::Status Apply(Connection& connection) {
  RETURN_IF_ERROR(connection.Script(
      "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, checksum TEXT NOT "
      "NULL, applied_at INTEGER NOT NULL)"));
  ASSIGN_OR_RETURN(const int64_t applied, AppliedMigrations(connection));
  for (int64_t version = applied + 1; version <= KnownMigrations(); ++version) {
    RETURN_IF_ERROR(connection.Script(kMigrations[version - 1]));
    RETURN_IF_ERROR(
        connection
            .Execute("INSERT INTO schema_version (version, checksum, applied_at) VALUES (?, ?, ?)",
                     {version, ChecksumOf(version), absl::ToUnixMicros(absl::Now())})
            .status());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Migrate(Connection& connection) {
  RETURN_IF_ERROR(connection.Script("BEGIN IMMEDIATE"));
  if (absl::Status status = Apply(connection); !status.ok()) {
    connection.Script("ROLLBACK").IgnoreError();
    return status;
  }
  return connection.Script("COMMIT");
}

absl::StatusOr<int64_t> AppliedMigrations(Connection& connection) {
  ASSIGN_OR_RETURN(const std::vector<Row> applied,
                   connection.Query("SELECT version, checksum FROM schema_version ORDER BY version", {}));
  const auto count = static_cast<int64_t>(applied.size());
  if (count > KnownMigrations()) {
    return absl::FailedPreconditionError("the store was written by a newer version of provisiond");
  }
  for (int64_t version = 1; version <= count; ++version) {
    const Row& row = applied[static_cast<size_t>(version - 1)];
    if (row.Integer(0) != version || row.Text(1) != ChecksumOf(version)) {
      return absl::FailedPreconditionError(
          absl::StrCat("migration ", version, " of the store is not the one this program knows"));
    }
  }
  return count;
}

int64_t KnownMigrations() { return int64_t{std::size(kMigrations)}; }

}  // namespace aziot::provisiond::store
