#include "tests/faults/injector.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "tests/support/run_command.h"

namespace aziot::tests::faults {

Injector::Injector(const std::string& path, absl::string_view prefix) : path_(path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0 || fchmod(fd, 0666) != 0 || ftruncate(fd, sizeof(Control)) != 0) std::abort();
  void* memory = mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) std::abort();
  close(fd);
  control_ = static_cast<Control*>(memory);
  Watch(prefix);
}

Injector::~Injector() {
  munmap(control_, sizeof(Control));
  unlink(path_.c_str());
}

void Injector::Watch(absl::string_view prefix) {
  if (prefix.size() >= sizeof(Control::prefix)) std::abort();
  std::memcpy(control_->prefix, prefix.data(), prefix.size());
  control_->prefix[prefix.size()] = '\0';
}

std::map<std::string, std::string> Injector::Environment() const {
  return {{"AZIOT_FAULTS", path_}, {"LD_PRELOAD", absl::StrCat(BuildDir(), "/test/aziot_faults.so")}};
}

std::vector<RecordedCall> Injector::Record(const std::function<void()>& action) {
  control_->log_size = 0;
  control_->mode.store(Mode::kRecord, std::memory_order_release);
  action();
  control_->mode.store(Mode::kOff, std::memory_order_release);
  return Recorded();
}

std::vector<RecordedCall> Injector::Recorded() const {
  std::vector<RecordedCall> calls;
  const char* at = control_->log;
  const char* const end = at + control_->log_size;
  const auto take = [&at](uint32_t size) {
    std::string text(at, size);
    at += size;
    return text;
  };
  while (at < end) {
    RecordHead head;
    std::memcpy(&head, at, sizeof head);
    at += sizeof head;
    RecordedCall call{.call = head.call, .number = head.number, .path = "", .other = "", .data = ""};
    call.path = take(head.path_size);
    call.other = take(head.other_size);
    call.data = take(head.data_size);
    calls.push_back(std::move(call));
  }
  return calls;
}

void Injector::Fail(int from, int until, int error) {
  control_->mode.store(Mode::kOff, std::memory_order_release);
  control_->fail_from = from;
  control_->fail_until = until;
  control_->error = error;
  control_->log_size = 0;
  control_->calls = 0;
  control_->failed = 0;
  control_->mode.store(Mode::kFail, std::memory_order_release);
}

int Injector::Heal() {
  control_->mode.store(Mode::kOff, std::memory_order_release);
  return control_->failed;
}

}  // namespace aziot::tests::faults
