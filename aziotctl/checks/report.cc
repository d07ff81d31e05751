#include "aziotctl/checks/report.h"

#include <unistd.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace aziot::ctl {
namespace {

using Json = nlohmann::ordered_json;

constexpr absl::string_view kWords[] = {"ok", "ignored", "skipped", "warning", "error", "fatal"};

Json ToJson(const Result& result) {
  Json json = {{"result", std::string(kWords[static_cast<int>(result.kind)])}};
  if (result.kind >= Result::Kind::kWarning) json["details"] = result.details;
  return json;
}

Json InfoOf(const nlohmann::json& info) {
  Json ordered = Json::object();
  for (const auto& [name, value] : info.items()) ordered[name] = value;
  return ordered;
}

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

class TextReport final : public Report {
 public:
  TextReport(bool verbose, std::FILE* out)
      : verbose_(verbose), colour_(isatty(fileno(out)) != 0), out_(out) {}

  void Section(absl::string_view name) override {
    std::fprintf(out_, "%s%s\n%s\n", first_ ? "" : "\n", std::string(name).c_str(),
                 std::string(name.size(), '-').c_str());
    first_ = false;
  }
  void Add(const Check& check, const Result& result, const nlohmann::json&) override {
    ++counts_[result.kind];
    switch (result.kind) {
      case Result::Kind::kIgnored:
        return;
      case Result::Kind::kSkipped:
        if (verbose_) Line("‼", "33", check, "Skipped", {});
        return;
      case Result::Kind::kOk:
        return Line("√", "32", check, "OK", {});
      case Result::Kind::kWarning:
        return Line("‼", "33", check, "Warning", result.details);
      case Result::Kind::kError:
      case Result::Kind::kFatal:
        return Line("×", "31", check, "Error", result.details);
    }
  }
  void End(const Json&) override {
    const auto count = [&](Result::Kind kind) { return counts_[kind]; };
    const char* hint = verbose_ ? "" : " Re-run with --verbose for more details.";
    std::fprintf(out_, "\n%d check(s) succeeded.\n",
                 count(Result::Kind::kOk) + count(Result::Kind::kIgnored));
    if (const int n = count(Result::Kind::kWarning); n > 0)
      std::fprintf(out_, "%d check(s) raised warnings.%s\n", n, hint);
    if (const int n = count(Result::Kind::kError) + count(Result::Kind::kFatal); n > 0) {
      std::fprintf(out_, "%d check(s) raised errors.%s\n", n, hint);
    }
    if (const int n = count(Result::Kind::kSkipped); n > 0) {
      std::fprintf(out_, "%d check(s) were skipped due to errors from other checks.%s\n", n, hint);
    }
    std::fprintf(out_, "\n");
  }

 private:
  void Line(const char* mark, const char* colour, const Check& check, const char* word,
            const std::vector<std::string>& details) {
    const std::string text = absl::StrCat(mark, " ", check.description, " - ", word);
    std::fprintf(out_, colour_ ? "\033[%sm%s\033[0m\n" : "%.0s%s\n", colour, text.c_str());
    for (size_t i = 0; i < details.size(); ++i) {
      if (i > 0 && !verbose_) break;
      std::fprintf(out_, "    %s%s\n", i == 0 ? "" : "    caused by: ",
                   absl::StrReplaceAll(details[i], {{"\n", "\n    "}}).c_str());
    }
  }

  const bool verbose_;
  const bool colour_;
  std::FILE* const out_;
  bool first_ = true;
  std::map<Result::Kind, int> counts_;
};

class JsonReport final : public Report {
 public:
  explicit JsonReport(std::FILE* out) : out_(out) {}
  void Section(absl::string_view) override {}
  void Add(const Check& check, const Result& result, const nlohmann::json& info) override {
    checks_[std::string(check.id)] = {{"result", ToJson(result)}, {"additional_info", InfoOf(info)}};
  }
  void End(const Json& machine) override {
    Json checks = Json::object();
    for (const auto& [id, check] : checks_) checks[id] = check;
    std::fprintf(out_, "%s\n", Dump({{"additional_info", machine}, {"checks", checks}}).c_str());
  }

 private:
  std::FILE* const out_;
  std::map<std::string, Json> checks_;
};

// Objects without separators, each flushed; the only line break is the last byte.
class StreamReport final : public Report {
 public:
  explicit StreamReport(std::FILE* out) : out_(out) {}
  void Section(absl::string_view name) override { Put({{"kind", "section"}, {"name", std::string(name)}}); }
  void Add(const Check& check, const Result& result, const nlohmann::json& info) override {
    Put({{"kind", "check"},
         {"id", std::string(check.id)},
         {"description", std::string(check.description)},
         {"result", ToJson(result)},
         {"additional_info", InfoOf(info)}});
  }
  void End(const Json& machine) override {
    Json object = {{"kind", "additional_info"}};
    for (const auto& [name, value] : machine.items()) object[name] = value;
    Put(object);
    std::fprintf(out_, "\n");
    std::fflush(out_);
  }

 private:
  void Put(const Json& object) {
    std::fprintf(out_, "%s", Dump(object).c_str());
    std::fflush(out_);
  }
  std::FILE* const out_;
};

}  // namespace

std::unique_ptr<Report> NewReport(absl::string_view format, bool verbose, std::FILE* out) {
  if (format == "json") return std::make_unique<JsonReport>(out);
  if (format == "json-stream") return std::make_unique<StreamReport>(out);
  return std::make_unique<TextReport>(verbose, out);
}

}  // namespace aziot::ctl
