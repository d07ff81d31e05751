// What a daemon's clients can see of its state: two crashes that look the same to them are the same.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/faults/victim.h"

namespace aziot::tests::faults {

// By name: a key's HMAC of a fixed text, a pair's public point, a certificate's text; "absent" or "failed".
using World = std::map<std::string, std::string>;

World SeeKeyd(const Victim& keyd, const std::vector<std::string>& keys,
              const std::vector<std::string>& pairs);
World SeeCertd(const Victim& certd, const std::vector<std::string>& ids);

std::string FormatWorld(const World& world);

// Request bodies.
std::string ImportBody(const std::string& id, const std::string& bytes);
std::string CreateKeyBody(const std::string& id);
std::string CreatePairBody(const std::string& id);
std::string HandleBody(const std::string& handle);
std::string PemBody(const std::string& pem);

}  // namespace aziot::tests::faults
