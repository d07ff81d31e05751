#!/usr/bin/env python3
"""What programs see when keyd goes away, its keys change under them, or a name is not what it was."""
import signal
import socket
import ssl
import subprocess
import threading

from backends import ALGORITHMS, KeydTest, main
from tls import Server
from ways import DEFAULT_FIRST, ENGINE
from world import BUILD, LIMIT, World, end

SDK_CLIENT = BUILD / "test/openssl_engine_sdk_client"


class FaultsTest(KeydTest):
    def setUp(self):
        if self.world.keyd is None:
            self.world.start_keyd()

    def test_keyd_is_restarted_under_a_server(self):
        for way in (ENGINE, DEFAULT_FIRST):
            for kind in self.kinds:
                with self.subTest(way=way.name, key=kind), \
                        Server(self.world, kind + ".pem", *way.key(self.handles[kind]), mutual=False) as server:
                    server.connect()
                    self.world.stop_keyd(self.backend.killing)
                    came_back, said = server.connect(check=False)
                    self.assertFalse(came_back, said)
                    self.assertIn(f"connecting to {self.world.socket}: ", said)
                    self.world.start_keyd()
                    server.connect()

    def test_keyd_is_restarted_while_many_connect(self):
        """Whoever asks in the moment of the restart waits for it or fails by name; nobody hangs, and the server lives."""
        kind = "rsa"
        with Server(self.world, kind + ".pem", *DEFAULT_FIRST.key(self.handles[kind]), mutual=False) as server:
            result = []
            clients = threading.Thread(target=lambda: result.append(server.connect_at_once(30)))
            clients.start()
            self.world.stop_keyd()
            self.world.start_keyd()
            clients.join()
            good, failed = result[0]
            self.assertEqual(good + len(failed), 30)
            for said in failed:
                self.assertIn("alert internal error", said)
            server.connect()

    def test_keyd_stands_still_for_a_moment(self):
        """A request that is on its way meanwhile is answered when keyd goes on; nothing is asked twice or given up."""
        with Server(self.world, "ec.pem", *DEFAULT_FIRST.key(self.handles["ec"]), mutual=False) as server:
            self.world.keyd.send_signal(signal.SIGSTOP)
            going_on = threading.Timer(1, lambda: self.world.keyd.send_signal(signal.SIGCONT))
            going_on.start()
            try:
                server.connect()
            finally:
                going_on.join()

    def test_keyd_is_down_when_a_key_is_loaded(self):
        self.world.stop_keyd()
        for way in (ENGINE, DEFAULT_FIRST):
            with self.subTest(way=way.name):
                refused = self.world.run("openssl", "req", "-new", "-subj", "/CN=x", *way.key(self.handles["ec"]),
                                         check=False)
                self.assertNotEqual(refused.returncode, 0)
                self.assertIn(f"connecting to {self.world.socket}: ", refused.stdout)
                # What needs no key works: neither module asks anything before it is used.
                self.world.run("openssl", "rand", "-hex", *way.modules, "8")
        self.world.start_keyd()
        self.world.run("openssl", "req", "-new", "-subj", "/CN=x", *ENGINE.key(self.handles["ec"]))

    def test_a_key_is_rotated_under_a_server(self):
        """Its signatures are of another key now: the handshake fails by name instead of with a bad signature."""
        for way in (ENGINE, DEFAULT_FIRST):
            for kind in self.kinds:
                key_id = f"rotated-{way.name}-{kind}"
                handle = self.world.new_pair(key_id, ALGORITHMS[kind])
                self.new_certificate(key_id, handle)
                before = ["-CAfile", key_id + ".pem"]
                with self.subTest(way=way.name, key=kind), \
                        Server(self.world, key_id + ".pem", *way.key(handle), mutual=False) as server:
                    server.connect(*before)
                    self.world.rotate(key_id, ALGORITHMS[kind])
                    for version in ("-tls1_2", "-tls1_3"):
                        came_back, said = server.connect(version, *before, check=False)
                        self.assertFalse(came_back, said)
                        self.assertIn("the key was rotated in keyd", said)
                        self.assertIn("alert internal error", said)
                        self.assertNotIn("bad signature", said)
                # The handle names the ID: it serves the new key, once the program has loaded it again.
                self.new_certificate(key_id, handle)
                with Server(self.world, key_id + ".pem", *way.key(handle), mutual=False) as server:
                    server.connect(*before)

    def test_a_deleted_key_is_named(self):
        handle = self.world.new_pair("deleted", ALGORITHMS["ec"])
        self.new_certificate("deleted", handle)
        with Server(self.world, "deleted.pem", *ENGINE.key(handle), mutual=False) as server:
            self.assertEqual(self.world.ask("DELETE", "/keypair", {"keyHandle": handle})[0], 204)
            came_back, said = server.connect("-CAfile", "deleted.pem", check=False)
            self.assertFalse(came_back, said)
            self.assertIn("POST /sign: keyd refused with status ", said)

    def test_a_handle_of_another_device_is_refused(self):
        with World() as other:
            other.start_keyd()
            foreign = other.new_pair("ec", "ec-p256")
        for way in (ENGINE, DEFAULT_FIRST):
            with self.subTest(way=way.name):
                refused = self.world.run("openssl", "req", "-new", "-subj", "/CN=x", *way.key(foreign), check=False)
                self.assertNotEqual(refused.returncode, 0)
                self.assertIn("keyd refused with status 400", refused.stdout)

    def test_the_sdk_connects_drops_and_reconnects(self):
        """One process looks the engine up for each connection, also after keyd was restarted and the key rotated."""
        handle = self.world.new_pair("sdk", ALGORITHMS["rsa"])
        certificate = self.new_certificate("sdk", handle)
        trusted = self.world.path("trusted-sdk.pem")
        trusted.write_text(certificate.read_text() + self.world.path("ec.pem").read_text())
        with Server(self.world, "ec.pem", *ENGINE.key(self.handles["ec"]), "-CAfile", trusted) as server:
            client = subprocess.Popen([SDK_CLIENT, handle, certificate, trusted, server.address, "4"],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      env=self.world.environment(), cwd=self.world.directory)
            try:
                self.assertEqual(client.stdout.readline(), b"reward\n", server.log())
                self.go_on(client)
                self.world.stop_keyd(self.backend.killing)
                self.world.start_keyd()
                self.go_on(client)
                self.world.rotate("sdk", ALGORITHMS["rsa"])
                self.new_certificate("sdk", handle)
                client.stdin.write(b"\n")
                client.stdin.close()
                client.stdin = None
                # The server does not know the new certificate: what counts is that the client got as far as that.
                said = client.communicate(timeout=LIMIT)[0]
                self.assertNotIn(b"rotated", said)
                self.assertIn(b"alert unknown ca", said)
            finally:
                end(client)

    def go_on(self, client):
        client.stdin.write(b"\n")
        client.stdin.flush()
        self.assertEqual(client.stdout.readline(), b"reward\n")

    def test_fifty_clients_sign_at_the_same_moment(self):
        """A server holds fifty connections of one uid until all are there, then lets all of them sign at once."""
        self.world.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                       "-subj", "/CN=plain", "-addext", "subjectAltName=DNS:localhost", "-keyout", "plain.key", "-out",
                       "plain.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.world.path("plain.pem"), self.world.path("plain.key"))
        context.load_verify_locations(self.world.path("trusted.pem"))
        context.verify_mode = ssl.CERT_REQUIRED
        for way, kind in ((ENGINE, "rsa"), (DEFAULT_FIRST, "ec")):
            with self.subTest(way=way.name, key=kind):
                self.check_fifty(context, way, kind)

    def check_fifty(self, context, way, kind):
        names = []
        gate = threading.Barrier(50)

        def serve(connection):
            with connection:
                gate.wait(LIMIT)
                with context.wrap_socket(connection, server_side=True) as stream:
                    names.append(stream.getpeercert()["subject"])
                    stream.sendall(b"reward\n")

        with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
            listener.settimeout(LIMIT)
            address = "127.0.0.1:%d" % listener.getsockname()[1]
            command = ["openssl", "s_client", "-connect", address, "-quiet", "-verify_return_error", "-CAfile",
                       "plain.pem", "-cert", kind + ".pem", *way.key(self.handles[kind])]
            clients = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, cwd=self.world.directory,
                                        env=self.world.environment()) for _ in range(50)]
            try:
                threads = []
                for _ in clients:
                    connection = listener.accept()[0]
                    connection.settimeout(LIMIT)
                    threads.append(threading.Thread(target=serve, args=[connection]))
                    threads[-1].start()
                for thread in threads:
                    thread.join()
                said = [client.communicate(timeout=LIMIT)[0] for client in clients]
            finally:
                for client in clients:
                    end(client)
        self.assertEqual(names, [((("commonName", kind),),)] * 50, said)
        self.assertTrue(all(b"reward" in text for text in said), said)


if __name__ == "__main__":
    main()
