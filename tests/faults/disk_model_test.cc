// The model finds what careless writing loses, and finds nothing where the order is right.
#include "tests/faults/disk_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aziot::tests::faults {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::Key;
using ::testing::Not;

RecordedCall Of(Call call, const std::string& path, const std::string& other = "",
                const std::string& data = "") {
  return {.call = call, .number = 0600, .path = "/d" + path, .other = "/d" + other, .data = data};
}

const Disk kBefore = {{"f", {.is_directory = false, .mode = 0600, .uid = 0, .gid = 0, .content = "old"}}};

std::set<std::string> ContentsOf(const std::set<Disk>& disks, const std::string& name) {
  std::set<std::string> contents;
  for (const Disk& disk : disks) contents.insert(disk.contains(name) ? disk.at(name).content : "(absent)");
  return contents;
}

TEST(DiskModel, AWriteInTheRightOrderIsOldOrNewAndSafeAtItsEnd) {
  const std::vector<RecordedCall> calls = {Of(Call::kCreate, "/t"), Of(Call::kWrite, "/t", "", "newer"),
                                           Of(Call::kSync, "/t"), Of(Call::kRename, "/t", "/f"),
                                           Of(Call::kSync, "")};
  const CrashStates states = StatesOf(kBefore, calls, "/d");
  EXPECT_EQ(ContentsOf(states.during, "f"), (std::set<std::string>{"old", "newer"}));
  EXPECT_EQ(ContentsOf(states.after, "f"), (std::set<std::string>{"newer"}));
  EXPECT_THAT(states.after, Each(Not(Contains(Key("t")))));
}

TEST(DiskModel, WithoutASyncOfTheFileItsContentIsLostTornOrZero) {
  const std::vector<RecordedCall> calls = {Of(Call::kCreate, "/t"), Of(Call::kWrite, "/t", "", "newer"),
                                           Of(Call::kRename, "/t", "/f"), Of(Call::kSync, "")};
  EXPECT_EQ(ContentsOf(StatesOf(kBefore, calls, "/d").after, "f"),
            (std::set<std::string>{"newer", "", "ne", std::string(5, '\0')}));
}

TEST(DiskModel, WithoutASyncOfTheDirectoryTheNameMayStayOld) {
  const std::vector<RecordedCall> calls = {Of(Call::kCreate, "/t"), Of(Call::kWrite, "/t", "", "newer"),
                                           Of(Call::kSync, "/t"), Of(Call::kRename, "/t", "/f")};
  EXPECT_EQ(ContentsOf(StatesOf(kBefore, calls, "/d").after, "f"), (std::set<std::string>{"old", "newer"}));
  EXPECT_EQ(ContentsOf(StatesOf(kBefore, {Of(Call::kUnlink, "/f")}, "/d").after, "f"),
            (std::set<std::string>{"old", "(absent)"}));
}

TEST(DiskModel, WritingInPlaceTearsTheOldContent) {
  RecordedCall truncate = Of(Call::kTruncate, "/f");
  truncate.number = 0;
  const std::vector<RecordedCall> calls = {truncate, Of(Call::kWrite, "/f", "", "newer"),
                                           Of(Call::kSync, "/f")};
  EXPECT_THAT(ContentsOf(StatesOf(kBefore, calls, "/d").during, "f"), Contains(""));
}

TEST(DiskModel, WhatIsInADirectoryThatWasNotSyncedMayBeGoneWithIt) {
  const std::vector<RecordedCall> calls = {Of(Call::kMakeDirectory, "/new"), Of(Call::kCreate, "/new/g"),
                                           Of(Call::kWrite, "/new/g", "", "x"), Of(Call::kSync, "/new/g"),
                                           Of(Call::kSync, "/new")};
  EXPECT_EQ(ContentsOf(StatesOf({}, calls, "/d").after, "new/g"), (std::set<std::string>{"x", "(absent)"}));
}

}  // namespace
}  // namespace aziot::tests::faults
