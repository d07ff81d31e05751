#!/usr/bin/env python3
"""openssl s_server and s_client meet, both with a key of keyd and both asking for the other's certificate."""
from backends import KeydTest, main
from tls import Server
from ways import DEFAULT_FIRST, ENGINE, OURS_FIRST

CASES = {
    "TLSv1.2 ECDHE": ["-tls1_2"],
    "TLSv1.2 PKCS#1": ["-tls1_2", "-sigalgs", "RSA+SHA256:RSA+SHA512"],
    "TLSv1.3": ["-tls1_3"],
    "TLSv1.3 P-256": ["-tls1_3", "-groups", "P-256"],
}


class TlsTest(KeydTest):
    kinds = ("ec", "rsa", "rsa4096")

    def test_both_sides(self):
        def check(way, kind, handle):
            with Server(self.world, kind + ".pem", *way.key(handle)) as server:
                for name, options in CASES.items():
                    if kind == "ec" and "PKCS#1" in name:
                        continue
                    with self.subTest(case=name):
                        _, said = server.connect(*options, "-cert", kind + ".pem", *way.key(handle))
                        self.assertIn("Verify return code: 0 (ok)", said)
                        self.assertIn("Peer certificate: CN = " + kind, said.split("--- server")[1])
                        signature = "RSA-PSS" if kind != "ec" else "ECDSA"
                        if "PKCS#1" in name:
                            signature = "RSA"
                        self.assertIn(f"Peer signature type: {signature}\n", said)
        self.every(check)

    def test_a_client_without_a_certificate_is_refused(self):
        with Server(self.world, "ec.pem", *ENGINE.key(self.handles["ec"])) as server:
            came_back, said = server.connect("-tls1_2", check=False)
            self.assertFalse(came_back, said)

    def test_ordinary_keys_work_beside_ours(self):
        """The server's key is a file, ours is the client's; and with our provider first for every key."""
        self.world.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                       "-subj", "/CN=plain", "-addext", "subjectAltName=DNS:localhost", "-keyout", "plain.key", "-out",
                       "plain.pem")
        with open(self.world.path("trusted.pem"), "a") as trusted:
            trusted.write(self.world.path("plain.pem").read_text())
        for way in (ENGINE, DEFAULT_FIRST, OURS_FIRST):
            for version in ("-tls1_2", "-tls1_3"):
                with self.subTest(way=way.name, version=version), \
                        Server(self.world, "plain.pem", *way.modules, "-key", "plain.key") as server:
                    server.connect(version, "-cert", "ec.pem", *way.key(self.handles["ec"]))
                    server.connect(version, "-cert", "plain.pem", *way.modules, "-key", "plain.key")


if __name__ == "__main__":
    main()
