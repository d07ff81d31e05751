#!/usr/bin/env python3
"""The journey that releases are tried with: a CA, a server and a client whose keys all lie in keyd, and three clients."""
from backends import KeydTest, main
from tls import Server
from ways import ENGINE
from world import BUILD


class SmokeTest(KeydTest):
    kinds = ()

    def certificate(self, name, kind, issuer=None, extension="basicConstraints=CA:FALSE"):
        """<name>.pem, of a new pair, issued by `issuer` or by itself, through the engine alone."""
        handle = self.world.new_pair(name, kind)
        self.world.run("openssl", "req", "-new", "-subj", "/CN=" + name, "-addext", extension, "-addext",
                       "subjectAltName=DNS:localhost", "-out", name + ".csr", *ENGINE.key(handle))
        signing = ENGINE.key(handle, "-signkey", "-keyform")
        if issuer is not None:
            signing = ["-CA", issuer[0] + ".pem", "-CAcreateserial", *ENGINE.key(issuer[1], "-CAkey", "-CAkeyform")]
        self.world.run("openssl", "x509", "-req", "-in", name + ".csr", "-copy_extensions", "copyall", "-days", "30",
                       "-out", name + ".pem", *signing)
        return name, handle

    def test_journey(self):
        ca = self.certificate("ca", "rsa-2048", extension="basicConstraints=critical,CA:TRUE")
        server = self.certificate("server", "ec-p256", ca)
        client = self.certificate("client", "rsa-2048", ca)
        self.world.path("trusted.pem").write_text(self.world.path("ca.pem").read_text())
        self.world.run("openssl", "verify", "-CAfile", "ca.pem", "server.pem", "client.pem")

        with Server(self.world, "server.pem", *ENGINE.key(server[1])) as listening:
            _, said = listening.connect("-cert", "client.pem", *ENGINE.key(client[1]))
            self.assertIn("Verify return code: 0 (ok)", said)
            own = self.world.run(BUILD / "test/openssl_engine_sdk_client", client[1], "client.pem", "ca.pem",
                                 listening.address, "3", stdin=b"\n\n")
            self.assertEqual(own.stdout, "reward\n" * 3)
        with Server(self.world, "server.pem", *ENGINE.key(server[1]), answer="-www") as listening:
            port = listening.address.split(":")[1]
            page = self.world.run("curl", "-sS", "--engine", "aziot_keys", "--key-type", "ENG", "--key", client[1],
                                  "--cert", "client.pem", "--cacert", "ca.pem", f"https://localhost:{port}/")
            self.assertRegex(page.stdout, "Subject: CN ?= ?client")

        files = [path.suffix for path in (self.world.home / "keys").glob("*")]
        self.assertEqual(files, self.backend.files_of_three_pairs)


if __name__ == "__main__":
    main()
