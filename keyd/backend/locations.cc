#include "keyd/backend/locations.h"

#include <algorithm>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"

namespace aziot::keyd {
namespace {

// How long a place that is away is not asked again about a key that another one has.
constexpr std::chrono::seconds kProvisional{5};

const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <class T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

// The place does not have the key, or could not.
bool PassesOver(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsUnimplemented(status);
}

bool ConcernsAPair(Operation operation) {
  switch (operation) {
    case Operation::kCreateEcPair:
    case Operation::kCreateRsaPair:
    case Operation::kParameter:
    case Operation::kEcdsa:
    case Operation::kRsa:
      return true;
    default:
      return false;
  }
}

// Deletions and imports reach every place, and a move looks for its target in all of them.
bool ConcernsAllPlaces(Operation operation) {
  return operation == Operation::kDelete || operation == Operation::kImportKey ||
         operation == Operation::kMove;
}

absl::Status NoPlace() {
  return absl::InvalidArgumentError("no way to create keys: neither homedir_path nor a token");
}

}  // namespace

Locations::Locations(std::vector<KeyStore> stores, const std::map<KeyId, size_t>& preloaded)
    : stores_(std::move(stores)), preloaded_(preloaded) {
  for (size_t i = 0; i < stores_.size(); ++i) {
    if (stores_[i].searched) searched_.push_back(i);
  }
}

Locations::Places Locations::PlacesOf(const KeyId& id) const {
  const auto bound = preloaded_.find(id);
  return bound == preloaded_.end() ? Places(searched_) : Places(&bound->second, 1);
}

std::optional<size_t> Locations::Recall(Kind kind, const KeyId& id) const {
  const std::lock_guard lock(mutex_);
  const auto& found = found_[static_cast<int>(kind)];
  const auto known = found.find(id.value());
  if (known == found.end() || known->second.until < Clock::now()) return std::nullopt;
  return known->second.at;
}

void Locations::Remember(Kind kind, const KeyId& id, Found found) {
  const std::lock_guard lock(mutex_);
  found_[static_cast<int>(kind)].insert_or_assign(id.value(), found);
}

void Locations::Forget(Kind kind, const KeyId& id) {
  const std::lock_guard lock(mutex_);
  found_[static_cast<int>(kind)].erase(id.value());
}

Lane Locations::LaneOf(const KeyId& id, Operation operation) const {
  if (!ConcernsAllPlaces(operation)) {
    std::optional<size_t> known = Recall(ConcernsAPair(operation) ? Kind::kPair : Kind::kKey, id);
    if (!known.has_value() && operation == Operation::kLoad) known = Recall(Kind::kPair, id);
    if (known.has_value()) return StoreAt(*known).LaneOf(id, operation);
  }
  for (const size_t place : PlacesOf(id)) {
    if (const Lane lane = StoreAt(place).LaneOf(id, operation); !lane.is_inline()) return lane;
  }
  return Lane::Inline();
}

std::vector<BackendLane> Locations::Lanes() const {
  std::vector<BackendLane> lanes;
  for (const KeyStore& store : stores_) {
    for (const BackendLane& lane : store.backend->Lanes()) lanes.push_back(lane);
  }
  return lanes;
}

template <class Call>
auto Locations::AtHolder(Kind kind, const KeyId& id, const Call& call, size_t* at) {
  using Result = std::invoke_result_t<Call, KeyBackend&>;
  const auto call_at = [&](size_t place) {
    if (at != nullptr) *at = place;
    return call(StoreAt(place));
  };
  const std::optional<size_t> known = Recall(kind, id);
  if (known.has_value()) {
    Result result = call_at(*known);
    if (!PassesOver(StatusOf(result))) return result;
    Forget(kind, id);
  }
  std::string missing = absl::StrCat("there is no key \"", id.value(), "\"");
  absl::Status away;
  for (const size_t place : PlacesOf(id)) {
    Result result = call_at(place);
    const absl::Status& status = StatusOf(result);
    if (PassesOver(status)) {
      if (absl::IsUnimplemented(status)) {
        absl::StrAppend(&missing, "; ", stores_[place].name, ": ", status.message());
      }
      continue;
    }
    if (absl::IsUnavailable(status)) {
      away.Update(status);
      continue;
    }
    if (status.ok()) {
      Remember(kind, id, away.ok() ? Found{place} : Found{place, Clock::now() + kProvisional});
    }
    return result;
  }
  return Result(away.ok() ? absl::NotFoundError(missing) : away);
}

Locations::Search Locations::Find(Kind kind, const KeyId& id) {
  Search search;
  const auto load = [&](KeyBackend& store) {
    return kind == Kind::kKey ? store.LoadKey(id) : store.LoadKeyPair(id);
  };
  search.status = AtHolder(kind, id, load, &search.at);
  return search;
}

absl::Status Locations::CheckFree(Kind other, const KeyId& id) {
  const Search search = Find(other, id);
  if (absl::IsUnavailable(search.status)) return search.status;
  if (!search.status.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("\"", id.value(),
                   other == Kind::kPair ? "\" is a key pair, not a key" : "\" is a key, not a key pair"));
}

template <class Make>
absl::StatusOr<size_t> Locations::MakeKey(const KeyId& id, const Make& make) {
  absl::Status refusal = NoPlace();
  for (const size_t place : PlacesOf(id)) {
    absl::Status made = make(StoreAt(place));
    if (absl::IsUnimplemented(made)) {
      log::Info("key \"{}\" goes elsewhere than to {}: {}", id.value(), stores_[place].name, made.message());
      refusal = std::move(made);
      continue;
    }
    RETURN_IF_ERROR(made);
    Remember(Kind::kKey, id, {place});
    return place;
  }
  return refusal;
}

absl::Status Locations::CreateKey(const KeyId& id, KeyUsage usage) {
  const Search search = Find(Kind::kKey, id);
  if (search.status.ok() || absl::IsUnavailable(search.status)) return search.status;
  // What cannot be loaded is for its own place to mend or to refuse.
  if (!PassesOver(search.status)) return StoreAt(search.at).CreateKey(id, usage);
  RETURN_IF_ERROR(CheckFree(Kind::kPair, id));
  return MakeKey(id, [&](KeyBackend& store) { return store.CreateKey(id, usage); }).status();
}

absl::Status Locations::ImportKey(const KeyId& id, BytesView bytes, KeyUsage usage) {
  RETURN_IF_ERROR(CheckFree(Kind::kPair, id));
  ASSIGN_OR_RETURN(const size_t made_at,
                   MakeKey(id, [&](KeyBackend& store) { return store.ImportKey(id, bytes, usage); }));
  bool before = true;
  for (const size_t place : PlacesOf(id)) {
    if (place == made_at) {
      before = false;
      continue;
    }
    const absl::Status removed = StoreAt(place).DeleteKey(id);
    if (removed.ok() || absl::IsUnimplemented(removed)) continue;
    // An older key in an earlier place would be the one that is found.
    if (before) return removed;
    log::Warn("an older key \"{}\" stays in {}, behind the imported one: {}", id.value(), stores_[place].name,
              removed);
  }
  return absl::OkStatus();
}

absl::Status Locations::LoadKey(const KeyId& id) { return Find(Kind::kKey, id).status; }

template <class Remove>
absl::Status Locations::RemoveFrom(Kind kind, const KeyId& id, const Remove& remove) {
  absl::Status result;
  for (const size_t place : PlacesOf(id)) {
    const absl::Status removed = remove(StoreAt(place));
    if (!absl::IsUnimplemented(removed) || PlacesOf(id).size() == 1) result.Update(removed);
  }
  Forget(kind, id);
  return result;
}

absl::Status Locations::DeleteKey(const KeyId& id) {
  return RemoveFrom(Kind::kKey, id, [&](KeyBackend& store) { return store.DeleteKey(id); });
}

absl::StatusOr<Mac> Locations::Hmac(const KeyId& id, BytesView message) {
  return AtHolder(Kind::kKey, id, [&](KeyBackend& store) { return store.Hmac(id, message); });
}

absl::StatusOr<bool> Locations::VerifyHmac(const KeyId& id, BytesView message, BytesView mac) {
  return AtHolder(Kind::kKey, id, [&](KeyBackend& store) { return store.VerifyHmac(id, message, mac); });
}

absl::StatusOr<Secret> Locations::Derive(const KeyId& id, BytesView data) {
  return AtHolder(Kind::kKey, id, [&](KeyBackend& store) { return store.Derive(id, data); });
}

absl::StatusOr<Bytes> Locations::Encrypt(const KeyId& id, const AeadParameters& parameters,
                                         BytesView plaintext) {
  return AtHolder(Kind::kKey, id,
                  [&](KeyBackend& store) { return store.Encrypt(id, parameters, plaintext); });
}

absl::StatusOr<Bytes> Locations::Decrypt(const KeyId& id, const AeadParameters& parameters, BytesView blob) {
  return AtHolder(Kind::kKey, id, [&](KeyBackend& store) { return store.Decrypt(id, parameters, blob); });
}

absl::Status Locations::CreateKeyPair(const KeyId& id, std::span<const KeyAlgorithm> preferred) {
  if (preferred.empty()) return absl::InvalidArgumentError("no algorithm to make a key pair of");
  const Search search = Find(Kind::kPair, id);
  if (search.status.ok() || absl::IsUnavailable(search.status)) return search.status;
  if (!PassesOver(search.status)) return StoreAt(search.at).CreateKeyPair(id, preferred);
  RETURN_IF_ERROR(CheckFree(Kind::kKey, id));
  const Places places = PlacesOf(id);
  if (places.empty()) return NoPlace();
  RETURN_IF_ERROR(StoreAt(places.front()).CreateKeyPair(id, preferred));
  Remember(Kind::kPair, id, {places.front()});
  return absl::OkStatus();
}

absl::Status Locations::LoadKeyPair(const KeyId& id) { return Find(Kind::kPair, id).status; }

absl::Status Locations::MoveKeyPair(const KeyId& from, const KeyId& to) {
  if (from == to) return absl::InvalidArgumentError("source and destination are one");
  const Search source = Find(Kind::kPair, from);
  // What its own place says of it (a key of the other kind, a damaged file) stands.
  if (!source.status.ok()) {
    return PassesOver(source.status) || absl::IsUnavailable(source.status)
               ? source.status
               : StoreAt(source.at).MoveKeyPair(from, to);
  }
  const Places target_places = PlacesOf(to);
  const bool belongs_there =
      std::find(target_places.begin(), target_places.end(), source.at) != target_places.end();
  const Search target = Find(Kind::kPair, to);
  if (absl::IsUnavailable(target.status)) return target.status;
  if (!belongs_there || (target.status.ok() && target.at != source.at)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", from.value(), "\" lies in ", stores_[source.at].name,
                                                   ", \"", to.value(),
                                                   "\" elsewhere: a key pair cannot be moved between them"));
  }
  RETURN_IF_ERROR(CheckFree(Kind::kKey, to));
  const absl::Status moved = StoreAt(source.at).MoveKeyPair(from, to);
  Forget(Kind::kPair, from);
  Forget(Kind::kPair, to);
  return moved;
}

absl::Status Locations::DeleteKeyPair(const KeyId& id) {
  return RemoveFrom(Kind::kPair, id, [&](KeyBackend& store) { return store.DeleteKeyPair(id); });
}

absl::StatusOr<KeyFamily> Locations::FamilyOf(const KeyId& id) {
  return AtHolder(Kind::kPair, id, [&](KeyBackend& store) { return store.FamilyOf(id); });
}

absl::StatusOr<Bytes> Locations::PublicParameter(const KeyId& id, PairParameter parameter) {
  return AtHolder(Kind::kPair, id, [&](KeyBackend& store) { return store.PublicParameter(id, parameter); });
}

absl::StatusOr<Bytes> Locations::SignDigest(const KeyId& id, BytesView digest) {
  return AtHolder(Kind::kPair, id, [&](KeyBackend& store) { return store.SignDigest(id, digest); });
}

absl::StatusOr<Bytes> Locations::RsaPrivate(const KeyId& id, RsaPadding padding, BytesView input) {
  return AtHolder(Kind::kPair, id, [&](KeyBackend& store) { return store.RsaPrivate(id, padding, input); });
}

}  // namespace aziot::keyd
