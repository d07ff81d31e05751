#include <openssl/err.h>
#include <openssl/objects.h>

#include <climits>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/openssl/certificate.h"
#include "common/openssl/error_queue.h"
#include "common/openssl/pem.h"
#include "common/status/status_macros.h"

namespace aziot::openssl {
namespace {

constexpr size_t kCommonNameCharacters = 64;  // ub-common-name of RFC 5280, appendix A.1

struct FreeObject {
  void operator()(ASN1_OBJECT* p) const noexcept { ASN1_OBJECT_free(p); }
};
using ObjectPtr = std::unique_ptr<ASN1_OBJECT, FreeObject>;

int NidInAnyCase(absl::string_view name) {
  const int end = OBJ_new_nid(0);
  for (int nid = 1; nid < end; ++nid) {
    const char* short_name = OBJ_nid2sn(nid);
    const char* long_name = OBJ_nid2ln(nid);
    if ((short_name != nullptr && absl::EqualsIgnoreCase(short_name, name)) ||
        (long_name != nullptr && absl::EqualsIgnoreCase(long_name, name))) {
      return nid;
    }
  }
  return NID_undef;
}

absl::StatusOr<ObjectPtr> TypeOf(const std::string& attribute) {
  ObjectPtr type;
  if (!attribute.empty() && attribute.find('\0') == std::string::npos) {
    type.reset(OBJ_txt2obj(attribute.c_str(), 0));
    if (type == nullptr) {
      const int nid = NidInAnyCase(attribute);
      if (nid != NID_undef) type.reset(OBJ_nid2obj(nid));
    }
    ERR_clear_error();  // every number without an object leaves an error behind
  }
  if (type == nullptr || OBJ_length(type.get()) == 0) {
    return absl::InvalidArgumentError(absl::StrCat("subject attribute '", attribute, "' is unknown"));
  }
  return type;
}

absl::string_view FirstCharacters(absl::string_view utf8, size_t count) {
  for (size_t i = 0; i < utf8.size(); ++i) {
    const bool starts_character = (static_cast<uint8_t>(utf8[i]) & 0xc0) != 0x80;
    if (starts_character && count-- == 0) return utf8.substr(0, i);
  }
  return utf8;
}

}  // namespace

std::string CommonName(const X509_NAME& name) {
  int last = -1;
  for (int i = -1; (i = X509_NAME_get_index_by_NID(&name, NID_commonName, i)) >= 0;) last = i;
  if (last < 0) return "";
  uint8_t* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(&name, last)));
  if (size < 0) {
    ERR_clear_error();
    return "";
  }
  const std::unique_ptr<uint8_t, OpensslFree> owned(utf8);
  return std::string(reinterpret_cast<const char*>(utf8), static_cast<size_t>(size));
}

std::string FormatName(const X509_NAME& name) {
  constexpr unsigned long kFlags =
      XN_FLAG_SEP_CPLUS_SPC | XN_FLAG_FN_SN | (ASN1_STRFLGS_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (out == nullptr) std::abort();  // out of memory
  if (X509_NAME_print_ex(out.get(), &name, 0, kFlags) < 0) {
    ERR_clear_error();
    return "";
  }
  return TextOf(*out);
}

absl::StatusOr<X509NamePtr> BuildName(const std::vector<std::pair<std::string, std::string>>& attributes) {
  X509NamePtr name(X509_NAME_new());
  if (name == nullptr) std::abort();  // out of memory
  for (const auto& [attribute, text] : attributes) {
    ASSIGN_OR_RETURN(const ObjectPtr type, TypeOf(attribute));
    absl::string_view value = text;
    if (OBJ_obj2nid(type.get()) == NID_commonName) value = FirstCharacters(value, kCommonNameCharacters);
    if (value.size() > INT_MAX ||
        X509_NAME_add_entry_by_OBJ(name.get(), type.get(), MBSTRING_UTF8,
                                   reinterpret_cast<const uint8_t*>(value.empty() ? "" : value.data()),
                                   static_cast<int>(value.size()), -1, 0) != 1) {
      return ErrorFromQueue(absl::StatusCode::kInvalidArgument,
                            absl::StrCat("subject attribute '", attribute, "' refuses its value"));
    }
  }
  return name;
}

}  // namespace aziot::openssl
