#include "keyd/backend/worker/test_misbehaving.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace aziot::keyd::worker {
namespace {

std::string OpenDescriptors() {
  std::string names;
  DIR* directory = opendir("/proc/self/fd");
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] == '.' || std::atoi(entry->d_name) == dirfd(directory)) continue;
    char target[256] = {};
    if (readlink(absl::StrCat("/proc/self/fd/", entry->d_name).c_str(), target, sizeof target - 1) > 0) {
      absl::StrAppend(&names, entry->d_name, " ", target, "\n");
    }
  }
  closedir(directory);
  return names;
}

void Crash() {
  // Sanitizers would end the process in their own way.
  signal(SIGSEGV, SIG_DFL);
  raise(SIGSEGV);
}

}  // namespace

Misbehaving::Misbehaving(std::string directory, LoginRecord& record)
    : directory_(std::move(directory)), record_(record), at_start_(record.state()) {}

Misbehaving::~Misbehaving() { Done("finished"); }

// Whether `name` was done before, by this worker or an earlier one.
bool Misbehaving::Done(const std::string& name) {
  const int fd = open(absl::StrCat(directory_, "/", name).c_str(), O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) close(fd);
  return fd < 0;
}

testing::FakeBackend& Misbehaving::At(const KeyId& id) {
  const std::string& name = id.value();
  if (name == "crash") Crash();
  if (absl::StartsWith(name, "crash-once") && !Done(name)) Crash();
  if (name == "exit") _exit(3);
  if (name == "login") {
    record_.Starts();
    Crash();
  }
  if (name == "refused") record_.Ends(LoginRecord::State::kRefused);
  while (name == "hang") pause();
  return fake_;
}

absl::StatusOr<Secret> Misbehaving::Derive(const KeyId& id, BytesView data) {
  if (id.value() == "pid") return Secret(ToBytesView(absl::StrCat(getpid())));
  if (id.value() == "descriptors") return Secret(ToBytesView(OpenDescriptors()));
  if (id.value() == "login-at-start") return Secret(ToBytesView(absl::StrCat(at_start_)));
  return At(id).Derive(id, data);
}

absl::Status Misbehaving::CreateKey(const KeyId& id, KeyUsage usage) { return At(id).CreateKey(id, usage); }
absl::Status Misbehaving::ImportKey(const KeyId& id, BytesView bytes, KeyUsage usage) {
  return At(id).ImportKey(id, bytes, usage);
}
absl::Status Misbehaving::LoadKey(const KeyId& id) { return At(id).LoadKey(id); }
absl::Status Misbehaving::DeleteKey(const KeyId& id) { return At(id).DeleteKey(id); }
absl::StatusOr<Mac> Misbehaving::Hmac(const KeyId& id, BytesView message) { return At(id).Hmac(id, message); }
absl::StatusOr<Bytes> Misbehaving::Encrypt(const KeyId& id, const AeadParameters& parameters,
                                           BytesView plaintext) {
  return At(id).Encrypt(id, parameters, plaintext);
}
absl::StatusOr<Bytes> Misbehaving::Decrypt(const KeyId& id, const AeadParameters& parameters,
                                           BytesView blob) {
  return At(id).Decrypt(id, parameters, blob);
}
absl::Status Misbehaving::CreateKeyPair(const KeyId& id, std::span<const KeyAlgorithm> preferred) {
  return At(id).CreateKeyPair(id, preferred);
}
absl::Status Misbehaving::LoadKeyPair(const KeyId& id) { return At(id).LoadKeyPair(id); }
absl::Status Misbehaving::MoveKeyPair(const KeyId& from, const KeyId& to) {
  return At(from).MoveKeyPair(from, to);
}
absl::Status Misbehaving::DeleteKeyPair(const KeyId& id) { return At(id).DeleteKeyPair(id); }
absl::StatusOr<KeyFamily> Misbehaving::FamilyOf(const KeyId& id) { return At(id).FamilyOf(id); }
absl::StatusOr<Bytes> Misbehaving::PublicParameter(const KeyId& id, PairParameter parameter) {
  return At(id).PublicParameter(id, parameter);
}
absl::StatusOr<Bytes> Misbehaving::SignDigest(const KeyId& id, BytesView digest) {
  return At(id).SignDigest(id, digest);
}
absl::StatusOr<Bytes> Misbehaving::RsaPrivate(const KeyId& id, RsaPadding padding, BytesView input) {
  return At(id).RsaPrivate(id, padding, input);
}

}  // namespace aziot::keyd::worker
