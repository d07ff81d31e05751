#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/rpc/errors.h"
#include "common/status/status_macros.h"
#include "provisiond/service/admin.h"
#include "provisiond/service/admin_actor.h"

namespace aziot::provisiond {

absl::StatusOr<v1::Store> AdminService::GetStore(const CallContext&, const v1::GetStoreRequest&) {
  const absl::StatusOr<int64_t> version = upkeep_.Version();
  if (absl::IsFailedPrecondition(version.status())) return rpc::WrongState(version.status().message());
  RETURN_IF_ERROR(version.status());
  v1::Store reply;
  reply.set_engine(std::string(upkeep_.engine()));
  reply.set_version(static_cast<uint32_t>(*version));
  return reply;
}

absl::StatusOr<v1::StoreFindings> AdminService::VerifyStore(const CallContext&,
                                                            const v1::VerifyStoreRequest&) {
  ASSIGN_OR_RETURN(const store::Upkeep::Findings findings, upkeep_.Verify());
  v1::StoreFindings reply;
  reply.set_engine(std::string(upkeep_.engine()));
  reply.set_version(static_cast<uint32_t>(findings.version));
  for (const std::string& damage : findings.damage) {
    log::Error("the store is damaged: {}", damage);
    reply.add_damage(damage);
  }
  return reply;
}

absl::StatusOr<v1::StoreBackup> AdminService::BackUpStore(const CallContext& call,
                                                          const v1::BackUpStoreRequest& request) {
  if (!absl::StartsWith(request.path(), "/") ||
      absl::StrContains(request.path(), absl::string_view("\0", 1))) {
    return rpc::InvalidParameter("path", "must be an absolute path");
  }
  RETURN_IF_ERROR(registry_.RecordRelease("store.back-up", request.path(), ActorOf(call)));
  const absl::StatusOr<int64_t> size = upkeep_.BackUp(request.path());
  // Whoever may open this socket is the daemon's own user or root: the cause is theirs to know.
  if (!size.ok()) return rpc::WrongState(absl::StrCat("no backup was made: ", size.status().message()));
  v1::StoreBackup reply;
  reply.set_path(request.path());
  reply.set_size(static_cast<uint64_t>(*size));
  reply.set_data_key_file(facts_.data_key_file);
  return reply;
}

}  // namespace aziot::provisiond
