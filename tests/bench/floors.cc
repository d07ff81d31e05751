#include "tests/bench/floors.h"

#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/bench/raw_client.h"

namespace aziot::bench {
namespace {

constexpr size_t kPingBytes = 256;
constexpr int kTagBytes = 16;

bool ReceivePing(int fd) {
  char bytes[kPingBytes];
  for (size_t have = 0; have < sizeof bytes;) {
    const ssize_t count = recv(fd, bytes + have, sizeof bytes - have, 0);
    if (count <= 0) return false;
    have += static_cast<size_t>(count);
  }
  return true;
}

bool SendPing(int fd) {
  const char bytes[kPingBytes] = {};
  return send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof bytes);
}

[[noreturn]] void ServePings(int listener, int threads) {
  std::vector<std::thread> workers;
  for (int i = 0; i < threads; ++i) {
    workers.emplace_back([listener] {
      while (true) {
        const int fd = accept(listener, nullptr, nullptr);
        if (fd < 0) _exit(1);
        while (ReceivePing(fd) && SendPing(fd)) {
        }
        close(fd);
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  _exit(0);
}

template <class T, void (*Free)(T*)>
std::shared_ptr<T> Shared(T* object) {
  if (object == nullptr) std::abort();
  return {object, Free};
}
std::shared_ptr<EVP_PKEY_CTX> Signer(EVP_PKEY* pair) {
  auto context = Shared<EVP_PKEY_CTX, EVP_PKEY_CTX_free>(EVP_PKEY_CTX_new(pair, nullptr));
  if (EVP_PKEY_sign_init(context.get()) != 1) std::abort();
  return context;
}

}  // namespace

PingServer::PingServer(std::string socket, int threads) {
  unlink(socket.c_str());
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket.c_str(), sizeof address.sun_path - 1);
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener, 1024) != 0) {
    std::abort();
  }
  pid_ = fork();
  if (pid_ == 0) ServePings(listener, threads);
  close(listener);
}

PingServer::~PingServer() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

Worker Ping(const std::string& socket) {
  return [socket](int) -> Operation {
    auto fd = std::make_shared<net::UniqueFd>(Connect(socket));
    return [fd] { return SendPing(fd->get()) && ReceivePing(fd->get()); };
  };
}

Worker ConnectAndPing(const std::string& socket) {
  return [socket](int) -> Operation {
    return [socket] {
      const net::UniqueFd fd = Connect(socket);
      return SendPing(fd.get()) && ReceivePing(fd.get());
    };
  };
}

Worker EvpHmac() {
  return [](int) -> Operation {
    const auto mac = Shared<EVP_MAC, EVP_MAC_free>(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    const auto context = Shared<EVP_MAC_CTX, EVP_MAC_CTX_free>(EVP_MAC_CTX_new(mac.get()));
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
                                     OSSL_PARAM_construct_end()};
    const uint8_t key[32] = {1};
    if (EVP_MAC_init(context.get(), key, sizeof key, parameters) != 1) std::abort();
    return [context] {
      const uint8_t message[32] = {2};
      uint8_t out[32];
      size_t size = 0;
      return EVP_MAC_init(context.get(), nullptr, 0, nullptr) == 1 &&
             EVP_MAC_update(context.get(), message, sizeof message) == 1 &&
             EVP_MAC_final(context.get(), out, &size, sizeof out) == 1;
    };
  };
}

Worker EvpEcdsa() {
  const auto pair = Shared<EVP_PKEY, EVP_PKEY_free>(EVP_EC_gen("P-256"));
  return [pair](int) -> Operation {
    const auto signer = Signer(pair.get());
    return [signer] {
      const uint8_t digest[32] = {3};
      uint8_t signature[128];
      size_t size = sizeof signature;
      return EVP_PKEY_sign(signer.get(), signature, &size, digest, sizeof digest) == 1;
    };
  };
}

Worker EvpRsa() {
  const auto pair = Shared<EVP_PKEY, EVP_PKEY_free>(EVP_RSA_gen(2048));
  return [pair](int) -> Operation {
    const auto signer = Signer(pair.get());
    if (EVP_PKEY_CTX_set_rsa_padding(signer.get(), RSA_PKCS1_PADDING) != 1) std::abort();
    return [signer] {
      const uint8_t digest_info[51] = {4};
      uint8_t signature[256];
      size_t size = sizeof signature;
      return EVP_PKEY_sign(signer.get(), signature, &size, digest_info, sizeof digest_info) == 1;
    };
  };
}

Worker EvpAead(size_t bytes) {
  return [bytes](int) -> Operation {
    const uint8_t key[32] = {5};
    const auto seal = Shared<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>(EVP_CIPHER_CTX_new());
    const auto open = Shared<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>(EVP_CIPHER_CTX_new());
    if (EVP_EncryptInit_ex2(seal.get(), EVP_aes_256_gcm(), key, nullptr, nullptr) != 1 ||
        EVP_DecryptInit_ex2(open.get(), EVP_aes_256_gcm(), key, nullptr, nullptr) != 1) {
      std::abort();
    }
    auto plain = std::make_shared<std::vector<uint8_t>>(bytes);
    auto sealed = std::make_shared<std::vector<uint8_t>>(bytes + kTagBytes);
    auto encrypts = std::make_shared<bool>(false);
    return [=] {
      const uint8_t iv[12] = {6};
      const int size = static_cast<int>(bytes);
      int written = 0;
      int rest = 0;
      *encrypts = !*encrypts;
      if (*encrypts) {
        return EVP_EncryptInit_ex2(seal.get(), nullptr, nullptr, iv, nullptr) == 1 &&
               EVP_EncryptUpdate(seal.get(), sealed->data(), &written, plain->data(), size) == 1 &&
               EVP_EncryptFinal_ex(seal.get(), sealed->data() + written, &rest) == 1 &&
               EVP_CIPHER_CTX_ctrl(seal.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes, sealed->data() + bytes) == 1;
      }
      return EVP_DecryptInit_ex2(open.get(), nullptr, nullptr, iv, nullptr) == 1 &&
             EVP_CIPHER_CTX_ctrl(open.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, sealed->data() + bytes) == 1 &&
             EVP_DecryptUpdate(open.get(), plain->data(), &written, sealed->data(), size) == 1 &&
             EVP_DecryptFinal_ex(open.get(), plain->data() + written, &rest) == 1;
    };
  };
}

Worker ReplaceFile(const std::string& directory) {
  return [directory](int client) -> Operation {
    const std::string name = absl::StrCat(directory, "/floor-", client);
    const std::string beside = absl::StrCat(name, ".new");
    return [directory, name, beside] {
      const char content[kPingBytes] = {};
      const net::UniqueFd file(open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
      const net::UniqueFd folder(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      return write(file.get(), content, sizeof content) == static_cast<ssize_t>(sizeof content) &&
             fsync(file.get()) == 0 && rename(beside.c_str(), name.c_str()) == 0 && fsync(folder.get()) == 0;
    };
  };
}

}  // namespace aziot::bench
