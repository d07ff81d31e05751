// Functions of others leave copies of what they worked on in the part of the stack they no longer use.
#pragma once

namespace aziot::keyd::tpm {

// Overwrites what the functions called before by the caller could have left there. To be called from the
// frame that called them, or one above.
void WipeDeadStack();

}  // namespace aziot::keyd::tpm
