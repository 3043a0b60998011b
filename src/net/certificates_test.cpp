#include "net/certificates.hpp"

#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "net/openssl_pem.hpp"
#include "net/spiffe.hpp"
#include "net/test_certs.hpp"

namespace net {
namespace {

using std::chrono::seconds;
using testing::TestCa;

const TestCa& Root() {
  static const TestCa kRoot("root one");
  return kRoot;
}
const TestCa& OtherRoot() {
  static const TestCa kRoot("root two");
  return kRoot;
}

TEST(Certificates, ARequestIsSignedAndMakesAnIdentity) {
  const auto request = NewCertificateRequest();
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_TRUE(request->private_key_pem.starts_with("-----BEGIN PRIVATE KEY-----"));
  EXPECT_TRUE(request->request_pem.starts_with("-----BEGIN CERTIFICATE REQUEST-----"));
  const std::string chain = Root().Sign(
      request->request_pem, {.alternative = "URI:spiffe://td/ns/n/a"}, seconds(-60), seconds(600));
  ASSERT_FALSE(chain.empty());
  const auto leaf = InspectLeaf(chain);
  ASSERT_TRUE(leaf);
  EXPECT_EQ(leaf->uri_san, "spiffe://td/ns/n/a");
  EXPECT_EQ(leaf->not_after - leaf->not_before, seconds(660));
  EXPECT_LT(leaf->not_before, base::WallNow());
  const auto tls = TlsContext::Server({.identity = {chain, request->private_key_pem}});
  EXPECT_TRUE(tls) << tls.error().message;
  // Every request has a key of its own.
  EXPECT_FALSE(TlsContext::Server({.identity = {chain, NewCertificateRequest()->private_key_pem}}));
}

TEST(Certificates, InspectRefusesWhatIsNone) {
  EXPECT_FALSE(InspectLeaf(""));
  EXPECT_FALSE(InspectLeaf("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
}

TEST(Certificates, SplitIsASet) {
  const std::string one = Root().pem();
  const std::string two = OtherRoot().pem();
  const auto both = SplitCertificates(one + "some words\n" + two + one, "anchors");
  ASSERT_TRUE(both);
  EXPECT_EQ(both->size(), 2U);
  EXPECT_EQ(*both, *SplitCertificates(two + one, "anchors"));
  for (const std::string& bad : {std::string(), std::string("no PEM"), one.substr(0, 200),
                                 one + two.substr(0, two.size() / 2)}) {
    const auto split = SplitCertificates(bad, "anchors");
    ASSERT_FALSE(split);
    EXPECT_TRUE(split.error().message.starts_with("anchors: block ")) << split.error().message;
  }
}

TEST(Certificates, ChainsLeadToTheirRoot) {
  const TlsIdentity leaf = Root().Issue({});
  EXPECT_TRUE(ChainLeadsTo(leaf.certificate_chain_pem, Root().pem()));
  EXPECT_TRUE(ChainLeadsTo(leaf.certificate_chain_pem, OtherRoot().pem() + Root().pem()));
  EXPECT_FALSE(ChainLeadsTo(leaf.certificate_chain_pem, OtherRoot().pem()));
  EXPECT_FALSE(ChainLeadsTo(leaf.certificate_chain_pem, ""));
  EXPECT_TRUE(ChainLeadsTo(Root().Issue({}, true).certificate_chain_pem, Root().pem()));
}

TEST(Spiffe, Parses) {
  const auto id = ParseSpiffeId("spiffe://example.org/ns/a_b/C-1.2");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->trust_domain, "example.org");
  EXPECT_EQ(id->path, "/ns/a_b/C-1.2");
  EXPECT_EQ(ParseSpiffeId("spiffe://td")->path, "");
  const auto app = ParseSpiffeApp("spiffe://public/ns/shop/cart");
  ASSERT_TRUE(app);
  EXPECT_EQ(app->trust_domain, "public");
  EXPECT_EQ(app->app_namespace, "shop");
  EXPECT_EQ(app->app_id, "cart");
  EXPECT_EQ(SpiffeIdText("public", "shop", "cart"), "spiffe://public/ns/shop/cart");
}

// Standard input for as long as it lives: a pipe that holds one line.
class Typed {
 public:
  explicit Typed(std::string_view line) : old_(dup(STDIN_FILENO)) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(write(ends[1], line.data(), line.size()), static_cast<ssize_t>(line.size()));
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    close(ends[1]);
  }
  ~Typed() {
    dup2(old_, STDIN_FILENO);
    close(old_);
  }
  Typed(const Typed&) = delete;
  Typed& operator=(const Typed&) = delete;

  int left() const {
    int bytes = -1;
    ioctl(STDIN_FILENO, FIONREAD, &bytes);
    return bytes;
  }

 private:
  const int old_;
};

TEST(Certificates, AnEncryptedBlockAsksNobodyForItsPassphrase) {
  const Typed typed("secret\n");
  const auto parsed = ParseCertificates(
      "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"
      "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
      "AAECAwQFBgcICQoLDA0ODw==\n-----END CERTIFICATE-----\n",
      "trust anchors");
  ASSERT_FALSE(parsed);
  EXPECT_NE(parsed.error().message.find("block 1 is not a PEM certificate"), std::string::npos)
      << parsed.error().message;
  EXPECT_EQ(typed.left(), 7) << "it was read";
}

TEST(Spiffe, RefusesOtherForms) {
  for (const char* bad :
       {"", "spiffe://", "http://td/ns/a/b", "spiffe:///ns/a/b", "spiffe://TD/ns/a/b",
        "spiffe://td/", "spiffe://td//a", "spiffe://td/ns/a/b/", "spiffe://td/../a",
        "spiffe://td/ns/a b", "spiffe://td:1/ns", "spiffe://u@td/ns", "spiffe://td/a?b",
        "spiffe://td/a%20b"}) {
    const auto id = ParseSpiffeId(bad);
    ASSERT_FALSE(id) << bad;
    EXPECT_TRUE(id.error().message.starts_with("malformed SPIFFE ID: ")) << id.error().message;
  }
  for (const char* bad : {"spiffe://td/ns/a", "spiffe://td/ns/a/b/c", "spiffe://td/xx/a/b"}) {
    EXPECT_TRUE(ParseSpiffeId(bad));
    EXPECT_FALSE(ParseSpiffeApp(bad)) << bad;
  }
}

}  // namespace
}  // namespace net
