#include <cstdint>
#include <cstdlib>

#include "openssl-engine/answer.h"
#include "openssl-engine/base64.h"
#include "openssl-engine/cert_chain.h"
#include "openssl-engine/json.h"

// What was read whole is read the same when it arrives with more behind it, base64 has one spelling, and a
// chain holds certificates.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace aziot::openssl_engine;
  const std::string received(reinterpret_cast<const char*>(data), size);
  const auto answer = ParseAnswer(received);
  if (!answer.ok() || !answer->has_value()) return 0;
  const auto again = ParseAnswer(received + "HTTP/1.1 200 OK\r\n\r\n");
  if (!again.ok() || !again->has_value() || (**again).body != (**answer).body) std::abort();

  const auto body = SuccessBody(**answer);
  const auto pem = body.ok() ? StringMember(*body, "pem") : body;
  const auto chain = ParseCertChain(pem.ok() ? *pem : "");
  if (chain.ok() && (chain->empty() || chain->front().empty() || chain->front()[0] != 0x30)) std::abort();
  const auto value = body.ok() ? StringMember(*body, "value") : body;
  if (!value.ok()) return 0;
  const auto quoted = StringMember("{\"value\":" + QuoteJson(*value) + "}", "value");
  if (!quoted.ok() || *quoted != *value) std::abort();
  const auto bytes = ParseBase64(*value);
  if (bytes.has_value() && FormatBase64(*bytes) != *value) std::abort();
  return 0;
}
