#include "common/config/merge.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/config/fields.h"

namespace aziot::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// The type of the table that stands under a key of `field`.
const Descriptor* TableType(const FieldDescriptor* field) {
  if (field == nullptr || field->message_type() == nullptr) return nullptr;
  // A key that the `rest` map took is already the map's key; under any other map the keys come one table
  // further down.
  if (IsRest(*field)) return field->message_type()->map_value()->message_type();
  return field->message_type();
}

}  // namespace

void Merge(Value& base, Value&& patch, const Descriptor* type) {
  for (Member& member : patch.members) {
    Value* const old = base.Find(member.key);
    if (old == nullptr) {
      const auto after =
          std::upper_bound(base.members.begin(), base.members.end(), member.key,
                           [](const std::string& key, const Member& m) { return key < m.key; });
      base.members.insert(after, std::move(member));
      continue;
    }
    const FieldDescriptor* field = type == nullptr ? nullptr : FieldOf(*type, member.key);
    const bool same = old->kind == member.value.kind;
    if (same && old->kind == Value::Kind::kTable) {
      Merge(*old, std::move(member.value), TableType(field));
    } else if (same && old->kind == Value::Kind::kArray && (field == nullptr || !IsByteArray(*field))) {
      std::move(member.value.items.begin(), member.value.items.end(), std::back_inserter(old->items));
    } else {
      *old = std::move(member.value);
    }
  }
}

}  // namespace aziot::config
