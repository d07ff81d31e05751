#include "keyd/backend/pkcs11/testing/token_fixture.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "keyd/backend/pkcs11/slots.h"
#include "keyd/backend/pkcs11/templates.h"

namespace aziot::keyd::pkcs11::testing {

OtherProgram::OtherProgram(absl::string_view token)
    : module_(*Module::Load(aziot::testing::SoftHsm::ModulePath())) {
  if (!module_->Initialize().ok()) std::abort();
  slot_ = FindToken(functions(), {.token = std::string(token)})->slot;
  CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;
  if (functions().C_OpenSession(slot_, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &handle) !=
      CKR_OK) {
    std::abort();
  }
  std::string pin(aziot::testing::SoftHsm::kPin);
  const CK_RV login =
      functions().C_Login(handle, CKU_USER, reinterpret_cast<CK_UTF8CHAR*>(pin.data()), pin.size());
  if (login != CKR_OK && login != CKR_USER_ALREADY_LOGGED_IN) std::abort();
  session_ = std::make_unique<Session>(functions(), slot_, handle);
}

OtherProgram::~OtherProgram() { functions().C_CloseSession(session_->handle()); }

std::vector<CK_OBJECT_HANDLE> OtherProgram::Find(CK_OBJECT_CLASS object_class, absl::string_view label) {
  Template wanted;
  wanted.Number(CKA_CLASS, object_class).Text(CKA_LABEL, label);
  return *session_->Find(wanted);
}

void OtherProgram::MakePair(absl::string_view label, absl::string_view id) {
  const PairTemplates templates = TemplatesOf(KeyAlgorithm::kEcP256);
  Template naming;
  naming.Text(CKA_LABEL, label).Text(CKA_ID, id);
  EXPECT_THAT(
      session_->GenerateKeyPair(templates.mechanism, Template().With(templates.public_key).With(naming),
                                Template().With(templates.private_key).With(naming)),
      aziot::testing::IsOk());
}

bool DiesIn(const std::function<void()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status);
}

}  // namespace aziot::keyd::pkcs11::testing
