#include "keyd/backend/library/testing/sample_store.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace sample {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

}  // namespace

bool Store::Bind(const std::string& id, const std::string& uri) {
  constexpr char kScheme[] = "file://";
  if (uri.rfind(kScheme, 0) != 0) return false;
  bound_[id] = uri.substr(sizeof kScheme - 1);
  return true;
}

std::string Store::PathOf(const std::string& id) const {
  if (const auto it = bound_.find(id); it != bound_.end()) return it->second;
  std::string path = home_ + "/";
  for (const unsigned char c : id) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", c);
    path += digits;
  }
  return path + ".key";
}

std::optional<Bytes> Store::Read(const std::string& id) const {
  std::ifstream file(PathOf(id), std::ios::binary);
  if (!file) return std::nullopt;
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

bool Store::Write(const std::string& id, const Bytes& content) const {
  std::ofstream file(PathOf(id), std::ios::binary);
  file.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
  return file.flush().good();
}

bool Store::Remove(const std::string& id) const {
  std::error_code error;
  std::filesystem::remove(PathOf(id), error);
  return !error;
}

bool Store::Rename(const std::string& from, const std::string& to) const {
  return std::rename(PathOf(from).c_str(), PathOf(to).c_str()) == 0;
}

bool IsPem(const Bytes& content) {
  const std::string start(content.begin(), content.begin() + std::min<size_t>(content.size(), 10));
  return start == "-----BEGIN";
}

Pair ParsePair(const Bytes& content) {
  const Bio bio(BIO_new_mem_buf(content.data(), static_cast<int>(content.size())), BIO_free);
  Pair pair(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  ERR_clear_error();
  return pair;
}

Bytes FormatPair(EVP_PKEY& pair) {
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_PrivateKey(bio.get(), &pair, nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return Bytes(data, data + size);
}

}  // namespace sample
