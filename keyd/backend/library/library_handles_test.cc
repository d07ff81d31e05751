// The key that signs handles lies in the library, whose answers say less than those of our own stores.
#include <gmock/gmock.h>

#include "keyd/backend/library/testing/sample_library.h"
#include "keyd/handles/key_handles.h"

namespace aziot::keyd::library {
namespace {

class LibraryHandlesTest : public ::testing::TestWithParam<SampleVersion> {
 protected:
  std::unique_ptr<LibraryBackend> Open(SampleLibrary::Parameters parameters = {}) {
    return *sample_.Open(std::move(parameters));
  }

  const SampleLibrary sample_{GetParam()};
  const KeyId id_ = *KeyId::Parse("device-id");
  const KeyId validation_ = *KeyId::Parse(kHandleValidationKey);
};

TEST_P(LibraryHandlesTest, AFirstStartMakesTheKeyWhenAHandleIsMinted) {
  const auto backend = Open();
  KeyHandles handles(*backend);
  EXPECT_TRUE(absl::IsInvalidArgument(handles.Open("sr=AAAA&sig=AAAA").status()));
  EXPECT_TRUE(absl::IsNotFound(backend->LoadKey(validation_)));
  const auto handle = handles.MintKeyPair(id_);
  ASSERT_TRUE(handle.ok()) << handle.status();
  EXPECT_TRUE(backend->LoadKey(validation_).ok());
  EXPECT_EQ(handles.Open(*handle)->id, id_);
  EXPECT_EQ(handles.Open(*handles.MintDerived(*handles.MintKey(id_), Bytes{1, 2}))->derivation_data,
            (Bytes{1, 2}));
}

TEST_P(LibraryHandlesTest, HandlesOutliveTheProcess) {
  std::string handle;
  {
    const auto backend = Open();
    handle = *KeyHandles(*backend).MintKey(id_);
  }
  const auto backend = Open();
  const auto opened = KeyHandles(*backend).Open(handle);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->id, id_);
}

TEST_P(LibraryHandlesTest, AChangedHandleIsRefused) {
  const auto backend = Open();
  KeyHandles handles(*backend);
  std::string handle = *handles.MintKey(id_);
  char& last = handle[handle.size() - 2];
  last = last == 'A' ? 'E' : 'A';
  EXPECT_TRUE(absl::IsInvalidArgument(handles.Open(handle).status()));
}

TEST_P(LibraryHandlesTest, TroubleOfTheLibraryIsNoInvalidHandle) {
  std::string handle;
  {
    const auto backend = Open();
    handle = *KeyHandles(*backend).MintKey(id_);
  }
  const auto backend = Open({{"sample_fault", "code 2"}});
  KeyHandles handles(*backend);
  EXPECT_TRUE(absl::IsInternal(handles.Open(handle).status()));
  EXPECT_TRUE(absl::IsInternal(handles.MintKey(id_).status()));
}

INSTANTIATE_TEST_SUITE_P(Both, LibraryHandlesTest, ::testing::Values(SampleVersion::k20, SampleVersion::k21),
                         [](const auto& info) {
                           return info.param == SampleVersion::k21 ? "Version21" : "Version20";
                         });

}  // namespace
}  // namespace aziot::keyd::library
