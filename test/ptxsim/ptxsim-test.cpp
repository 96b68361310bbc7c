//===- ptxsim-test.cpp - The simulator itself -----------------------------===//
//
// Part of attnc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Instructions against their definitions, and kernels with faults, which must be noticed: a simulator that overlooks
// them would prove nothing.
//
//===----------------------------------------------------------------------===//

#include "test/ptxsim/Machine.h"
#include <bit>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace ptxsim;
using testing::HasSubstr;

namespace {
/// A kernel of two parameters, the address of an array and a number, around `body`; %a and %n hold them.
std::string kernelText(const std::string &body) {
  return ".version 7.0\n.target sm_80\n.address_size 64\n"
         ".visible .entry k(\n.param .u64 .ptr .align 1 k_param_0,\n.param .b64 k_param_1\n)\n.maxntid 64\n{\n"
         ".reg .b64 %a, %n;\nld.param.b64 %a, [k_param_0];\nld.param.b64 %n, [k_param_1];\n"
         "cvta.to.global.u64 %a, %a;\n" +
         body + "\nret;\n}\n";
}

class Simulated : public testing::Test {
  Memory memory;

protected:
  uint64_t array = memory.allocate(64);
  template <typename T>
  T &at(int index) {
    return reinterpret_cast<T *>(array)[index];
  }
  void run(const std::string &text, int64_t number = 0, int64_t blocks = 1, int64_t threads = 1) {
    Machine machine(memory, text);
    void *parameters[] = {&array, &number};
    machine.launch(machine.code().functions.back(), blocks, threads, parameters);
  }
  /// The message of what goes wrong.
  std::string faultOf(const std::string &text, int64_t number = 0) {
    try {
      run(text, number);
    } catch (const Error &error) {
      return error.what();
    }
    return "no error";
  }
  /// `instruction` with result %r and operands %x, %y, of 32 bits.
  uint32_t value(const std::string &instruction, uint32_t x, uint32_t y = 0) {
    at<uint32_t>(0) = x;
    at<uint32_t>(1) = y;
    run(kernelText("ld.global.b32 %x, [%a]; ld.global.b32 %y, [%a+4];\n" + instruction +
                   "\nst.global.b32 [%a+8], %r;"));
    return at<uint32_t>(2);
  }
  float real(const std::string &instruction, float x, float y = 0) {
    return std::bit_cast<float>(value(instruction, std::bit_cast<uint32_t>(x), std::bit_cast<uint32_t>(y)));
  }
};
} // namespace

TEST_F(Simulated, floats) {
  EXPECT_EQ(real("fma.rn.f32 %r, %x, %y, 0fBF800000;", 3, 5), 14);
  EXPECT_EQ(real("ex2.approx.f32 %r, %x;", -INFINITY), 0);
  EXPECT_EQ(real("ex2.approx.f32 %r, %x;", 3), 8);
  EXPECT_TRUE(std::isnan(real("ex2.approx.f32 %r, %x;", NAN)));
  EXPECT_EQ(real("max.f32 %r, %x, %y;", NAN, 2), 2);
  EXPECT_TRUE(std::isnan(real("max.NaN.f32 %r, %x, %y;", NAN, 2)));
  EXPECT_EQ(real("copysign.f32 %r, %x, %y;", -1, 7), -7); // the sign comes first
  EXPECT_EQ(real("cvt.rni.f32.f32 %r, %x;", 2.5f), 2);
  EXPECT_EQ(real("cvt.rmi.f32.f32 %r, %x;", -2.5f), -3);
  EXPECT_EQ(real("cvt.rn.f32.s32 %r, -7;", 0), -7);
  EXPECT_EQ(value("cvt.rzi.s32.f32 %r, %x;", std::bit_cast<uint32_t>(1e20f)), 0x7fffffffu);
  EXPECT_EQ(value("cvt.rn.bf16x2.f32 %r, %x, %y;", 0x40490fdb, 0x3f800000), 0x40493f80u);
  EXPECT_EQ(value("cvt.rn.f16.f32 %r, %x;", std::bit_cast<uint32_t>(65520.0f)) & 0xffff, 0x7c00u);
  EXPECT_EQ(value("cvt.rn.f16.f32 %r, %x;", std::bit_cast<uint32_t>(0x1p-24f)) & 0xffff, 1u);
}

TEST_F(Simulated, integers) {
  EXPECT_EQ(value("shl.b32 %r, %x, %y;", 1, 40), 0u); // shifts clamp
  EXPECT_EQ(value("shr.s32 %r, %x, 40;", 0x80000000), 0xffffffffu);
  EXPECT_EQ(value("mul.hi.u32 %r, %x, %y;", 0xffffffff, 0xffffffff), 0xfffffffeu);
  EXPECT_EQ(value("rem.s32 %r, %x, %y;", uint32_t(-7), 3), uint32_t(-1));
  EXPECT_EQ(value("bfe.u32 %r, %x, 4, 8;", 0x12345678), 0x67u);
  EXPECT_EQ(value("prmt.b32 %r, %x, %y, 0x5410;", 0x11112222, 0x33334444), 0x44442222u);
  EXPECT_EQ(value("mov.b32 {%l, %h}, %x; mov.b32 %r, {%h, %l};", 0x11112222), 0x22221111u);
  EXPECT_EQ(value("setp.lt.u32 %p, %x, %y; selp.b32 %r, 1, 2, %p;", 0xffffffff, 0), 2u);
  EXPECT_EQ(value("setp.lt.s32 %p, %x, %y; selp.b32 %r, 1, 2, %p;", 0xffffffff, 0), 1u);
}

TEST_F(Simulated, threadsFindTheirPlace) {
  run(kernelText("mov.u32 %c, %ctaid.x; mov.u32 %t, %tid.x; mov.u32 %d, %ntid.x;\n"
                 "mad.lo.s32 %i, %c, %d, %t; mul.wide.u32 %o, %i, 4; add.s64 %a, %a, %o; st.global.b32 [%a], %i;"),
      0, /*blocks=*/4, /*threads=*/4);
  for (uint32_t i = 0; i < 16; ++i)
    EXPECT_EQ(at<uint32_t>(i), i);
}

TEST_F(Simulated, calls) {
  std::string square =
      ".func (.param .b32 func_retval0) square(.param .b32 square_param_0)\n{\n"
      "ld.param.b32 %x, [square_param_0]; mul.lo.s32 %x, %x, %x; st.param.b32 [func_retval0], %x; ret;\n}\n";
  run(square + kernelText("{ .param .b32 param0; st.param.b32 [param0], 9; .param .b32 retval0;\n"
                          "call.uni (retval0), square, (param0); ld.param.b32 %r, [retval0]; }\n"
                          "st.global.b32 [%a], %r;"));
  EXPECT_EQ(at<uint32_t>(0), 81u);
}

TEST_F(Simulated, branches) {
  std::string text = kernelText("mov.b64 %s, 0;\n$L_again:\nadd.s64 %s, %s, %n; add.s64 %n, %n, -1;\n"
                                "setp.gt.s64 %p, %n, 0; @%p bra $L_again;\nst.global.b64 [%a], %s;");
  run(text, 4);
  EXPECT_EQ(at<int64_t>(0), 10);
}

TEST_F(Simulated, faultsAreNoticed) {
  EXPECT_THAT(faultOf(kernelText("ld.global.b32 %r, [%a+64];")), HasSubstr("illegal address"));
  EXPECT_THAT(faultOf(kernelText("ld.global.b32 %r, [%a+61];")), HasSubstr("misaligned address"));
  EXPECT_THAT(faultOf(kernelText("st.local.b32 [%a], 0;")), HasSubstr("illegal address"));
  EXPECT_THAT(faultOf(kernelText("ld.global.b64 %r, [%n];"), 8), HasSubstr("illegal address"));
  EXPECT_THAT(faultOf(kernelText("div.s64 %r, %a, %n;")), HasSubstr("division by zero"));
  EXPECT_THAT(faultOf(kernelText("bar.sync 0;")), HasSubstr("unknown instruction 'bar'"));
  EXPECT_THAT(faultOf(kernelText("add.rz.x9 %r, %a, %n;")), HasSubstr("unknown modifier '.x9'"));
  EXPECT_THAT(faultOf(kernelText("bra $L_nowhere;")), HasSubstr("no label '$L_nowhere'"));
  EXPECT_THAT(faultOf(".extern .func f;"), HasSubstr(".extern"));
  EXPECT_THAT(faultOf(kernelText("call.uni f;")), HasSubstr("no function 'f'"));
  EXPECT_THAT(faultOf("hello"), HasSubstr("unknown directive 'hello'"));
}
