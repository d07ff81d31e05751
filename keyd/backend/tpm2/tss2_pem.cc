#include "keyd/backend/tpm2/tss2_pem.h"

#include <openssl/pem.h>

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/openssl/error_queue.h"
#include "common/openssl/pem.h"
#include "common/status/status_macros.h"
#include "keyd/backend/tpm2/der.h"
#include "keyd/tpm/marshal.h"

namespace aziot::keyd::tpm2 {
namespace {

constexpr char kPemName[] = "TSS2 PRIVATE KEY";
// 2.23.133.10.1.3 to .5: a key to load, one to import first, sealed data.
constexpr uint8_t kLoadableOid[] = {0x67, 0x81, 0x05, 0x0a, 0x01, 0x03};
constexpr uint8_t kImportableOid[] = {0x67, 0x81, 0x05, 0x0a, 0x01, 0x04};
constexpr uint8_t kSealedOid[] = {0x67, 0x81, 0x05, 0x0a, 0x01, 0x05};

constexpr uint8_t kEmptyAuth = kDerExplicit0;
constexpr uint8_t kPolicy = kDerExplicit0 + 1;
constexpr uint8_t kSecret = kDerExplicit0 + 2;
constexpr uint8_t kAuthPolicy = kDerExplicit0 + 3;
constexpr uint8_t kDescription = kDerExplicit0 + 4;
constexpr uint8_t kRsaParent = kDerExplicit0 + 5;

absl::Status Malformed(absl::string_view where) {
  return absl::InvalidArgumentError(absl::StrCat("no TSS2 PRIVATE KEY: ", where));
}

absl::Status Unsupported(absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat("a TSS2 PRIVATE KEY that is not supported: ", what));
}

bool Is(BytesView oid, std::span<const uint8_t> known) {
  return std::equal(oid.begin(), oid.end(), known.begin(), known.end());
}

// Optional elements stand in the order of their tags. nullopt when it is absent; TRUE is any byte but 00.
absl::StatusOr<std::optional<bool>> TakeBoolean(DerReader& reader, uint8_t tag) {
  if (!reader.NextIs(tag)) return std::optional<bool>();
  const auto wrapper = reader.Take(tag);
  if (!wrapper.has_value()) return Malformed("an optional element");
  DerReader inner(*wrapper);
  const auto value = inner.Take(kDerBoolean);
  if (!value.has_value() || value->size() != 1 || !inner.empty()) return Malformed("a boolean");
  return std::optional<bool>((*value)[0] != 0);
}

// A handle; some write it as the negative number its 32 bits would be.
absl::StatusOr<TPM2_HANDLE> TakeHandle(DerReader& reader) {
  const auto content = reader.Take(kDerInteger);
  if (!content.has_value() || content->empty() || content->size() > 5) return Malformed("the parent");
  if (content->size() == 5 && (*content)[0] != 0) return Malformed("the parent");
  TPM2_HANDLE handle = ((*content)[0] & 0x80) != 0 ? ~TPM2_HANDLE{0} : 0;
  for (const uint8_t byte : *content) handle = handle << 8 | byte;
  return handle;
}

absl::Status CheckOptionalElements(DerReader& reader, Tss2Key& key) {
  ASSIGN_OR_RETURN(const std::optional<bool> empty_auth, TakeBoolean(reader, kEmptyAuth));
  key.empty_auth = empty_auth.value_or(false);
  for (const uint8_t tag : {kPolicy, kSecret, kAuthPolicy}) {
    if (reader.NextIs(tag)) return Unsupported("it has a policy or a secret");
  }
  if (reader.NextIs(kDescription) && !reader.Take(kDescription).has_value()) return Malformed("description");
  ASSIGN_OR_RETURN(const std::optional<bool> rsa_parent, TakeBoolean(reader, kRsaParent));
  if (rsa_parent.value_or(false)) return Unsupported("its parent is an RSA primary made on the fly");
  return absl::OkStatus();
}

absl::StatusOr<Tss2Key> ParseDer(BytesView der) {
  DerReader whole(der);
  const auto sequence = whole.Take(kDerSequence);
  if (!sequence.has_value() || !whole.empty()) return Malformed("the outer SEQUENCE");
  DerReader reader(*sequence);
  const auto oid = reader.Take(kDerOid);
  if (!oid.has_value()) return Malformed("its type");
  Tss2Key key;
  if (Is(*oid, kSealedOid)) {
    key.type = Tss2Key::Type::kSealed;
  } else if (Is(*oid, kImportableOid)) {
    return Unsupported("it must be imported (tpm2_import) first");
  } else if (!Is(*oid, kLoadableOid)) {
    return Malformed("its type");
  }
  RETURN_IF_ERROR(CheckOptionalElements(reader, key));
  ASSIGN_OR_RETURN(key.parent, TakeHandle(reader));
  const auto area = reader.Take(kDerOctetString);
  const auto wrapped = reader.Take(kDerOctetString);
  if (!area.has_value() || !wrapped.has_value() || !reader.empty()) return Malformed("its two halves");
  ASSIGN_OR_RETURN(key.area, tpm::ParsePublic(*area));
  ASSIGN_OR_RETURN(key.wrapped, tpm::ParsePrivate(*wrapped));
  return key;
}

void Append(Bytes& to, BytesView bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

Bytes FormatHandle(TPM2_HANDLE handle) {
  Bytes content;
  if (handle >= 0x80000000) content.push_back(0);
  for (int shift = 24; shift >= 0; shift -= 8) content.push_back(static_cast<uint8_t>(handle >> shift));
  // DER wants the shortest form.
  while (content.size() > 1 && content[0] == 0 && (content[1] & 0x80) == 0) content.erase(content.begin());
  return DerElement(kDerInteger, content);
}

}  // namespace

absl::StatusOr<Tss2Key> ParseTss2Pem(absl::string_view pem) {
  ASSIGN_OR_RETURN(const openssl::BioPtr text, openssl::OpenText(pem));
  ASSIGN_OR_RETURN(const std::optional<openssl::PemBlock> block,
                   openssl::NextBlock(*text, kPemName, "reading a TSS2 PRIVATE KEY"));
  if (!block.has_value()) return Malformed("there is none");
  return ParseDer({block->data.get(), static_cast<size_t>(block->size)});
}

absl::StatusOr<std::string> FormatTss2Pem(const Tss2Key& key) {
  ASSIGN_OR_RETURN(const Bytes area, tpm::FormatPublic(key.area));
  ASSIGN_OR_RETURN(const Bytes wrapped, tpm::FormatPrivate(key.wrapped));
  constexpr uint8_t kTrue[] = {0xff};
  Bytes content = DerElement(
      kDerOid, key.type == Tss2Key::Type::kSealed ? BytesView(kSealedOid) : BytesView(kLoadableOid));
  if (key.empty_auth) Append(content, DerElement(kEmptyAuth, DerElement(kDerBoolean, kTrue)));
  Append(content, FormatHandle(key.parent));
  Append(content, DerElement(kDerOctetString, area));
  Append(content, DerElement(kDerOctetString, wrapped));
  const Bytes der = DerElement(kDerSequence, content);
  const openssl::BioPtr out(BIO_new(BIO_s_mem()));
  if (out == nullptr ||
      PEM_write_bio(out.get(), kPemName, "", der.data(), static_cast<long>(der.size())) <= 0) {
    return openssl::ErrorFromQueue(absl::StatusCode::kInternal, "writing a TSS2 PRIVATE KEY");
  }
  return openssl::TextOf(*out);
}

}  // namespace aziot::keyd::tpm2
