#include "common/server/test_server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/net/unix_socket.h"

namespace aziot::server {

TestKeys::TestKeys(rpc::Dispatcher& dispatcher)
    : get_key([](const rpc::CallContext&, const std::string& id) {
        keys::v1::KeyHandle handle;
        handle.set_key_handle(id);
        return handle;
      }) {
  dispatcher.Add("aziot.keys.v1.Keys.GetKey", *this, &TestKeys::GetKey);
  dispatcher.Add("aziot.keys.v1.Keys.CreateKey", *this, &TestKeys::CreateKey);
  dispatcher.Add("aziot.keys.v1.Keys.DeleteKey", *this, &TestKeys::DeleteKey);
}

absl::StatusOr<keys::v1::KeyHandle> TestKeys::GetKey(const rpc::CallContext& call,
                                                     const keys::v1::GetKeyRequest& request) {
  return get_key(call, request.id());
}

absl::StatusOr<keys::v1::KeyHandle> TestKeys::CreateKey(const rpc::CallContext&,
                                                        const keys::v1::CreateKeyRequest& request) {
  keys::v1::KeyHandle handle;
  handle.set_key_handle(absl::StrCat(request.key_id(), ":", request.key_bytes().size()));
  return handle;
}

absl::StatusOr<keys::v1::Done> TestKeys::DeleteKey(const rpc::CallContext&, const keys::v1::KeyHandle&) {
  return keys::v1::Done();
}

namespace {

rpc::Feed::Value DeviceValue(absl::string_view device_id) {
  auto reply = std::make_shared<identity::v1::WatchIdentityReply>();
  reply->mutable_identity()->set_type("aziot");
  reply->mutable_identity()->mutable_spec()->set_device_id(std::string(device_id));
  return reply;
}

}  // namespace

TestIdentities::TestIdentities(rpc::Dispatcher& dispatcher)
    : feed_(std::make_shared<rpc::Feed>(DeviceValue("first"))) {
  dispatcher.Add("aziot.identity.v1.Identities.UpdateModule", *this, &TestIdentities::UpdateModule);
  dispatcher.AddStream<identity::v1::WatchIdentityReply>("aziot.identity.v1.Identities.WatchIdentity", *this,
                                                         &TestIdentities::Watch);
}

absl::StatusOr<identity::v1::Identity> TestIdentities::UpdateModule(
    const rpc::CallContext&, const identity::v1::ModuleRequest& request) {
  identity::v1::Identity identity;
  identity.set_type(request.type());
  return identity;
}

void TestIdentities::SetDevice(absl::string_view device_id) { feed_->Set(DeviceValue(device_id)); }

absl::StatusOr<std::shared_ptr<rpc::Feed>> TestIdentities::Watch(const rpc::CallContext&,
                                                                 const identity::v1::WatchIdentityRequest&) {
  return feed_;
}

TestServer::TestServer(Options options, TestKeys::GetKeyHandler get_key)
    : socket_(directory_.path() + "/keyd.sock"), keys_(dispatcher_), identities_(dispatcher_) {
  if (get_key != nullptr) keys_.get_key = std::move(get_key);
  options.name = "keyd";
  options.socket = socket_;
  auto server = Server::New(std::move(options), dispatcher_);
  if (!server.ok()) {
    ADD_FAILURE() << server.status();
    std::abort();
  }
  server_ = *std::move(server);
  thread_ = std::thread([this] { ended_ = server_->Run(); });
}

TestServer::~TestServer() { Stop(); }

void TestServer::Stop() {
  if (!thread_.joinable()) return;
  server_->Stop();
  thread_.join();
  EXPECT_TRUE(ended_.ok()) << ended_;
}

void TestServer::AllowEveryone() {
  chmod(directory_.path().c_str(), 0755);
  chmod(socket_.c_str(), 0666);
}

RawClient::RawClient(const std::string& socket) {
  auto fd = net::ConnectUnix(socket, absl::Seconds(10));
  if (fd.ok()) fd_ = *std::move(fd);
}

bool RawClient::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count > 0) {
      bytes.remove_prefix(static_cast<size_t>(count));
      continue;
    }
    if (errno != EAGAIN) return false;
    pollfd polled{.fd = fd_.get(), .events = POLLOUT};
    if (poll(&polled, 1, 30'000) <= 0) return false;
  }
  return true;
}

bool RawClient::ReadMore() {
  char buffer[4096];
  while (true) {
    const ssize_t count = recv(fd_.get(), buffer, sizeof buffer, 0);
    if (count > 0) {
      read_.append(buffer, static_cast<size_t>(count));
      return true;
    }
    if (count == 0 || (errno != EAGAIN && errno != EINTR)) return false;
    pollfd polled{.fd = fd_.get(), .events = POLLIN};
    if (poll(&polled, 1, 30'000) <= 0) {
      ADD_FAILURE() << "nothing came for 30 s; so far: " << read_;
      return false;
    }
  }
}

std::string RawClient::ReadAnswer(bool has_body) {
  size_t header_end;
  while ((header_end = read_.find("\r\n\r\n")) == std::string::npos) {
    if (!ReadMore()) return std::exchange(read_, "");
  }
  size_t whole = header_end + 4;
  if (const size_t field = read_.find("content-length: "); has_body && field < header_end) {
    size_t length = 0;
    const std::string digits = read_.substr(field + 16, read_.find("\r\n", field) - field - 16);
    if (absl::SimpleAtoi(digits, &length)) whole += length;
  }
  while (read_.size() < whole) {
    if (!ReadMore()) return std::exchange(read_, "");
  }
  std::string answer = read_.substr(0, whole);
  read_.erase(0, whole);
  return answer;
}

bool RawClient::AtEnd() { return read_.empty() && !ReadMore(); }

void RawClient::HalfClose() { shutdown(fd_.get(), SHUT_WR); }

std::string GetKeyRequestText(absl::string_view id, absl::string_view fields) {
  return absl::StrCat("GET /key/", id, "?api-version=2020-09-01 HTTP/1.1\r\n", fields, "\r\n");
}

}  // namespace aziot::server
