#include "tests/bench/provisiond_bench_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ctime>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/net/unique_fd.h"

namespace aziot::bench {
namespace {

constexpr absl::string_view kAccepted = "HTTP/1.1 202 ";
constexpr absl::string_view kLength = "content-length: ";
constexpr size_t kRowBytes = 600;  // of a registration in all tables

std::string Mac(const std::string& key, const std::string& text) {
  unsigned char out[32];
  unsigned int size = sizeof out;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), out, &size);
  return std::string(reinterpret_cast<char*>(out), size);
}

class TlsClient {
 public:
  explicit TlsClient(int port) : context_(SSL_CTX_new(TLS_client_method())) {
    net::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return;
    fd_ = std::move(fd);
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, fd_.get());
    SSL_set_tlsext_host_name(ssl_, "localhost");
    connected_ = SSL_connect(ssl_) == 1;
  }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;
  ~TlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }

  // Whether the answer is 202.
  bool Ask(const std::string& wire) {
    if (!connected_ || SSL_write(ssl_, wire.data(), static_cast<int>(wire.size())) <= 0) return false;
    answer_.clear();
    for (size_t expected = 0; expected == 0 || answer_.size() < expected;) {
      char buffer[8192];
      const int count = SSL_read(ssl_, buffer, sizeof buffer);
      if (count <= 0) return connected_ = false;
      answer_.append(buffer, static_cast<size_t>(count));
      const size_t end = answer_.find("\r\n\r\n");
      if (expected != 0 || end == std::string::npos) continue;
      const size_t at = answer_.find(kLength.data(), 0, kLength.size());
      size_t body = 0;
      if (at < end) {
        const absl::string_view rest = absl::string_view(answer_).substr(at + kLength.size());
        if (!absl::SimpleAtoi(rest.substr(0, rest.find('\r')), &body)) return false;
      }
      expected = end + 4 + body;
    }
    return absl::StartsWith(answer_, kAccepted);
  }

 private:
  SSL_CTX* const context_;
  net::UniqueFd fd_;
  SSL* ssl_ = nullptr;
  bool connected_ = false;
  std::string answer_;
};

std::string RegisterRequest(const Service& service, const std::string& id) {
  const std::string resource = absl::StrCat(service.id_scope, "%2Fregistrations%2F", id);
  const std::string expiry = absl::StrCat(std::time(nullptr) + 3600);
  const std::string signature = absl::StrReplaceAll(
      absl::Base64Escape(Mac(Mac(service.group_key, id), absl::StrCat(resource, "\n", expiry))),
      {{"+", "%2B"}, {"/", "%2F"}, {"=", "%3D"}});
  const std::string body = absl::StrCat(R"({"registrationId":")", id, "\"}");
  return absl::StrCat("PUT /", service.id_scope, "/registrations/", id,
                      "/register?api-version=2021-06-01 HTTP/1.1\r\nhost: localhost\r\nauthorization: "
                      "SharedAccessSignature sr=",
                      resource, "&sig=", signature, "&se=", expiry,
                      "&skn=registration\r\ncontent-type: application/json\r\ncontent-length: ", body.size(),
                      "\r\n\r\n", body);
}

struct CloseStore {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

}  // namespace

bool RegisterDevice(const Service& service, const std::string& id) {
  return TlsClient(service.port).Ask(RegisterRequest(service, id));
}

Worker RegisterNewDevices(const Service& service) {
  return [service](int client) -> Operation {
    auto connection = std::make_shared<TlsClient>(service.port);
    auto made = std::make_shared<int>(0);
    return [=] {
      return connection->Ask(
          RegisterRequest(service, absl::StrCat("new-", getpid(), "-", client, "-", ++*made)));
    };
  };
}

Worker InsertRows(const std::string& directory) {
  return [directory](int client) -> Operation {
    sqlite3* opened = nullptr;
    const std::string path = absl::StrCat(directory, "/floor-", getpid(), "-", client, ".db");
    sqlite3_open(path.c_str(), &opened);
    const std::shared_ptr<sqlite3> db(opened, CloseStore());
    sqlite3_exec(opened,
                 "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                 "CREATE TABLE row (id TEXT PRIMARY KEY, body TEXT)",
                 nullptr, nullptr, nullptr);
    sqlite3_stmt* prepared = nullptr;
    sqlite3_prepare_v2(opened, "INSERT INTO row VALUES (?, ?)", -1, &prepared, nullptr);
    const std::shared_ptr<sqlite3_stmt> insert(prepared, CloseStore());
    auto made = std::make_shared<int>(0);
    return [=] {
      const std::string id = absl::StrCat("device-", client, "-", ++*made);
      const std::string body(kRowBytes, 'x');
      sqlite3_bind_text(insert.get(), 1, id.data(), static_cast<int>(id.size()), SQLITE_STATIC);
      sqlite3_bind_text(insert.get(), 2, body.data(), static_cast<int>(body.size()), SQLITE_STATIC);
      const bool done = sqlite3_step(insert.get()) == SQLITE_DONE;
      sqlite3_reset(insert.get());
      return done && db != nullptr;
    };
  };
}

}  // namespace aziot::bench
