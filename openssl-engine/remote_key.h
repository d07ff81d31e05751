// RemoteKey: a key pair whose private half stays in keyd. It holds the public half, fetched once, and asks
// keyd for each private operation. Provider and engine are two surfaces over it. Immutable after Open: any
// thread may use it.
//
// A handle names an ID, not key material. After a rotation in keyd the signatures come from another key than
// the public half held here, so each one is checked against it, and a stranger's is refused (kRotated)
// instead of handed out.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "openssl-engine/base64.h"
#include "openssl-engine/key_ref.h"
#include "openssl-engine/owned.h"
#include "openssl-engine/result.h"
#include "openssl-engine/transport.h"

namespace aziot::openssl_engine {

// Where software implementations of RSA, EC and digests come from. `properties` keeps us out of our own way.
struct Software {
  OSSL_LIB_CTX* libctx = nullptr;
  const char* properties = nullptr;
};

class RemoteKey {
 public:
  // Asks keyd for the public half (three to four calls). `software` must outlive the key.
  static Result<std::shared_ptr<const RemoteKey>> Open(const KeyRef& ref, Endpoint endpoint,
                                                       const Software& software);

  // RSA or EC, public only, of `software`.
  EVP_PKEY* public_key() const { return public_key_.get(); }
  bool is_rsa() const { return is_rsa_; }

  // ECDSA over a ready-made digest, cut to the length of the group order; the answer is DER.
  Result<Bytes> SignDigest(BytesView digest) const;
  // RSA private operation on `block` after type-1 padding (RFC 8017, 9.2 steps 3 to 5), or on exactly one
  // modulus length of ready-made bytes.
  Result<Bytes> SignPkcs1(BytesView block) const;
  Result<Bytes> SignRaw(BytesView encoded) const;

 private:
  RemoteKey(std::string handle, Endpoint endpoint, const Software& software)
      : handle_(std::move(handle)), endpoint_(std::move(endpoint)), software_(software) {}

  Result<std::string> Ask(std::string_view path, std::string_view more_members,
                          std::string_view member) const;
  Result<Bytes> AskBytes(std::string_view path, std::string_view more_members, std::string_view member) const;
  Result<PkeyPtr> FetchPublicKey();
  Result<PkeyPtr> FetchRsa() const;
  Result<PkeyPtr> FetchEc() const;
  // The private operation by keyd's word for its padding, checked to lead back to `encoded`.
  Result<Bytes> Encrypt(std::string_view algorithm, BytesView input, BytesView encoded) const;
  PkeyCtxPtr NewContext() const;

  const std::string handle_;
  const Endpoint endpoint_;
  const Software software_;
  PkeyPtr public_key_;
  bool is_rsa_ = false;
};

}  // namespace aziot::openssl_engine
