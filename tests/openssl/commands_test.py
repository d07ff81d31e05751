#!/usr/bin/env python3
"""The openssl command signs requests, certificates, files and messages with keys of keyd, in every way."""
from backends import KeydTest, main
from ways import DEFAULT_FIRST, ENGINE, OURS_FIRST

PSS = ("-sigopt", "rsa_padding_mode:pss", "-sigopt")


class CommandsTest(KeydTest):
    kinds = ("ec", "rsa", "rsa4096")

    def setUp(self):
        self.message = self.world.path("message")
        self.message.write_text("what is signed\n")

    def openssl(self, *arguments, **more):
        return self.world.run("openssl", *arguments, **more).stdout

    def test_requests(self):
        def check(way, kind, handle):
            self.openssl("req", "-new", "-subj", "/CN=device", "-out", "device.csr", *way.key(handle))
            self.openssl("req", "-in", "device.csr", "-verify", "-noout")
            shown = self.openssl("req", "-in", "device.csr", "-noout", "-pubkey")
            self.assertEqual(shown, self.world.path(kind + ".pub").read_text())
        self.every(check)

    def issue(self, way, kind, handle, *options):
        self.openssl("req", "-new", "-subj", "/CN=leaf", "-out", "leaf.csr", *way.key(handle))
        self.openssl("x509", "-req", "-in", "leaf.csr", "-days", "1", "-CA", kind + ".pem", "-set_serial", "2",
                     "-out", "leaf.pem", *options, *way.key(handle, "-CAkey", "-CAkeyform"))
        self.openssl("verify", "-CAfile", kind + ".pem", "leaf.pem")
        return self.openssl("x509", "-in", "leaf.pem", "-noout", "-text")

    def test_certificates_of_a_ca(self):
        def check(way, kind, handle):
            shown = self.issue(way, kind, handle)
            self.assertIn("ecdsa-with-SHA256" if kind == "ec" else "sha256WithRSAEncryption", shown)
            if kind == "rsa":
                self.assertIn("rsassaPss", self.issue(way, kind, handle, *PSS, "rsa_pss_saltlen:-1"))
        self.every(check)

    def test_digests(self):
        def sign(way, kind, handle, digest, *options):
            self.openssl("dgst", digest, *options, "-out", "signature", *way.key(handle, "-sign"), self.message)
            self.openssl("dgst", digest, *options, "-verify", kind + ".pub", "-signature", "signature", self.message)

        def check(way, kind, handle):
            for digest in ("-sha1", "-sha256", "-sha384", "-sha512", "-sha3-256"):
                sign(way, kind, handle, digest)
            if kind == "ec":
                return
            for digest, salt in (("-sha256", "-1"), ("-sha512", "20"), ("-sha384", "-3")):
                sign(way, kind, handle, digest, *PSS, "rsa_pss_saltlen:" + salt)
        self.every(check)

    def test_messages(self):
        def check(way, kind, handle):
            for digest in ("sha256", "sha512"):
                self.openssl("cms", "-sign", "-in", self.message, "-text", "-md", digest, "-signer", kind + ".pem",
                             "-out", "message.cms", *way.key(handle, "-inkey"))
                self.openssl("cms", "-verify", "-in", "message.cms", "-CAfile", kind + ".pem", "-out", "/dev/null",
                             "-purpose", "any")
        self.every(check)

    def test_public_keys(self):
        def check(way, kind, handle):
            shown = self.openssl("pkey", "-pubout", "-out", "shown.pub", *way.key(handle, "-in", "-inform"))
            self.assertEqual(self.world.path("shown.pub").read_text(), self.world.path(kind + ".pub").read_text(), shown)
        self.every(check)

    def test_stores(self):
        def check(way, kind, _):
            shown = self.openssl("storeutl", "-keys", *way.modules, "aziot:key=" + kind)
            self.assertIn("Total found: 1", shown)
            self.assertNotIn("PRIVATE", shown)
        self.every(check, (DEFAULT_FIRST, OURS_FIRST))

    def test_nothing_private_is_shown(self):
        def check(way, _, handle):
            shown = self.world.run("openssl", "pkey", *way.key(handle, "-in", "-inform"), check=False)
            self.assertNotIn("PRIVATE KEY", shown.stdout)
            self.assertNotEqual(shown.returncode, 0)
        self.every(check, (ENGINE, DEFAULT_FIRST))


if __name__ == "__main__":
    main()
