// PEM armour as certificates, requests and keys share it: text in, the DER of one block out. Never asks a
// person for a password, as OpenSSL does by itself when a block is encrypted.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/bytes/bytes.h"
#include "common/openssl/owned.h"

namespace aziot::openssl {

struct OpensslFree {
  void operator()(void* p) const noexcept { OPENSSL_free(p); }
};

struct PemBlock {
  std::unique_ptr<uint8_t, OpensslFree> data;
  long size = 0;
};

// The callback for every PEM function of OpenSSL: there is no password.
int NoPassword(char* buffer, int size, int writing, void* context);

// `pem` must outlive the result. kInvalidArgument when it is too large for OpenSSL.
absl::StatusOr<BioPtr> OpenText(absl::string_view pem);

// The next block of `kind` (PEM_STRING_X509, ...); others are skipped. nullopt at the end of the text,
// kInvalidArgument when a block is damaged; `doing` goes before the reason.
absl::StatusOr<std::optional<PemBlock>> NextBlock(BIO& text, const char* kind, absl::string_view doing);

// What was written to a memory BIO.
std::string TextOf(BIO& bio);

}  // namespace aziot::openssl
