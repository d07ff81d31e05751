#include "certd/store/cert_store.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/ids/utf8.h"
#include "common/openssl/certificate.h"
#include "common/openssl/hashed_name.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::certd {
namespace {

constexpr mode_t kPublicFile = 0644;  // inside the 0700 home directory
constexpr mode_t kDirectory = 0700;

absl::StatusOr<std::string> ReadPem(const std::string& path) {
  ASSIGN_OR_RETURN(std::string content, files::Read(path));
  if (IsUtf8(content)) return content;
  auto certificate = openssl::ParseCertificateDer(ToBytesView(content));
  if (!certificate.ok()) {
    return absl::InternalError(absl::StrCat(path, ": neither PEM text nor one certificate in DER"));
  }
  return openssl::FormatCertificate(**certificate);
}

absl::Status MakeDirectories(const std::string& home, const std::string& directory) {
  RETURN_IF_ERROR(files::MakeDirectory(home, kDirectory));
  return files::MakeDirectory(directory, kDirectory);
}

}  // namespace

absl::StatusOr<std::unique_ptr<CertStore>> CertStore::Open(absl::string_view homedir) {
  std::unique_ptr<CertStore> store(new CertStore(std::string(homedir)));
  RETURN_IF_ERROR(MakeDirectories(store->home_, store->directory_));
  RETURN_IF_ERROR(files::RemoveLeftovers(store->directory_));
  return store;
}

std::string CertStore::FileName(const CertId& id) { return openssl::HashedName(id.value()) + ".cer"; }

absl::StatusOr<std::string> CertStore::Get(const Locations& locations, const CertId& id) const {
  const Location* location = locations.Find(id);
  if (location == nullptr) return ReadPem(absl::StrCat(directory_, "/", FileName(id)));
  if (const auto* file = std::get_if<FileLocation>(location)) return ReadPem(file->path);
  if (const auto* unusable = std::get_if<UnusableLocation>(location)) {
    return absl::InternalError(absl::StrCat("preloaded_certs.\"", id.value(), "\": ", unusable->uri,
                                            ": only file:// locations can be read"));
  }
  std::string all;
  bool found = false;
  for (const CertId& element : std::get<Bundle>(*location)) {
    absl::StatusOr<std::string> pem = Get(locations, element);
    if (absl::IsNotFound(pem.status())) continue;
    RETURN_IF_ERROR(pem.status());
    found = true;
    if (!all.empty() && all.back() != '\n') all.push_back('\n');
    all += *pem;
  }
  if (!found)
    return absl::NotFoundError(absl::StrCat("no certificate of the bundle ", id.value(), " exists"));
  return all;
}

absl::StatusOr<std::string> CertStore::WritablePath(const Locations& locations, const CertId& id) const {
  const Location* location = locations.Find(id);
  if (location == nullptr) return absl::StrCat(directory_, "/", FileName(id));
  if (const auto* file = std::get_if<FileLocation>(location)) return file->path;
  return absl::FailedPreconditionError(
      absl::StrCat("preloaded_certs.\"", id.value(), "\" is no file: it cannot be written or deleted"));
}

absl::Status CertStore::Put(const Locations& locations, const CertId& id, absl::string_view pem) {
  ASSIGN_OR_RETURN(const std::string path, WritablePath(locations, id));
  const std::string doing = absl::StrCat("storing certificate ", id.value());
  // The directory may have been cleared since the start; an operator's, named by preloaded_certs, is not
  // made.
  if (absl::StartsWith(path, directory_ + "/")) {
    if (const absl::Status made = MakeDirectories(home_, directory_); !made.ok())
      return Annotate(made, doing);
  }
  return Annotate(files::Replace(path, pem, kPublicFile), doing);
}

absl::Status CertStore::Delete(const Locations& locations, const CertId& id) {
  ASSIGN_OR_RETURN(const std::string path, WritablePath(locations, id));
  return Annotate(files::Remove(path), absl::StrCat("deleting certificate ", id.value()));
}

}  // namespace aziot::certd
