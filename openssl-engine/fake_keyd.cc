#include "openssl-engine/fake_keyd.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "openssl-engine/base64.h"
#include "openssl-engine/json.h"
#include "openssl-engine/key_ref.h"

namespace aziot::openssl_engine {

FakeKeyd::FakeKeyd(Script script) : script_(std::move(script)) {
  char name[] = "/tmp/fake_keyd_XXXXXX";
  directory_ = mkdtemp(name);
  socket_path_ = directory_ + "/keyd.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket_path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener_, 64) != 0 || pipe(stop_) != 0) {
    std::abort();
  }
  thread_ = std::thread([this] { Serve(); });
}

FakeKeyd::~FakeKeyd() {
  close(stop_[1]);
  thread_.join();
  close(stop_[0]);
  close(listener_);
  unlink(socket_path_.c_str());
  rmdir(directory_.c_str());
}

void FakeKeyd::Serve() {
  while (true) {
    pollfd waiting[] = {{listener_, POLLIN, 0}, {stop_[0], POLLIN, 0}};
    if (poll(waiting, 2, -1) < 0 && errno != EINTR) return;
    if (waiting[1].revents != 0) return;
    if (waiting[0].revents == 0) continue;
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    ++connections_;
    script_(connection);
    close(connection);
  }
}

std::string ReadRequest(int connection) {
  std::string request;
  char buffer[4096];
  while (true) {
    if (const size_t end = request.find("\r\n\r\n"); end != std::string::npos) {
      const size_t field = request.find("content-length: ");
      const size_t length = field < end ? std::strtoul(request.c_str() + field + 16, nullptr, 10) : 0;
      if (request.size() >= end + 4 + length) return request;
    }
    const ssize_t count = read(connection, buffer, sizeof buffer);
    if (count <= 0) return "";
    request.append(buffer, static_cast<size_t>(count));
  }
}

void WriteAll(int connection, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

std::string FormatAnswer(int status, std::string_view body) {
  return "HTTP/1.1 " + std::to_string(status) +
         " word\r\ncontent-type: application/json\r\ncontent-length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

namespace {

std::string Member(const std::string& json, const std::string& name) {
  const Result<std::string> text = StringMember(json, name);
  return text.ok() ? *text : "";
}

std::string Body(const std::string& member, const std::string& value) {
  return "{" + QuoteJson(member) + ":" + QuoteJson(value) + "}";
}

std::string Invalid(const std::string& name, const std::string& cause) {
  return FormatAnswer(
      400, Body("message", "parameter \"" + name + "\" has an invalid value\ncaused by: " + cause));
}

Bytes BignumParam(EVP_PKEY* key, const char* name) {
  BIGNUM* value = nullptr;
  EVP_PKEY_get_bn_param(key, name, &value);
  const BignumPtr owned(value);
  Bytes bytes(static_cast<size_t>(BN_num_bytes(value)));
  BN_bn2bin(value, bytes.data());
  return bytes;
}

Bytes CompressedPoint(EVP_PKEY* key) {
  Bytes point(65);
  size_t length = 0;
  EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(), &length);
  point[0] = static_cast<uint8_t>(2 + (point[64] & 1));
  point.resize(33);
  return point;
}

std::optional<Bytes> PrivateOperation(EVP_PKEY* key, const Bytes& input, int padding) {
  const PkeyCtxPtr ctx(EVP_PKEY_CTX_new(key, nullptr));
  Bytes out(1024);
  size_t length = out.size();
  if (EVP_PKEY_sign_init(ctx.get()) <= 0) return std::nullopt;
  if (padding != 0 && EVP_PKEY_CTX_set_rsa_padding(ctx.get(), padding) <= 0) return std::nullopt;
  if (EVP_PKEY_sign(ctx.get(), out.data(), &length, input.data(), input.size()) <= 0) return std::nullopt;
  out.resize(length);
  return out;
}

}  // namespace

KeyServer::KeyServer()
    : fake_([this](int connection) {
        const std::string request = ReadRequest(connection);
        if (!request.empty()) WriteAll(connection, Answer(request));
      }) {}

void KeyServer::SetKey(const std::string& id, EVP_PKEY* key) {
  const std::lock_guard lock(mutex_);
  keys_[id] = Share(key);
}

void KeyServer::SetChain(const std::string& id, std::string pem) {
  const std::lock_guard lock(mutex_);
  chains_[id] = std::move(pem);
}

void KeyServer::Refuse(int status, std::string message) {
  const std::lock_guard lock(mutex_);
  refusal_ = status;
  refusal_message_ = std::move(message);
}

std::string KeyServer::SocketAttribute() const { return ";socket=" + PercentEncode(socket_path()); }

std::string KeyServer::LastRequest() const {
  const std::lock_guard lock(mutex_);
  return last_request_;
}

std::string KeyServer::Parameter(EVP_PKEY* key, const std::string& name) {
  const bool rsa = EVP_PKEY_is_a(key, "RSA") == 1;
  std::string value;
  if (name == "algorithm") {
    value = rsa ? "RSA" : "ECDSA";
  } else if (name == "rsa-modulus" && rsa) {
    value = FormatBase64(BignumParam(key, OSSL_PKEY_PARAM_RSA_N));
  } else if (name == "rsa-exponent" && rsa) {
    value = FormatBase64(BignumParam(key, OSSL_PKEY_PARAM_RSA_E));
  } else if (name == "ec-curve-oid" && !rsa) {
    value = "BggqhkjOPQMBBw==";
  } else if (name == "ec-point" && !rsa) {
    value = FormatBase64(CompressedPoint(key));
  } else {
    return Invalid("name", "no such parameter");
  }
  return FormatAnswer(200, Body("value", value));
}

std::string KeyServer::AnswerOfCertd(const std::string& path) const {
  for (const auto& [id, pem] : chains_) {
    if (path == "/certificates/" + PercentEncode(id)) return FormatAnswer(200, Body("pem", pem));
  }
  return Invalid("id", "not found");
}

std::string KeyServer::Answer(const std::string& request) {
  const std::lock_guard lock(mutex_);
  const size_t path_start = request.find(' ') + 1;
  const size_t certd = request.find("?api-version=2020-09-01 HTTP/1.1\r\nHost: certd.sock\r\n");
  const size_t query = certd != std::string::npos
                           ? certd
                           : request.find("?api-version=2021-05-01 HTTP/1.1\r\nHost: keyd.sock\r\n");
  if (query == std::string::npos) return Invalid("request", "not as the client should write it");
  const std::string path = request.substr(path_start, query - path_start);
  const std::string body = request.substr(request.find("\r\n\r\n") + 4);
  last_request_ = path + " " + body;
  if (refusal_ != 0) return FormatAnswer(refusal_, Body("message", refusal_message_));

  if (certd != std::string::npos) return AnswerOfCertd(path);

  if (path.starts_with("/keypair/")) {
    for (const auto& [id, key] : keys_) {
      if (path == "/keypair/" + PercentEncode(id)) return FormatAnswer(200, Body("keyHandle", HandleOf(id)));
    }
    return FormatAnswer(401, Body("message", "user 0 is not authorized to access the key"));
  }

  const std::string handle = Member(body, "keyHandle");
  EVP_PKEY* key = nullptr;
  for (const auto& [id, candidate] : keys_) {
    if (handle == HandleOf(id)) key = candidate.get();
  }
  if (key == nullptr) return Invalid("handle", "invalid handle");
  if (path.starts_with("/parameters/")) return Parameter(key, path.substr(12));

  const std::string algorithm = Member(body, "algorithm");
  const bool sign = path == "/sign";
  int padding = 0;
  if (algorithm == "RSA-PKCS1") padding = RSA_PKCS1_PADDING;
  if (algorithm == "RSA-NO-PADDING") padding = RSA_NO_PADDING;
  if (sign != (algorithm == "ECDSA") || sign != (EVP_PKEY_is_a(key, "EC") == 1) || (!sign && padding == 0)) {
    return Invalid("mechanism", "mechanism cannot be used with this key type");
  }
  std::string input = Member(body, "plaintext");
  if (sign) {
    const std::string start = "\"parameters\":";
    const std::string rest = body.substr(body.find(start) + start.size());
    input = Member(rest.substr(0, rest.find('}') + 1), "digest");
  }
  const std::optional<Bytes> bytes = ParseBase64(input);
  const std::optional<Bytes> made = bytes ? PrivateOperation(key, *bytes, padding) : std::nullopt;
  if (!made) return FormatAnswer(500, Body("message", "internal error"));
  return FormatAnswer(200, Body(sign ? "signature" : "ciphertext", FormatBase64(*made)));
}

}  // namespace aziot::openssl_engine
