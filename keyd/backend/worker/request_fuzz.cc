// Any bytes as a request: it is refused, or it is a call whose answer can be read.
#include <cstdint>
#include <cstdlib>

#include "keyd/backend/testing/fake_backend.h"
#include "keyd/backend/worker/dispatch.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace aziot::keyd;  // NOLINT: one function
  worker::v1::Request request;
  if (!request.ParseFromArray(data, static_cast<int>(size))) return 0;
  // A pair takes long to make, and is no parser's business.
  if (request.function() == worker::v1::FUNCTION_CREATE_KEY_PAIR) request.clear_algorithms();
  testing::FakeBackend backend;
  backend.CreateKey(*aziot::KeyId::Parse("k"), {.sign = true, .encrypt = true}).IgnoreError();
  worker::v1::Answer answer, again;
  worker::Dispatch(backend, request, answer);
  if (!again.ParseFromString(answer.SerializeAsString())) std::abort();
  if (again.code() != answer.code() || again.output() != answer.output()) std::abort();
  const absl::Status status = worker::StatusOf(again.code(), again.message());
  if (status.ok() != (answer.code() == 0)) std::abort();
  return 0;
}
