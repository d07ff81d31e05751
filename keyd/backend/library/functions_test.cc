#include "keyd/backend/library/functions.h"

#include <gmock/gmock.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/testing/temp_dir.h"
#include "keyd/backend/library/testing/sample_library.h"

// testing/header_in_c.c
extern "C" const uintptr_t size_of_list_2_1, size_of_list_2_0, offset_of_decrypt_2_1, offset_of_decrypt_2_0,
    size_of_aead, size_of_derived;

namespace aziot::keyd::library {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A library in this process, whose answers a test sets. Each list is its version and pointers in the
// interface's order, none of which is called here.
constexpr size_t kMostPointers = 15;
struct List {
  AZIOT_KEYS_VERSION version;
  const void* pointers[kMostPointers];
};
static_assert(sizeof(List) == sizeof(AZIOT_KEYS_FUNCTION_LIST_2_1_0_0));
static_assert(sizeof(AZIOT_KEYS_FUNCTION_LIST_2_0_0_0) ==
              offsetof(AZIOT_KEYS_FUNCTION_LIST_2_0_0_0, set_parameter) + 12 * sizeof(void*));

struct Answer {
  AZIOT_KEYS_RC code = AZIOT_KEYS_RC_ERR_INVALID_PARAMETER;
  List list = {};
  bool gives_list = true;
};
Answer answer_21, answer_20;
std::vector<AZIOT_KEYS_VERSION> asked;

AZIOT_KEYS_RC GetFunctionList(AZIOT_KEYS_VERSION version, const AZIOT_KEYS_FUNCTION_LIST** list) {
  asked.push_back(version);
  const Answer& answer = version == AZIOT_KEYS_VERSION_2_1_0_0 ? answer_21 : answer_20;
  if (answer.gives_list) *list = reinterpret_cast<const AZIOT_KEYS_FUNCTION_LIST*>(&answer.list);
  return answer.code;
}

Answer Complete(AZIOT_KEYS_VERSION version, size_t pointers) {
  Answer answer{.code = AZIOT_KEYS_RC_OK, .list = {.version = version}};
  // Distinct, and beyond a 2.0 list NULL: nobody may look there.
  for (size_t i = 0; i < pointers; ++i) answer.list.pointers[i] = reinterpret_cast<void*>(0x1000 + i);
  return answer;
}
Answer Complete21() { return Complete(AZIOT_KEYS_VERSION_2_1_0_0, 15); }
Answer Complete20() { return Complete(AZIOT_KEYS_VERSION_2_0_0_0, 12); }

class FunctionsTest : public ::testing::Test {
 protected:
  FunctionsTest() {
    answer_21 = answer_20 = {};
    asked.clear();
  }
  static absl::StatusOr<Functions> Read() { return ReadFunctions("/lib/keys.so", GetFunctionList); }
};

TEST_F(FunctionsTest, TheNewestVersionIsAskedForFirst) {
  answer_21 = Complete21();
  answer_20 = Complete20();
  const auto functions = Read();
  ASSERT_TRUE(functions.ok()) << functions.status();
  EXPECT_EQ(functions->version, 0x02010000u);
  EXPECT_EQ(asked, (std::vector<AZIOT_KEYS_VERSION>{0x02010000}));
}

TEST_F(FunctionsTest, TheOrderIsThatOfTheInterface) {
  answer_21 = Complete21();
  const auto at = [](auto function) {
    return static_cast<int>(reinterpret_cast<uintptr_t>(function) - 0x1000);
  };
  const Functions f = *Read();
  const int order[] = {at(f.set_parameter),
                       at(f.create_key_pair_if_not_exists),
                       at(f.move_key_pair),
                       at(f.load_key_pair),
                       at(f.get_key_pair_parameter),
                       at(f.delete_key_pair),
                       at(f.create_key_if_not_exists),
                       at(f.load_key),
                       at(f.import_key),
                       at(f.delete_key),
                       at(f.derive_key),
                       at(f.sign),
                       at(f.verify),
                       at(f.encrypt),
                       at(f.decrypt)};
  EXPECT_THAT(order, ::testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14));

  answer_21 = {};
  answer_20 = Complete20();
  const Functions g = *Read();
  const int old[] = {at(g.set_parameter),
                     at(g.create_key_pair_if_not_exists),
                     at(g.load_key_pair),
                     at(g.get_key_pair_parameter),
                     at(g.create_key_if_not_exists),
                     at(g.load_key),
                     at(g.import_key),
                     at(g.derive_key),
                     at(g.sign),
                     at(g.verify),
                     at(g.encrypt),
                     at(g.decrypt)};
  EXPECT_THAT(old, ::testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  EXPECT_EQ(g.move_key_pair, nullptr);
  EXPECT_EQ(g.delete_key, nullptr);
  EXPECT_EQ(g.delete_key_pair, nullptr);
}

TEST_F(FunctionsTest, AMissingPointerIsNamed) {
  constexpr absl::string_view kNames[] = {"set_parameter",
                                          "create_key_pair_if_not_exists",
                                          "move_key_pair",
                                          "load_key_pair",
                                          "get_key_pair_parameter",
                                          "delete_key_pair",
                                          "create_key_if_not_exists",
                                          "load_key",
                                          "import_key",
                                          "delete_key",
                                          "derive_key",
                                          "sign",
                                          "verify",
                                          "encrypt",
                                          "decrypt"};
  for (size_t i = 0; i < std::size(kNames); ++i) {
    answer_21 = Complete21();
    answer_21.list.pointers[i] = nullptr;
    const absl::Status status = Read().status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status));
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("/lib/keys.so"), HasSubstr(absl::StrCat("2.1.0.0 has no ", kNames[i]))));
  }
  for (size_t i = 0; i < 12; ++i) {
    answer_21 = {};
    answer_20 = Complete20();
    answer_20.list.pointers[i] = nullptr;
    EXPECT_TRUE(absl::IsFailedPrecondition(Read().status())) << i;
  }
}

TEST_F(FunctionsTest, AListOfAnotherVersionThanAskedForIsNotRead) {
  answer_21 = Complete(AZIOT_KEYS_VERSION_2_0_0_0, 12);
  answer_20 = Complete20();
  EXPECT_EQ(Read()->version, AZIOT_KEYS_VERSION_2_0_0_0);
  EXPECT_EQ(asked.size(), 2u);

  answer_20 = Complete(0x03000001, 15);
  const absl::Status status = Read().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("a list of version 3.0.0.1"));
}

TEST_F(FunctionsTest, NoListIsRefused) {
  answer_21 = answer_20 = {.code = AZIOT_KEYS_RC_OK, .gives_list = false};
  EXPECT_THAT(std::string(Read().status().message()), HasSubstr("gave no list"));
}

TEST_F(FunctionsTest, NeitherVersionIsRefused) {
  answer_20.code = AZIOT_KEYS_RC_ERR_EXTERNAL;
  const absl::Status status = Read().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("(2.1.0.0) returned 1 (invalid parameter)"),
                                                   HasSubstr("(2.0.0.0) returned 2 (external error)")));
  EXPECT_EQ(asked, (std::vector<AZIOT_KEYS_VERSION>{0x02010000, 0x02000000}));
}

// One word for the version, and then the pointers: 15 and 12 of them (keys-service.md, section 11).
TEST(HeaderTest, CSeesTheSameLayout) {
  EXPECT_EQ(size_of_list_2_1, 16 * sizeof(void*));
  EXPECT_EQ(size_of_list_2_0, 13 * sizeof(void*));
  EXPECT_EQ(offset_of_decrypt_2_1, 15 * sizeof(void*));
  EXPECT_EQ(offset_of_decrypt_2_0, 12 * sizeof(void*));
  EXPECT_EQ(size_of_aead, 4 * sizeof(void*));
  EXPECT_EQ(size_of_derived, 4 * sizeof(void*));
}

TEST(LoadFunctionsTest, BothSamplesLoad) {
  EXPECT_EQ(LoadFunctions(SampleLibrary::PathOf(SampleVersion::k21))->version, AZIOT_KEYS_VERSION_2_1_0_0);
  EXPECT_EQ(LoadFunctions(SampleLibrary::PathOf(SampleVersion::k20))->version, AZIOT_KEYS_VERSION_2_0_0_0);
}

TEST(LoadFunctionsTest, WhatIsNoKeyLibraryIsRefusedByName) {
  const aziot::testing::TempDir directory;
  const std::string text = directory.Join("text.so");
  const std::string torn = directory.Join("torn.so");
  ASSERT_TRUE(files::Replace(text, ToBytesView("not a library"), 0600).ok());
  const auto sample = files::Read(SampleLibrary::PathOf(SampleVersion::k21));
  ASSERT_TRUE(sample.ok());
  ASSERT_TRUE(files::Replace(torn, ToBytesView(sample->substr(0, 100)), 0600).ok());
  for (const std::string& path : {directory.Join("absent.so"), text, torn, directory.path()}) {
    const absl::Status status = LoadFunctions(path).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status));
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(absl::StrCat("key_library ", path, " cannot be used")));
  }
}

TEST(LoadFunctionsTest, ALibraryWithoutTheExportIsRefused) {
  const absl::Status status = LoadFunctions("libm.so.6").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("does not export aziot_keys_get_function_list"));
}

}  // namespace
}  // namespace aziot::keyd::library
