// Result<T>: a value, or the Failure that stood in its way. This room is a guest in foreign programs and
// brings no library of its own, so it has its own small form of a status. Every Failure ends as one entry of
// the OpenSSL error queue: the reason as the entry's code, the text as its data, root cause last.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace aziot::openssl_engine {

// Numbers are the reason codes of the provider's errors: append, never renumber.
enum class Reason : int {
  kInvalidName = 1,   // the key's name breaks the grammar of key_ref.h
  kNotSupported = 2,  // understood, but not offered (yet)
  kUnreachable = 3,   // no connection to keyd, or it closed without an answer
  kTimeout = 4,       // keyd did not answer in time
  kBadAnswer = 5,     // keyd answered what is not an answer
  kRefused = 6,       // keyd refused; the text carries its message
  kRotated = 7,       // the key behind the name is not the one that was loaded
  kInvalidInput = 8,  // the caller's parameters or bytes do not fit the operation
  kCrypto = 9,        // libcrypto failed; its own entries stand before this one
};

struct ReasonText {
  Reason reason;
  const char* text;
};
// As OpenSSL's error queue shows them, of engine and provider alike.
inline constexpr ReasonText kReasonTexts[] = {
    {Reason::kInvalidName, "invalid key name"},
    {Reason::kNotSupported, "not supported"},
    {Reason::kUnreachable, "keyd or certd cannot be reached"},
    {Reason::kTimeout, "keyd or certd timed out"},
    {Reason::kBadAnswer, "bad answer from keyd or certd"},
    {Reason::kRefused, "refused by keyd or certd"},
    {Reason::kRotated, "key was rotated, reload"},
    {Reason::kInvalidInput, "invalid input"},
    {Reason::kCrypto, "crypto failure"},
};

struct Failure {
  Reason reason;
  std::string text;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Failure failure) : state_(std::in_place_index<1>, std::move(failure)) {}

  bool ok() const { return state_.index() == 0; }
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  const Failure& failure() const { return std::get<1>(state_); }

 private:
  std::variant<T, Failure> state_;
};

}  // namespace aziot::openssl_engine
