#include "certd/service/certificates.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "certd/issuer/testing/fake_signing_keys.h"
#include "common/files/files.h"
#include "common/openssl/certificate.h"
#include "common/rpc/wire_status.h"
#include "common/testing/manual_clock.h"
#include "common/testing/temp_dir.h"

namespace aziot::certd {
namespace {

namespace v1 = certificates::v1;

constexpr uid_t kEdge = 64100;
constexpr uid_t kStranger = 64101;

class CertificatesServiceTest : public ::testing::Test {
 protected:
  CertificatesServiceTest() {
    Rules rules;
    rules.access = access::AccessRules({{kEdge, {"aziot-edged-ca", "aziot-edged/module/*", "unconfigured"}}});
    rules.issuance.emplace(Id("aziot-edged-ca"), IssuanceEntry{.method = "self_signed", .expiry_days = 90});
    rules.issuance.emplace(Id("by-est"), IssuanceEntry{.method = "est"});
    rules.max_expiry_days = 400;
    service_.emplace(*store_, keys_, clock_, std::move(rules));
  }

  static CertId Id(absl::string_view text) { return *CertId::Parse(text); }
  static rpc::CallContext Call(uid_t uid) {
    rpc::CallContext call({.uid = uid, .gid = uid, .pid = 1}, "2020-09-01", absl::InfiniteFuture());
    call.RunOn(Lane::Peers());
    return call;
  }
  static std::string Csr(EVP_PKEY& key) {
    const auto name = openssl::BuildName({{"CN", "asked"}});
    return openssl::FormatRequest(**openssl::BuildRequest(**name, key, {}));
  }
  // Whole as a structure, but its signature is one over something else.
  std::string WithAnotherSignature(const std::string& csr) {
    const auto request = openssl::ParseRequest(csr);
    const auto other = openssl::ParseRequest(Csr(keys_.Make("other")));
    const ASN1_BIT_STRING* signature = nullptr;
    X509_REQ_get0_signature(other->get(), &signature, nullptr);
    X509_REQ_set0_signature(request->get(), ASN1_STRING_dup(signature));
    return openssl::FormatRequest(**request);
  }
  absl::StatusOr<v1::Certificate> Create(uid_t uid, const std::string& id, const std::string& csr) {
    v1::CreateCertificateRequest request;
    request.set_cert_id(id);
    request.set_csr(csr);
    return service_->Create(Call(uid), request);
  }
  absl::StatusOr<v1::Certificate> Get(const std::string& id) {
    v1::CertificateId request;
    request.set_id(id);
    return service_->Get(Call(kStranger), request);
  }
  static void ExpectWire(const absl::Status& status, int http, const std::string& text) {
    const rpc::WireStatus wire = rpc::ToWire(status);
    EXPECT_EQ(wire.http, http) << status;
    EXPECT_EQ(wire.message, text);
  }

  aziot::testing::TempDir directory_;
  std::unique_ptr<CertStore> store_ = *CertStore::Open(directory_.path());
  testing::FakeSigningKeys keys_;
  aziot::testing::ManualClock clock_;
  std::optional<CertificatesService> service_;
};

TEST_F(CertificatesServiceTest, CreatedCertificateIsStoredAndReadableByAll) {
  const auto created = Create(kEdge, "aziot-edged-ca", Csr(keys_.Make("aziot-edged-ca")));
  ASSERT_TRUE(created.ok()) << created.status();
  const auto read = Get("aziot-edged-ca");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->pem(), created->pem());
}

TEST_F(CertificatesServiceTest, OnlyThePrincipalWrites) {
  const std::string text = "user 64101 is not authorized to modify the cert aziot-edged-ca";
  ExpectWire(Create(kStranger, "aziot-edged-ca", "not even a CSR").status(), 401, text);
  v1::ImportCertificateRequest import;
  import.set_id("aziot-edged-ca");
  ExpectWire(service_->Import(Call(kStranger), import).status(), 401, text);
  v1::CertificateId id;
  id.set_id("aziot-edged-ca");
  ExpectWire(service_->Delete(Call(kStranger), id).status(), 401, text);
  EXPECT_TRUE(service_->Delete(Call(0), id).ok());
}

TEST_F(CertificatesServiceTest, ModuleCertificateFromTheEdgeCaByHandle) {
  ASSERT_TRUE(Create(kEdge, "aziot-edged-ca", Csr(keys_.Make("aziot-edged-ca"))).ok());
  v1::CreateCertificateRequest request;
  request.set_cert_id("aziot-edged/module/m:637:server");
  request.set_csr(Csr(keys_.Make("module")));
  request.mutable_issuer()->set_cert_id("aziot-edged-ca");
  request.mutable_issuer()->set_private_key_handle("handle of aziot-edged-ca");
  request.set_expiry_days(7);
  const auto created = service_->Create(Call(kEdge), request);
  ASSERT_TRUE(created.ok()) << created.status();
  const auto chain = openssl::ParseCertificates(created->pem());
  ASSERT_EQ(chain->size(), 2u);
  EXPECT_EQ(openssl::NotAfter(*chain->front()), clock_.Now() + absl::Hours(24 * 7));

  request.mutable_issuer()->set_private_key_handle("forged");
  ExpectWire(service_->Create(Call(kEdge), request).status(), 500, "internal error");
  request.mutable_issuer()->set_private_key_handle(std::string("a\0b", 3));
  EXPECT_EQ(rpc::ToWire(service_->Create(Call(kEdge), request).status()).http, 400);
  request.mutable_issuer()->set_cert_id("nobody");
  ExpectWire(service_->Create(Call(kEdge), request).status(), 400,
             "parameter \"issuer.certId\" has an invalid value\ncaused by: not found");
  ASSERT_TRUE(store_->Put(Locations(), Id("no-armour"), "text").ok());
  request.mutable_issuer()->set_cert_id("no-armour");
  ExpectWire(service_->Create(Call(kEdge), request).status(), 400,
             "parameter \"issuer.certId\" has an invalid value\ncaused by: invalid issuer");
  request.clear_issuer();
  request.set_expiry_days(401);
  EXPECT_EQ(rpc::ToWire(service_->Create(Call(kEdge), request).status()).http, 400);
  request.set_expiry_days(0);
  EXPECT_EQ(rpc::ToWire(service_->Create(Call(kEdge), request).status()).http, 400);
}

TEST_F(CertificatesServiceTest, RefusalsSayWhy) {
  EXPECT_EQ(rpc::ToWire(Create(kEdge, "aziot-edged-ca", "garbage").status()).http, 400);
  const std::string csr = Csr(keys_.Make("unconfigured"));
  ExpectWire(
      Create(kEdge, "aziot-edged-ca", WithAnotherSignature(csr)).status(), 400,
      "parameter \"csr\" has an invalid value\ncaused by: CSR failed to be verified with its public key");
  const rpc::WireStatus none = rpc::ToWire(Create(kEdge, "unconfigured", csr).status());
  EXPECT_EQ(none.http, 400);
  EXPECT_NE(none.message.find("[cert_issuance.unconfigured]"), std::string::npos) << none.message;
  const rpc::WireStatus est = rpc::ToWire(Create(0, "by-est", csr).status());
  EXPECT_EQ(est.http, 400);
  EXPECT_NE(est.message.find("not supported yet"), std::string::npos) << est.message;
  ExpectWire(Get("missing").status(), 400, "parameter \"id\" has an invalid value\ncaused by: not found");
}

TEST_F(CertificatesServiceTest, ImportEchoesAndReplaces) {
  v1::ImportCertificateRequest request;
  request.set_id("aziot-edged-ca");
  request.set_pem("anything at all");
  EXPECT_EQ(service_->Import(Call(kEdge), request)->pem(), "anything at all");
  EXPECT_EQ(Get("aziot-edged-ca")->pem(), "anything at all");
}

// Each configuration lets only its own caller write, and only where that configuration says: a call that took
// the principals of one and the locations of the other would write into a file it has no right to.
TEST_F(CertificatesServiceTest, AReloadSwitchesPrincipalsAndLocationsTogether) {
  const auto rules_of = [&](uid_t uid) {
    Rules rules;
    rules.access = access::AccessRules({{uid, {"shared"}}});
    rules.locations = *Locations::New({{Id("shared"), FileLocation{directory_.Join(absl::StrCat(uid))}}});
    return rules;
  };
  std::atomic<bool> done = false;
  std::thread reloads([&] {
    for (int i = 0; i < 300; ++i) service_->SwapRules(rules_of(i % 2 == 0 ? kEdge : kStranger));
    done = true;
  });
  for (uid_t uid = kEdge; !done; uid = uid == kEdge ? kStranger : kEdge) {
    v1::ImportCertificateRequest request;
    request.set_id("shared");
    request.set_pem(absl::StrCat(uid));
    service_->Import(Call(uid), request).status().IgnoreError();
    for (const uid_t owner : {kEdge, kStranger}) {
      const auto text = files::Read(directory_.Join(absl::StrCat(owner)));
      EXPECT_EQ(text.value_or(absl::StrCat(owner)), absl::StrCat(owner));
    }
  }
  reloads.join();
}

TEST_F(CertificatesServiceTest, ReloadSwapsTheRules) {
  Rules rules;
  rules.access = access::AccessRules({{kStranger, {"*"}}});
  service_->SwapRules(std::move(rules));
  v1::ImportCertificateRequest request;
  request.set_id("x");
  EXPECT_TRUE(service_->Import(Call(kStranger), request).ok());
  EXPECT_FALSE(service_->Import(Call(kEdge), request).ok());
}

}  // namespace
}  // namespace aziot::certd
