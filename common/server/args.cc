#include "common/server/args.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace aziot::server {
namespace {

constexpr int kUsageError = 2;

std::string Usage(absl::string_view name, absl::string_view more_options) {
  const std::string upper = absl::AsciiStrToUpper(name);
  return absl::StrCat("Usage: aziot-", name, " [--root DIR]\n\n",
                      "  --root DIR   goes before every built-in path: configuration, sockets, state\n",
                      more_options, "  --version    prints the version\n",
                      "  --help       prints this text\n\n", "Environment: AZIOT_", upper, "_CONFIG, AZIOT_",
                      upper, "_CONFIG_DIR, AZIOT_LOG\n");
}

[[noreturn]] void Refuse(absl::string_view name, absl::string_view problem, const std::string& usage) {
  const std::string text = absl::StrCat("aziot-", name, ": ", problem, "\n", usage);
  std::fputs(text.c_str(), stderr);
  std::exit(kUsageError);
}

[[noreturn]] void Answer(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::exit(0);
}

std::string FromEnvironment(const std::string& variable, std::string otherwise) {
  const char* value = std::getenv(variable.c_str());
  return value != nullptr && *value != '\0' ? value : std::move(otherwise);
}

}  // namespace

Args ParseArgs(absl::string_view name, int argc, char** argv, absl::string_view more_options) {
  const std::string usage = Usage(name, more_options);
  Args args;
  for (int i = 1; i < argc; ++i) {
    absl::string_view word = argv[i];
    if (word == "--help" || word == "-h") Answer(usage);
    if (word == "--version" || word == "-V") Answer(absl::StrCat("aziot-", name, " ", AZIOT_VERSION, "\n"));
    if (word == "--root") {
      if (++i == argc) Refuse(name, "--root needs a directory", usage);
      args.root = argv[i];
    } else if (absl::ConsumePrefix(&word, "--root=")) {
      args.root = std::string(word);
    } else {
      Refuse(name, absl::StrCat("unknown argument '", word, "'"), usage);
    }
  }
  while (!args.root.empty() && args.root.back() == '/') args.root.pop_back();

  const std::string variable = absl::StrCat("AZIOT_", absl::AsciiStrToUpper(name), "_CONFIG");
  args.config_file =
      FromEnvironment(variable, args.Rooted(absl::StrCat("/etc/aziot/", name, "/config.toml")));
  args.config_dir =
      FromEnvironment(variable + "_DIR", args.Rooted(absl::StrCat("/etc/aziot/", name, "/config.d")));
  args.socket = args.Rooted(absl::StrCat("/run/aziot/", name, ".sock"));
  std::error_code ignored;  // without /proc the prefix is empty, and modules are looked for under /
  args.prefix =
      std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().parent_path().parent_path();
  return args;
}

}  // namespace aziot::server
