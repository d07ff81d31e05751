#include "keyd/backend/pkcs11/template.h"

namespace aziot::keyd::pkcs11 {

Template& Template::Add(CK_ATTRIBUTE_TYPE type, BytesView value) {
  entries_.push_back({type, Secret(value)});
  return *this;
}

Template& Template::Number(CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
  return Add(type, {reinterpret_cast<const uint8_t*>(&value), sizeof value});
}

Template& Template::Flag(CK_ATTRIBUTE_TYPE type, bool value) {
  const CK_BBOOL flag = value ? CK_TRUE : CK_FALSE;
  return Add(type, {&flag, sizeof flag});
}

Template& Template::With(const Template& more) {
  for (const Entry& entry : more.entries_) Add(entry.type, entry.value.Expose());
  return *this;
}

Template Template::Without(CK_ATTRIBUTE_TYPE type) const {
  Template rest;
  for (const Entry& entry : entries_) {
    if (entry.type != type) rest.Add(entry.type, entry.value.Expose());
  }
  return rest;
}

std::vector<CK_ATTRIBUTE> Template::attributes() const {
  static uint8_t nothing = 0;  // some modules take no NULL, also with length 0
  std::vector<CK_ATTRIBUTE> attributes;
  for (const Entry& entry : entries_) {
    const BytesView value = entry.value.Expose();
    attributes.push_back(
        {entry.type, value.empty() ? &nothing : const_cast<uint8_t*>(value.data()), value.size()});
  }
  return attributes;
}

}  // namespace aziot::keyd::pkcs11
