// The test's side of the interposer: what a preloaded daemon is to do, and the calls it has made.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/faults/fault_control.h"

namespace aziot::tests::faults {

struct RecordedCall {
  Call call;
  uint32_t number;
  std::string path;
  std::string other;
  std::string data;
};

class Injector {
 public:
  // Watches files below `prefix`. The memory is a file at `path`, open to every user.
  Injector(const std::string& path, absl::string_view prefix);
  Injector(const Injector&) = delete;
  Injector& operator=(const Injector&) = delete;
  ~Injector();

  // From now on files below `prefix` are watched instead. No fault may be under way.
  void Watch(absl::string_view prefix);

  // What a process must be started with.
  std::map<std::string, std::string> Environment() const;

  // The calls that a preloaded process makes while `action` runs.
  std::vector<RecordedCall> Record(const std::function<void()>& action);

  // From now on calls number `from` to `until` - 1 fail with `error`.
  void Fail(int from, int until, int error);
  // Since Fail: how many calls were made, and how many of them failed.
  int Calls() const { return control_->calls; }
  int Failed() const { return control_->failed; }
  // Faults end. How many calls failed.
  int Heal();
  // The calls that have changed something since Record or Fail.
  std::vector<RecordedCall> Recorded() const;

 private:
  const std::string path_;
  Control* control_;
};

}  // namespace aziot::tests::faults
