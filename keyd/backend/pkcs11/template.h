// Attributes of an object, to look for or to make one of. Values are kept inside, so a template can be handed
// around and varied; those of imported keys are wiped.
#pragma once

#include <p11-kit/pkcs11.h>

#include <vector>

#include "absl/strings/string_view.h"
#include "common/bytes/bytes.h"
#include "common/bytes/secret.h"

namespace aziot::keyd::pkcs11 {

class Template {
 public:
  Template& Add(CK_ATTRIBUTE_TYPE type, BytesView value);
  Template& Text(CK_ATTRIBUTE_TYPE type, absl::string_view value) { return Add(type, ToBytesView(value)); }
  Template& Number(CK_ATTRIBUTE_TYPE type, CK_ULONG value);
  Template& Flag(CK_ATTRIBUTE_TYPE type, bool value = true);
  // Adds all of `more`.
  Template& With(const Template& more);
  // The same attributes but those of `type`.
  Template Without(CK_ATTRIBUTE_TYPE type) const;

  // For one call; a module reads but never writes through it.
  std::vector<CK_ATTRIBUTE> attributes() const;

 private:
  struct Entry {
    CK_ATTRIBUTE_TYPE type;
    Secret value;
  };
  std::vector<Entry> entries_;
};

}  // namespace aziot::keyd::pkcs11
