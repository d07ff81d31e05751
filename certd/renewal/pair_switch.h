// Replaces a certificate and its key pair together or not at all, whenever certd, keyd or the power fails:
// the new chain is written beside the old one, then keyd moves the fresh pair over the old, then the chain
// takes its place. What a crash left is finished, when the pair has moved or can move, or undone.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "certd/renewal/pair_keys.h"

namespace aziot::certd {

class PairSwitch {
 public:
  struct Names {
    std::string file;  // of the certificate; the new one waits in `<file>.new`
    KeyId key;
    KeyId fresh_key;  // `<key>-temp`
  };

  // `keys` outlives this. One switch of a pair at a time.
  explicit PairSwitch(PairKeys& keys) : keys_(keys) {}

  // `chain` is PEM; its leaf's key is the pair `fresh_key`, else kFailedPrecondition and nothing has changed.
  // After any other failure either nothing has changed, or Recover has the rest to do.
  absl::Status Run(const Names& names, absl::string_view chain);
  // Ends what was under way; called before the pair is used or renewed. OK when nothing was; kUnavailable or
  // another failure of keyd's when it cannot be asked, and then everything stays as it is.
  absl::Status Recover(const Names& names);

 private:
  PairKeys& keys_;
};

}  // namespace aziot::certd
