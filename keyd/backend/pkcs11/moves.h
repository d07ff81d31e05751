// Renaming key pairs on a token, where one object after the other is changed and everything may end in
// between. The pair that is replaced is set aside under a label of its own, the private key that moves then
// gets its new label (this decides), its public half follows, and the old pair is destroyed. What is cut
// short before the decision is rolled back, after it forward.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/bytes/bytes.h"
#include "keyd/backend/pkcs11/object_name.h"
#include "keyd/backend/pkcs11/session.h"

namespace aziot::keyd::pkcs11 {

// kNotFound without a pair `from`, kInvalidArgument when one of the names is a symmetric key's or has no
// label.
// `renaming` is for repetitions of one move: it holds the CKA_ID of the private key once that is being
// renamed.
absl::Status MovePair(Session& session, const ObjectName& from, const ObjectName& to,
                      std::optional<Bytes>& renaming);
// Ends a move to `name` that was cut short. Call with `name` locked.
absl::Status EndCutMove(Session& session, const ObjectName& name);
// Labels that cut moves were to replace.
absl::StatusOr<std::vector<std::string>> FindCutMoves(Session& session);
// Destroys the pair, and what a cut move to it has left.
absl::Status DestroyPair(Session& session, const ObjectName& name);
// Public keys of that name whose private half does not exist are destroyed; one whose private half has moved
// on follows it.
absl::Status ClearLonePublicKeys(Session& session, const ObjectName& name);

}  // namespace aziot::keyd::pkcs11
