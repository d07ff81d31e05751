#include <openssl/err.h>
#include <openssl/pem.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "common/openssl/certificate.h"
#include "common/openssl/error_queue.h"
#include "common/openssl/pem.h"
#include "common/status/status_macros.h"

namespace aziot::openssl {
namespace {

absl::Status AddExtensions(X509_REQ& request, const RequestOptions& options) {
  if (options.extensions.empty()) return absl::OkStatus();
  X509V3_CTX context;
  X509V3_set_ctx(&context, nullptr, nullptr, &request, nullptr, 0);
  X509V3_set_ctx_nodb(&context);
  X509ExtensionsPtr extensions(sk_X509_EXTENSION_new_null());
  for (const auto& [name, value] : options.extensions) {
    X509ExtensionPtr extension(X509V3_EXT_nconf(nullptr, &context, name.c_str(), value.c_str()));
    if (extension == nullptr) {
      return ErrorFromQueue(absl::StatusCode::kInvalidArgument,
                            absl::StrCat("request extension '", name, "'"));
    }
    if (extensions == nullptr || sk_X509_EXTENSION_push(extensions.get(), extension.get()) == 0) std::abort();
    extension.release();  // the stack's now
  }
  if (X509_REQ_add_extensions(&request, extensions.get()) != 1) {
    return ErrorFromQueue(absl::StatusCode::kInternal, "adding extensions to a certificate request");
  }
  return absl::OkStatus();
}

absl::Status Sign(X509_REQ& request, EVP_PKEY& key, OSSL_LIB_CTX* libctx) {
  const MdCtxPtr context(EVP_MD_CTX_new());
  if (context == nullptr ||
      EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", libctx, nullptr, &key, nullptr) != 1 ||
      X509_REQ_sign_ctx(&request, context.get()) <= 0) {
    return ErrorFromQueue(absl::StatusCode::kInternal, "signing a certificate request");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<X509ReqPtr> ParseRequest(absl::string_view pem) {
  ASSIGN_OR_RETURN(const BioPtr text, OpenText(pem));
  ASSIGN_OR_RETURN(const std::optional<PemBlock> block,
                   NextBlock(*text, PEM_STRING_X509_REQ, "reading a certificate request"));
  if (!block.has_value())
    return absl::InvalidArgumentError("reading a certificate request: no PEM of that kind");
  const uint8_t* end = block->data.get();
  X509ReqPtr request(d2i_X509_REQ(nullptr, &end, block->size));
  if (request == nullptr) {
    return ErrorFromQueue(absl::StatusCode::kInvalidArgument, "reading a certificate request");
  }
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr) {
    return ErrorFromQueue(absl::StatusCode::kInvalidArgument,
                          "reading the public key of a certificate request");
  }
  if (X509_REQ_verify(request.get(), key) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError("CSR failed to be verified with its public key");
  }
  return request;
}

std::string FormatRequest(X509_REQ& request) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (out == nullptr || PEM_write_bio_X509_REQ(out.get(), &request) != 1) std::abort();  // out of memory
  return TextOf(*out);
}

absl::StatusOr<X509ReqPtr> BuildRequest(X509_NAME& subject, EVP_PKEY& key, const RequestOptions& options,
                                        OSSL_LIB_CTX* libctx) {
  X509ReqPtr request(X509_REQ_new_ex(libctx, nullptr));
  if (request == nullptr) std::abort();  // out of memory
  if (X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_subject_name(request.get(), &subject) != 1 ||
      X509_REQ_set_pubkey(request.get(), &key) != 1) {
    return ErrorFromQueue(absl::StatusCode::kInternal, "building a certificate request");
  }
  RETURN_IF_ERROR(AddExtensions(*request, options));
  RETURN_IF_ERROR(Sign(*request, key, libctx));
  return request;
}

}  // namespace aziot::openssl
