#include "tests/integration/scripted_cloud.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace aziot::tests {
namespace {

using https::FormatReply;
using https::Reply;
using Json = nlohmann::json;

Reply JsonReply(absl::string_view status, const std::string& body) {
  return {FormatReply(status, "Content-Type: application/json\r\n", body)};
}

}  // namespace

// Stands before the servers, so that the port stays when what is behind it changes.
class ScriptedCloud::Gate {
 public:
  explicit Gate(std::function<int(Line)> port_of)
      : port_of_(std::move(port_of)), server_([this](int descriptor) { Serve(descriptor); }) {}
  ~Gate() { Set(Line::kReset); }

  int port() const { return server_.port(); }
  int connections() {
    std::lock_guard lock(mutex_);
    return connections_;
  }
  void Set(Line line) {
    std::lock_guard lock(mutex_);
    line_ = line;
    connections_ = 0;
    ++changes_;
    changed_.notify_all();
    for (const int descriptor : open_) shutdown(descriptor, SHUT_RDWR);
  }

 private:
  void Serve(int descriptor) {
    Line line;
    {
      std::unique_lock lock(mutex_);
      line = line_;
      ++connections_;
      if (line == Line::kSilent) {
        const int seen = changes_;
        changed_.wait(lock, [&] { return changes_ != seen; });
        return;
      }
    }
    if (line == Line::kReset) {
      // AF_UNSPEC drops the connection with a RST, and the descriptor stays the server's.
      sockaddr none{};
      none.sa_family = AF_UNSPEC;
      connect(descriptor, &none, sizeof(none));
      return;
    }
    if (line == Line::kNotTls) {
      constexpr absl::string_view kAnswer = "HTTP/1.1 400 Bad Request\r\n\r\n";
      (void)!send(descriptor, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
      return;
    }
    const int target = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port_of_(line)));
    if (connect(target, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
      Note(descriptor, true);
      Note(target, true);
      Pump(descriptor, target);
      Note(descriptor, false);
      Note(target, false);
    }
    close(target);
  }
  void Note(int descriptor, bool open) {
    std::lock_guard lock(mutex_);
    if (open) {
      open_.insert(descriptor);
    } else {
      open_.erase(descriptor);
    }
  }
  static void Pump(int a, int b) {
    while (true) {
      pollfd sides[] = {{.fd = a, .events = POLLIN, .revents = 0}, {.fd = b, .events = POLLIN, .revents = 0}};
      if (poll(sides, 2, -1) < 0) return;
      for (const auto& [from, to] : {std::pair{0, 1}, std::pair{1, 0}}) {
        if (sides[from].revents == 0) continue;
        char chunk[16384];
        const ssize_t count = recv(sides[from].fd, chunk, sizeof chunk, 0);
        if (count <= 0 || send(sides[to].fd, chunk, static_cast<size_t>(count), MSG_NOSIGNAL) != count)
          return;
      }
    }
  }

  const std::function<int(Line)> port_of_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Line line_ = Line::kUp;
  int changes_ = 0;
  int connections_ = 0;
  std::set<int> open_;
  https::LoopbackServer server_;
};

ScriptedCloud::ScriptedCloud() {
  const auto answer = [this](const std::string& request) { return Answer(request); };
  const absl::Time now = absl::Now();
  good_ = std::make_unique<https::FakeServer>(answer, ca_.IssueServer());
  other_ = std::make_unique<https::FakeServer>(answer, other_ca_.IssueServer());
  expired_ = std::make_unique<https::FakeServer>(
      answer, ca_.IssueServer("localhost", {"DNS:localhost"},
                              {.from = now - absl::Hours(48), .until = now - absl::Hours(24)}));
  gate_ = std::make_unique<Gate>([this](Line line) {
    return (line == Line::kOtherCa ? other_ : line == Line::kExpired ? expired_ : good_)->port();
  });
}

ScriptedCloud::~ScriptedCloud() = default;

std::string ScriptedCloud::host() const { return absl::StrCat("localhost:", gate_->port()); }

void ScriptedCloud::Set(Line line) { gate_->Set(line); }

int ScriptedCloud::connections() const { return gate_->connections(); }

void ScriptedCloud::Fault(Service service, std::optional<Reply> reply) {
  std::lock_guard lock(mutex_);
  faults_.erase(service);
  if (reply) faults_.emplace(service, *std::move(reply));
}

void ScriptedCloud::SetHook(Hook hook) {
  std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
}

std::map<std::string, ScriptedCloud::Module> ScriptedCloud::modules() const {
  std::lock_guard lock(mutex_);
  return modules_;
}

std::vector<std::string> ScriptedCloud::requests(Service service) const {
  std::lock_guard lock(mutex_);
  const auto found = requests_.find(service);
  return found == requests_.end() ? std::vector<std::string>() : found->second;
}

ScriptedCloud::Reply ScriptedCloud::Answer(const std::string& request) {
  const std::vector<std::string> words = absl::StrSplit(request.substr(0, request.find("\r\n")), ' ');
  const std::string path = words.size() < 2 ? "" : words[1].substr(0, words[1].find('?'));
  const std::vector<std::string> parts = absl::StrSplit(path, '/');  // "", devices, dev, modules, id
  const Service service = absl::StartsWith(path, "/devices/dev/modules") ? Service::kHub : Service::kDps;
  {
    std::lock_guard lock(mutex_);
    requests_[service].push_back(request.substr(0, request.find("\r\n\r\n")));
    const auto fault = faults_.find(service);
    if (fault != faults_.end()) return fault->second;
  }
  if (service == Service::kHub) return AnswerHub(words[0], parts.size() > 4 ? parts[4] : "", request);
  if (absl::StrContains(path, "/registrations/")) return AnswerDps();
  return JsonReply("404 Not Found", "{}");
}

ScriptedCloud::Reply ScriptedCloud::AnswerDps() const {
  return JsonReply("200 OK", absl::StrCat(R"({"operationId":"1","status":"assigned","registrationState":)",
                                          R"({"assignedHub":")", host(), R"(","deviceId":"dev"}})"));
}

std::string ScriptedCloud::Describe(const std::string& id) const {
  const Module& module = modules_.at(id);
  Json object = {
      {"moduleId", id}, {"deviceId", "dev"}, {"generationId", module.generation}, {"etag", "AAA="}};
  if (!module.primary_key.empty()) {
    object["authentication"] = {
        {"type", "sas"},
        {"symmetricKey", {{"primaryKey", module.primary_key}, {"secondaryKey", module.primary_key}}}};
  }
  return object.dump();
}

ScriptedCloud::Reply ScriptedCloud::AnswerHub(const std::string& verb, const std::string& id,
                                              const std::string& request) {
  const bool conditional = absl::StrContains(request, "\r\nIf-Match:");
  const std::string step = verb == "DELETE" ? "delete"
                           : verb == "PUT"  ? (conditional ? "update" : "create")
                           : id.empty()     ? "list"
                                            : "get";
  Hook hook;
  {
    std::lock_guard lock(mutex_);
    hook = hook_;
  }
  if (hook) hook(step, /*after=*/false);
  Reply reply = JsonReply("404 Not Found", R"({"Message":"ErrorCode:ModuleNotFound;no such module"})");
  {
    std::lock_guard lock(mutex_);
    if (step == "list") {
      std::string list;
      for (const auto& [name, module] : modules_)
        absl::StrAppend(&list, list.empty() ? "" : ",", Describe(name));
      reply = JsonReply("200 OK", absl::StrCat("[", list, "]"));
    } else if (step == "create") {
      if (modules_.contains(id)) {
        reply = JsonReply("409 Conflict", R"({"Message":"ErrorCode:ModuleAlreadyExistsOnDevice;exists"})");
      } else {
        modules_[id].generation = absl::StrCat("g", ++generation_);
        reply = JsonReply("200 OK", Describe(id));
      }
    } else if (modules_.contains(id)) {
      if (step == "update") {
        const Json body = Json::parse(request.substr(request.find("\r\n\r\n") + 4));
        modules_[id].primary_key = body.at("authentication").at("symmetricKey").at("primaryKey");
      }
      reply = JsonReply("200 OK", Describe(id));
      if (step == "delete") {
        modules_.erase(id);
        reply = {FormatReply("204 No Content")};
      }
    }
  }
  if (hook) hook(step, /*after=*/true);
  return reply;
}

}  // namespace aziot::tests
