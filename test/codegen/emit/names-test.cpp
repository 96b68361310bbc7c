//===- names-test.cpp - What entries and parameters are called in C -------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/emit/Names.h"
#include <gtest/gtest.h>

using namespace attnc::emit;

TEST(EntryIdentifier, KeepsWhatIsOne) {
  for (const char *name : {"causal", "Enc2", "a_b"})
    EXPECT_EQ(entryIdentifier(name), name);
}

TEST(EntryIdentifier, MakesOneOfAnythingElse) {
  EXPECT_EQ(entryIdentifier("enc.v2"), "enc_v2");
  EXPECT_EQ(entryIdentifier("x__plan"), "x_plan");
  EXPECT_EQ(entryIdentifier("2x"), "attn_2x");
}

TEST(EntryIdentifier, TakesNothingFromTheLanguagesNorTheLibrary) {
  for (const char *name : {"memcpy", "open", "double", "co_await", "typeof_unqual"})
    EXPECT_EQ(entryIdentifier(name), std::string("attn_") + name);
}

TEST(EntryNames, NumberWhatIsTaken) {
  EntryNames names;
  std::string first = names.pick("f"), second = names.pick("f");
  EXPECT_EQ(first, "f");
  EXPECT_NE(second, first);
  EXPECT_EQ(names.pick("g"), "g");
}

// f takes f_raw: what is called so gets another name.
TEST(EntryNames, CountTheFormsOfAnEntry) {
  EntryNames names;
  EXPECT_EQ(names.pick("f"), "f");
  EXPECT_NE(names.pick("f_raw"), "f_raw");
  EXPECT_NE(names.pick("f_entry"), "f_entry");
}

TEST(LocalNames, AvoidTheirScopeAndEachOther) {
  LocalNames names({"options", "why"});
  EXPECT_EQ(names.pick("q"), "q");
  EXPECT_NE(names.pick("options"), "options");
  EXPECT_NE(names.pick("q"), "q");
  EXPECT_NE(names.pick("int"), "int");
}
