// Texts with placeholders: `{{name}}` stands for a value, known or to be learnt.
#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace aziot::tests {

using Variables = std::map<std::string, std::string, std::less<>>;

// Every `{{name}}` replaced by its value. kNotFound names the first that has none.
absl::StatusOr<std::string> Expand(absl::string_view pattern, const Variables& variables);

// Whether `text` is what `pattern` says. `{{name}}` is its value when it has one; otherwise it takes the text
// up to what follows it in the pattern, at most to the end of the JSON string it stands in, and `variables`
// learns it. With `{{name~regex}}` and `{{*~regex}}` the whole of what was taken must fit the expression.
// `{{*}}` takes any text, of several strings too.
// kInvalidArgument says where the two part.
absl::Status Match(absl::string_view pattern, absl::string_view text, Variables& variables);

// JSON without blanks, its members in their order; what is no JSON as it stands.
std::string Compact(absl::string_view text);

}  // namespace aziot::tests
