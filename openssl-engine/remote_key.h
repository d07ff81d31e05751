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

// For EVP_PKEY_CTX_new_from_name. By its usual name OpenSSL would first ask the engines of the process for
// the type, and one that made itself the default (libengine-pkcs11) cannot take a public key.
inline const char* FetchName(bool is_rsa) { return is_rsa ? "1.2.840.113549.1.1.1" : "1.2.840.10045.2.1"; }

class RemoteKey {
 public:
  enum class Wanted { kAny, kRsa, kEc };
  struct Identity {
    KeyRef ref;  // by handle
    bool is_rsa = false;
  };

  // Asks keyd for the handle, when `ref` is not one, and for the type of the key.
  static Result<Identity> Identify(const KeyRef& ref, Endpoint endpoint);

  // Asks keyd for the public half (three to four calls). `software` must outlive the key. Null when the key
  // is of the other type than the one that is wanted.
  static Result<std::shared_ptr<const RemoteKey>> Open(const KeyRef& ref, Endpoint endpoint,
                                                       const Software& software,
                                                       Wanted wanted = Wanted::kAny);

  // RSA or EC, public only, of `software`.
  EVP_PKEY* public_key() const { return public_key_.get(); }
  bool is_rsa() const { return is_rsa_; }

  // ECDSA over a ready-made digest, cut to the length of the group order; the answer is DER.
  Result<Bytes> SignDigest(BytesView digest) const;
  // RSA private operation on `block` after type-1 padding (RFC 8017, 9.2 steps 3 to 5), or on exactly one
  // modulus length of ready-made bytes, which is also how a ciphertext is opened; both give one modulus
  // length.
  Result<Bytes> SignPkcs1(BytesView block) const;
  Result<Bytes> SignRaw(BytesView encoded) const;

 private:
  RemoteKey(Identity identity, Endpoint endpoint, const Software& software)
      : request_(BeginRequest(identity.ref.handle)),
        endpoint_(std::move(endpoint)),
        software_(software),
        is_rsa_(identity.is_rsa) {}

  // The beginning of every request about the key behind `handle`: an object that is still open.
  static std::string BeginRequest(const std::string& handle);
  Result<Bytes> Ask(std::string_view path, std::string_view more_members, std::string_view member) const;
  Result<PkeyPtr> FetchRsa() const;
  Result<PkeyPtr> FetchEc() const;
  // The private operation by keyd's word for its padding, checked to lead back to `encoded`.
  Result<Bytes> Encrypt(std::string_view algorithm, BytesView input, BytesView encoded) const;
  bool PrepareCheck();

  const std::string request_;
  const Endpoint endpoint_;
  const Software software_;
  const bool is_rsa_;
  PkeyPtr public_key_;
  PkeyCtxPtr check_;  // ready to open (RSA) or verify (EC) a signature; each operation works on a copy
};

}  // namespace aziot::openssl_engine
