// Whatever a back end asks: it is refused, or its answer does not depend on spaces around it.
#include <cstdint>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "provisiond/lifecycle/query.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using aziot::provisiond::Json;
  using aziot::provisiond::Query;
  static const Json document = Json::parse(
      R"({"deviceId":"d","status":"enabled","tags":{"a":1,"b":"x","c":null},"properties":{"desired":{"r":2.5}}})");
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto query = Query::Parse(text);
  const auto spaced = Query::Parse(absl::StrCat("  ", text, "\n"));
  if (query.ok() != spaced.ok()) std::abort();
  if (!query.ok()) return 0;
  if (query->Matches(document) != spaced->Matches(document)) std::abort();
  return 0;
}
