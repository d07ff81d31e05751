// A PKCS#11 module that misbehaves on command, for tests and benchmarks: libaziot_faulty_pkcs11.so in the
// build tree's test/ directory. It hands every call to the module named by AZIOT_FAULTY_BEHIND, unless a rule
// of the file AZIOT_FAULTY_CONTROL says otherwise. That file is read at every call, may be absent, and is
// replaced (not rewritten) to change the rules; counts begin anew whenever its content changes. One rule a
// line; for each call all rules that fit are applied in their order until one ends it:
//
//   C_Sign CKR_DEVICE_REMOVED       returns that, without calling the module behind
//   C_Sign 0x80000001               the same, any code
//   C_Sign then CKR_DEVICE_ERROR    calls the module behind, and says that anyway
//   C_Sign sleep 200                milliseconds, then goes on
//   C_Login crash                   the process dies by SIGSEGV
//   C_Login kill                    the process dies by SIGKILL
//   C_FindObjects hang              never returns
//   * sleep 200                     every function
//
// with, after the rule, in this order: `skip N`, the first N calls of it pass; `times N`, N calls after those
// are hit, and then no more.
//
// AZIOT_FAULTY_LOG names a file to which each call appends one line: the function, a blank, the code it
// returned. It is written when the call ends, so a call that crashes or hangs leaves none.
//
// An own copy of Cryptoki's types and the standard library is all it needs.
#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "keyd/backend/pkcs11/ckr_names.h"

namespace {

struct Rule {
  std::string function;
  std::string action;
  unsigned long argument = 0;  // a code or milliseconds
  long skip = 0;
  long times = -1;
};

unsigned long CodeOf(const std::string& text) {
  for (const auto& row : aziot::keyd::pkcs11::kCkrNames) {
    if (text == row.name) return row.code;
  }
  return std::strtoul(text.c_str(), nullptr, 0);
}

[[noreturn]] void Refuse(const std::string& why) {
  std::fprintf(stderr, "faulty module: %s\n", why.c_str());
  std::abort();
}

Rule ParseRule(const std::string& line) {
  std::istringstream words(line);
  Rule rule;
  std::string word;
  words >> rule.function >> rule.action;
  if (rule.action == "sleep") {
    words >> rule.argument;
  } else if (rule.action == "then") {
    words >> word;
    rule.argument = CodeOf(word);
  } else if (rule.action != "crash" && rule.action != "kill" && rule.action != "hang") {
    rule.argument = CodeOf(rule.action);
    rule.action = "return";
    if (rule.argument == 0) Refuse("no rule: " + line);
  }
  while (words >> word) {
    if (word == "skip") {
      words >> rule.skip;
    } else if (word == "times") {
      words >> rule.times;
    } else {
      Refuse("no rule: " + line);
    }
  }
  return rule;
}

class Rules {
 public:
  // The rules that hit this call.
  std::vector<Rule> Of(const char* function) {
    std::lock_guard lock(mutex_);
    Read();
    std::vector<Rule> hits;
    for (Rule& rule : rules_) {
      if (rule.function != "*" && rule.function != function) continue;
      if (rule.skip > 0) {
        --rule.skip;
        continue;
      }
      if (rule.times == 0) continue;
      if (rule.times > 0) --rule.times;
      hits.push_back(rule);
      if (rule.action != "sleep") break;
    }
    return hits;
  }

 private:
  void Read() {
    const char* path = std::getenv("AZIOT_FAULTY_CONTROL");
    if (path == nullptr) return;
    std::ifstream in(path, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(in)), {});
    if (text == text_) return;
    text_ = text;
    rules_.clear();
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (!line.empty()) rules_.push_back(ParseRule(line));
    }
  }

  std::mutex mutex_;
  std::string text_;
  std::vector<Rule> rules_;
};

Rules& TheRules() {
  static Rules* const rules = new Rules;
  return *rules;
}

void Log(const char* function, CK_RV code) {
  const char* path = std::getenv("AZIOT_FAULTY_LOG");
  if (path == nullptr) return;
  const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  char line[128];
  const int size = std::snprintf(line, sizeof line, "%s 0x%lx\n", function, code);
  if (write(fd, line, static_cast<size_t>(size)) != size) std::perror(path);
  close(fd);
}

[[noreturn]] void Die(int signal) {
  std::signal(signal, SIG_DFL);
  std::raise(signal);
  std::abort();
}

CK_FUNCTION_LIST* Behind() {
  static CK_FUNCTION_LIST* const list = [] {
    const char* path = std::getenv("AZIOT_FAULTY_BEHIND");
    void* const library = path == nullptr ? nullptr : dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) Refuse("AZIOT_FAULTY_BEHIND names no module");
    CK_FUNCTION_LIST* functions = nullptr;
    const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
    if (get == nullptr || get(&functions) != CKR_OK) Refuse("AZIOT_FAULTY_BEHIND is no module");
    return functions;
  }();
  return list;
}

template <class Call>
CK_RV Misbehave(const char* function, const Call& call) {
  for (const Rule& rule : TheRules().Of(function)) {
    if (rule.action == "sleep") std::this_thread::sleep_for(std::chrono::milliseconds(rule.argument));
    if (rule.action == "crash") Die(SIGSEGV);
    if (rule.action == "kill") Die(SIGKILL);
    if (rule.action == "hang") {
      for (;;) pause();
    }
    if (rule.action == "then") call();
    if (rule.action == "return" || rule.action == "then") return rule.argument;
  }
  return call();
}

template <auto Member>
struct Forward;

template <class... Arguments, CK_RV (*CK_FUNCTION_LIST::*Member)(Arguments...)>
struct Forward<Member> {
  static inline const char* name = nullptr;
  static CK_RV Call(Arguments... arguments) {
    const CK_RV code = Misbehave(name, [&] { return (Behind()->*Member)(arguments...); });
    Log(name, code);
    return code;
  }
};

CK_FUNCTION_LIST* List() {
  static CK_FUNCTION_LIST* const list = [] {
    auto* const made = new CK_FUNCTION_LIST(*Behind());
#define AZIOT_FORWARD(function)                            \
  Forward<& CK_FUNCTION_LIST::function>::name = #function; \
  made->function = Forward<&CK_FUNCTION_LIST::function>::Call
    AZIOT_FORWARD(C_Initialize);
    AZIOT_FORWARD(C_Finalize);
    AZIOT_FORWARD(C_GetInfo);
    AZIOT_FORWARD(C_GetSlotList);
    AZIOT_FORWARD(C_GetSlotInfo);
    AZIOT_FORWARD(C_GetTokenInfo);
    AZIOT_FORWARD(C_GetMechanismList);
    AZIOT_FORWARD(C_GetMechanismInfo);
    AZIOT_FORWARD(C_OpenSession);
    AZIOT_FORWARD(C_CloseSession);
    AZIOT_FORWARD(C_CloseAllSessions);
    AZIOT_FORWARD(C_GetSessionInfo);
    AZIOT_FORWARD(C_Login);
    AZIOT_FORWARD(C_Logout);
    AZIOT_FORWARD(C_CreateObject);
    AZIOT_FORWARD(C_CopyObject);
    AZIOT_FORWARD(C_DestroyObject);
    AZIOT_FORWARD(C_GetAttributeValue);
    AZIOT_FORWARD(C_SetAttributeValue);
    AZIOT_FORWARD(C_FindObjectsInit);
    AZIOT_FORWARD(C_FindObjects);
    AZIOT_FORWARD(C_FindObjectsFinal);
    AZIOT_FORWARD(C_EncryptInit);
    AZIOT_FORWARD(C_Encrypt);
    AZIOT_FORWARD(C_DecryptInit);
    AZIOT_FORWARD(C_Decrypt);
    AZIOT_FORWARD(C_SignInit);
    AZIOT_FORWARD(C_Sign);
    AZIOT_FORWARD(C_VerifyInit);
    AZIOT_FORWARD(C_Verify);
    AZIOT_FORWARD(C_GenerateKey);
    AZIOT_FORWARD(C_GenerateKeyPair);
    AZIOT_FORWARD(C_GenerateRandom);
#undef AZIOT_FORWARD
    return made;
  }();
  return list;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
  *list = List();
  return CKR_OK;
}
