#include "common/openssl/error_queue.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>

namespace aziot::openssl {
namespace {

TEST(ErrorQueue, EmptiesTheQueueIntoOneStatus) {
  ERR_clear_error();
  ERR_raise_data(ERR_LIB_PEM, PEM_R_NO_START_LINE, "at line %d", 7);
  ERR_raise(ERR_LIB_PEM, PEM_R_BAD_END_LINE);
  EXPECT_EQ(ErrorFromQueue(absl::StatusCode::kInvalidArgument, "reading"),
            absl::InvalidArgumentError("reading: no start line (at line 7); bad end line"));
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(ErrorQueue, AnEmptyQueueIsStillAFailure) {
  ERR_clear_error();
  EXPECT_EQ(ErrorFromQueue(absl::StatusCode::kInternal, "reading"),
            absl::InternalError("reading: OpenSSL gives no reason"));
}

}  // namespace
}  // namespace aziot::openssl
