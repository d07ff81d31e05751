// The sample key library's keys: one file each under its home directory, raw bytes or PEM, as the reference
// keeps them; names are the ids in hexadecimal.
#pragma once

#include <openssl/evp.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sample {

using Bytes = std::vector<unsigned char>;
using Pair = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

class Store {
 public:
  void SetHome(std::string home) { home_ = std::move(home); }
  // False for what is no file: URI.
  bool Bind(const std::string& id, const std::string& uri);

  std::optional<Bytes> Read(const std::string& id) const;
  bool Write(const std::string& id, const Bytes& content) const;
  // True when there is nothing, too.
  bool Remove(const std::string& id) const;
  bool Rename(const std::string& from, const std::string& to) const;

 private:
  std::string PathOf(const std::string& id) const;

  std::string home_;
  std::map<std::string, std::string> bound_;
};

bool IsPem(const Bytes& content);
// nullptr for what is no pair.
Pair ParsePair(const Bytes& content);
Bytes FormatPair(EVP_PKEY& pair);

}  // namespace sample
