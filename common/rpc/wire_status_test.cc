#include "common/rpc/wire_status.h"

#include <gtest/gtest.h>

#include "common/rpc/errors.h"

namespace aziot::rpc {
namespace {

struct WireCase {
  const char* name;
  absl::Status status;
  int http;
  int grpc;
  std::string message;
  bool withheld = false;
};
class WireStatusTest : public testing::TestWithParam<WireCase> {};

TEST_P(WireStatusTest, IsWhatTheCallerSees) {
  const WireCase& c = GetParam();
  const WireStatus wire = ToWire(c.status);
  EXPECT_EQ(wire.http, c.http);
  EXPECT_EQ(wire.grpc, c.grpc);
  EXPECT_EQ(wire.message, c.message);
  EXPECT_EQ(wire.text_withheld, c.withheld);
}

constexpr char kInvalid[] = "a parameter has an invalid value";

INSTANTIATE_TEST_SUITE_P(
    All, WireStatusTest,
    testing::Values(
        WireCase{"Ok", absl::OkStatus(), 200, 0, ""},
        WireCase{"Parameter", InvalidParameter("id", "no such key"), 400, 3,
                 "parameter \"id\" has an invalid value\ncaused by: no such key"},
        WireCase{"ParameterWithoutCause", InvalidParameter("id", ""), 400, 3,
                 "parameter \"id\" has an invalid value"},
        WireCase{"BadRequest", BadRequest("missing request body"), 400, 3, "missing request body"},
        WireCase{"State", WrongState("device identity not found"), 400, 9, "device identity not found"},
        WireCase{"NotAuthorized", NotAuthorized("user 7 is not authorized"), 401, 7,
                 "user 7 is not authorized"},
        WireCase{"Unprocessable", Unprocessable("missing member"), 422, 3, "missing member"},
        WireCase{"Peer", PeerFailed("Hub client error", "timed out"), 404, 14,
                 "Hub client error\ncaused by: timed out"},
        WireCase{"NoRoute", NoRoute(), 404, 5, "not found"},
        WireCase{"Busy", Busy("too many requests wait"), 503, 8, "too many requests wait"},
        WireCase{"Internal", InternalError("CKR_DEVICE_ERROR"), 500, 13, "internal error", true},
        WireCase{"TooLate", RequestRefused(408), 408, 4, "deadline has elapsed"},
        WireCase{"ContentType", RequestRefused(415), 415, 3, "request body must be application/json"},
        WireCase{"BodyTooLarge", RequestRefused(413), 413, 8, "request body too large"},
        WireCase{"TargetTooLong", RequestRefused(414), 414, 8, "request target too long"},
        WireCase{"HeaderTooLarge", RequestRefused(431), 431, 8, "request header too large"},
        WireCase{"NotHttp", RequestRefused(400), 400, 3, "bad request"},
        WireCase{"BareInvalid", absl::InvalidArgumentError("the library says"), 400, 3, kInvalid, true},
        WireCase{"BareNotFound", absl::NotFoundError("/var/lib/x"), 400, 3, kInvalid, true},
        WireCase{"BareUnimplemented", absl::UnimplementedError("x"), 400, 3, kInvalid, true},
        WireCase{"BareUnavailable", absl::UnavailableError("x"), 500, 13, "internal error", true},
        WireCase{"BarePermission", absl::PermissionDeniedError("x"), 500, 13, "internal error", true},
        WireCase{"BareDeadline", absl::DeadlineExceededError("x"), 500, 13, "internal error", true}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace aziot::rpc
