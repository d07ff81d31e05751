// Early return on failure. The only two macros of the project: they keep the successful path at the left
// margin.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns from the calling function when `expression` (an absl::Status) is not OK.
#define RETURN_IF_ERROR(expression)                           \
  do {                                                        \
    if (absl::Status status_ = (expression); !status_.ok()) { \
      return status_;                                         \
    }                                                         \
  } while (false)

#define AZIOT_CONCAT_INNER_(a, b) a##b
#define AZIOT_CONCAT_(a, b) AZIOT_CONCAT_INNER_(a, b)
#define AZIOT_ASSIGN_OR_RETURN_(holder, lhs, expression) \
  auto holder = (expression);                            \
  if (!holder.ok()) {                                    \
    return std::move(holder).status();                   \
  }                                                      \
  lhs = *std::move(holder)

// Assigns the value of an absl::StatusOr to `lhs` (which may declare a variable), or returns its status.
#define ASSIGN_OR_RETURN(lhs, expression) \
  AZIOT_ASSIGN_OR_RETURN_(AZIOT_CONCAT_(status_or_, __LINE__), lhs, expression)
