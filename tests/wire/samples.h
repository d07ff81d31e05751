// The sample files of this folder: <service>/<rpc>/<case>.http.
#pragma once

#include <google/protobuf/descriptor.h>

#include <ostream>
#include <string>
#include <vector>

namespace aziot::tests {

struct SampleFile {
  std::string service;  // keys, certificates or identity
  std::string rpc;
  std::string name;
  std::string path;

  // nullptr when the folder is named after no rpc.
  const google::protobuf::MethodDescriptor* method() const;
  friend void PrintTo(const SampleFile& file, std::ostream* out) { *out << file.path; }
};

// In byte order of their paths.
std::vector<SampleFile> FindSamples();

}  // namespace aziot::tests
