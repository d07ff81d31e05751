#!/usr/bin/env python3
"""curl, nginx, stunnel and Python with keys of keyd: through the engine where a program has an option for one, and
through a key file that holds only the key's URI."""
import base64
import os
import signal
import socket
import ssl
import sys
import textwrap
from pathlib import Path

from backends import KeydTest, SoftHsmBackend, main
from ways import DEFAULT_FIRST, OURS_FIRST
from world import LIMIT, eventually, free_port, quote

PKCS11_ENGINE = next(Path("/usr/lib").glob("*/engines-3/pkcs11.so"))


class ProgramsTest(KeydTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for kind, handle in cls.handles.items():
            cls.world.path(kind + ".key").write_bytes(key_file(f"aziot:key={kind}"))
            # Who has no principal names the handle instead of the ID.
            cls.world.path(kind + "-handle.key").write_bytes(key_file("aziot:handle=" + quote(handle)))
        cls.with_provider = cls.world.write_configuration("provider.cnf", providers=("default", "aziot_keys"))
        cls.ours_first = cls.world.write_configuration("ours_first.cnf", providers=("aziot_keys", "default"))

    # --- nginx, and curl against it ---

    def start_nginx(self, name, keys, configuration=None, globals_=""):
        """nginx with a server for each key on a socket of its own; clients show a certificate and are told its name."""
        servers = "".join(textwrap.dedent(f"""
            server {{
              listen unix:{self.world.directory}/{name}-{kind}.sock ssl;
              ssl_certificate {kind}.pem;
              ssl_certificate_key "{key}";
              ssl_client_certificate trusted.pem;
              ssl_verify_client on;
              ssl_protocols TLSv1.2 TLSv1.3;
              location / {{ return 200 "$ssl_protocol $ssl_client_s_dn\\n"; }}
            }}""") for kind, key in keys.items())
        paths = "".join(f"{word}_temp_path {name}-temp;\n"
                        for word in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        self.world.path(name + ".conf").write_text(
            f"daemon off;\nuser nobody aziotks;\npid {name}.pid;\nworker_processes 2;\n{globals_}\n"
            "events { worker_connections 64; }\n"
            f"http {{\naccess_log off;\n{paths}\n{servers}\n}}\n")
        process, output = self.world.start("nginx", "-p", self.world.directory, "-e", "stderr", "-c", name + ".conf",
                                           configuration=configuration)
        sockets = [self.world.path(f"{name}-{kind}.sock") for kind in keys]
        ready = eventually(lambda: all(map(can_connect, sockets)) or process.poll() is not None)
        self.assertTrue(ready and process.poll() is None, output.read_text())
        return output

    def curl(self, server, *options, version="1.3", configuration=None, **more):
        return self.world.run("curl", "-sS", "--cacert", "trusted.pem", f"--tlsv{version}", "--tls-max", version,
                              "--unix-socket", f"{server}.sock", *options, "https://localhost/",
                              configuration=configuration, **more)

    def check_server(self, name, output):
        """Every key of the server `name`, asked by curl in each of its ways."""
        for server in self.kinds:
            for kind in self.kinds:
                for version in ("1.2", "1.3"):
                    for way in ("engine", "file"):
                        with self.subTest(server=server, key=kind, version=version, way=way):
                            if way == "engine":
                                key = ["--engine", "aziot_keys", "--key-type", "ENG", "--key", self.handles[kind]]
                            else:
                                key = ["--key", kind + ".key"]
                            said = self.curl(f"{name}-{server}", "--cert", kind + ".pem", *key, version=version,
                                             configuration=None if way == "engine" else self.with_provider)
                            self.assertEqual(said.stdout, f"TLSv{version} CN={kind}\n", output.read_text())

    def test_nginx_with_the_engine(self):
        keys = {kind: "engine:aziot_keys:" + self.handles[kind] for kind in self.kinds}
        self.check_server("engine", self.start_nginx("engine", keys, globals_="ssl_engine aziot_keys;"))

    def test_nginx_with_a_key_file(self):
        keys = {kind: kind + ".key" for kind in self.kinds}
        self.check_server("file", self.start_nginx("file", keys, configuration=self.ours_first))

    def test_nginx_takes_a_rotated_key_at_its_reload(self):
        """Until then its handshakes fail, and no signature of the wrong key leaves it."""
        for way, configuration in (("engine", None), ("file", self.with_provider)):
            key_id = "rotated-" + way
            self.new_certificate(key_id, self.world.new_pair(key_id, "ec-p256"))
            key = f"engine:aziot_keys:aziot:key={key_id}"
            if way == "file":
                key = key_id + ".key"
                self.world.path(key).write_bytes(key_file("aziot:key=" + key_id))
            with self.subTest(way=way):
                name = "rotating-" + way
                output = self.start_nginx(name, {key_id: key}, configuration, "ssl_engine aziot_keys;" * (way == "engine"))
                options = ["--cert", "ec.pem", "--key", "ec.key", "--cacert", key_id + ".pem"]
                server = f"{name}-{key_id}"
                self.curl(server, *options, configuration=self.with_provider)
                self.world.rotate(key_id, "ec-p256")
                refused = self.curl(server, *options, configuration=self.with_provider, check=False)
                self.assertIn("alert internal error", refused.stdout)
                self.assertIn("the key was rotated in keyd", output.read_text())
                self.new_certificate(key_id, self.world.new_pair(key_id, "ec-p256"))
                os.kill(int(self.world.path(name + ".pid").read_text()), signal.SIGHUP)
                self.assertTrue(eventually(lambda: self.curl(
                    server, *options, configuration=self.with_provider, check=False).returncode == 0), output.read_text())

    def test_nginx_under_many_connections(self):
        """Two workers, fifty clients at once, each a full handshake with a key of keyd on both sides."""
        self.start_nginx("busy", {"rsa": "rsa.key"}, self.with_provider)
        said = self.curl("busy-rsa", "--cert", "ec.pem", "--key", "ec.key", "--no-sessionid", "-H", "connection: close",
                         "--parallel", "--parallel-immediate", "--parallel-max", "50", "--http1.1",
                         *["https://localhost/"] * 199, configuration=self.with_provider)
        self.assertEqual(said.stdout.count("TLSv1.3 CN=ec\n"), 200, said.stdout[-1000:])

    # --- another engine in the same process ---

    def test_the_pkcs11_engine_beside_ours(self):
        """Keys of both work where both were made the default of everything."""
        options, environment = SoftHsmBackend().start(self.world)
        module = options.split('"')[1]
        root = {**self.world.environment(), **environment}
        self.world.run("pkcs11-tool", "--module", module, "--login", "--pin", "1234", "--keypairgen", "--key-type",
                       "EC:prime256v1", "--label", "other", "--id", "01", environment=root)
        configuration = self.world.write_configuration("default.cnf", engine_init=1)
        text = configuration.read_text().replace("init = 1", f"init = 1\ndefault_algorithms = ALL\n[pkcs11]\n"
                                                 f"engine_id = pkcs11\ndynamic_path = {PKCS11_ENGINE}\n"
                                                 f"MODULE_PATH = {module}\ninit = 0")
        configuration.write_text(text.replace("aziot_keys = the_engine", "aziot_keys = the_engine\npkcs11 = pkcs11"))
        both = {**self.world.environment(configuration), **environment}
        self.world.run("openssl", "req", "-new", "-subj", "/CN=x", "-engine", "pkcs11", "-keyform", "engine", "-key",
                       "pkcs11:token=device;object=other;pin-value=1234", "-out", "other.csr", environment=both)
        self.world.run("openssl", "req", "-in", "other.csr", "-verify", "-noout")
        self.world.run("openssl", "req", "-new", "-subj", "/CN=x", "-engine", "aziot_keys", "-keyform", "engine", "-key",
                       self.handles["ec"], "-out", "ours.csr", environment=both)
        self.world.run("openssl", "req", "-in", "ours.csr", "-verify", "-noout")

    # --- stunnel ---

    def start_stunnel(self, name, lines, configuration=None):
        """stunnel in front of a program that says hello; its port."""
        for _ in range(5):  # somebody may take the port between our look and stunnel's
            port = free_port()
            self.world.path(name + ".conf").write_text(
                "foreground = yes\npid =\nsyslog = no\n" + lines.split("[", 1)[0] +
                f"[hello]\naccept = 127.0.0.1:{port}\nexec = /bin/echo\nexecArgs = echo hello\n" +
                lines.split("[", 1)[1].split("\n", 1)[1])
            process, output = self.world.start("stunnel", name + ".conf", configuration=configuration)
            eventually(lambda: "Configuration successful" in output.read_text() or process.poll() is not None)
            if process.poll() is None:
                return port
            if "Address already in use" not in output.read_text():
                break
        raise AssertionError(output.read_text())

    def check_hello(self, port):
        context = ssl.create_default_context(cafile=str(self.world.path("trusted.pem")))
        with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as plain, \
                context.wrap_socket(plain, server_hostname="localhost") as stream:
            self.assertEqual(stream.recv(100), b"hello\n")

    def test_stunnel_with_the_engine(self):
        for kind in self.kinds:
            with self.subTest(key=kind):
                self.check_hello(self.start_stunnel(
                    "stunnel-engine-" + kind,
                    f"engine = aziot_keys\n[]\nengineId = aziot_keys\ncert = {kind}.pem\nkey = {self.handles[kind]}\n"))

    def test_stunnel_with_a_key_file(self):
        for kind in self.kinds:
            with self.subTest(key=kind):
                self.check_hello(self.start_stunnel("stunnel-file-" + kind,
                                                    f"[]\ncert = {kind}.pem\nkey = {kind}.key\n", self.with_provider))

    # --- Python ---

    def test_python_with_a_key_file(self):
        """Server and client are Python's ssl; the interpreter learns of the provider from the configuration alone."""
        script = textwrap.dedent("""
            import socket, ssl, sys, threading
            kind, version = sys.argv[1], getattr(ssl.TLSVersion, sys.argv[2])
            def side(purpose):
                context = ssl.create_default_context(purpose, cafile="trusted.pem")
                context.minimum_version = context.maximum_version = version
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_cert_chain(kind + ".pem", kind + ".key")
                return context
            ends = socket.socketpair()
            def serve():
                with side(ssl.Purpose.CLIENT_AUTH).wrap_socket(ends[0], server_side=True) as stream:
                    stream.sendall(str(stream.getpeercert()["subject"]).encode())
            thread = threading.Thread(target=serve)
            thread.start()
            with side(ssl.Purpose.SERVER_AUTH).wrap_socket(ends[1], server_hostname="localhost") as stream:
                print(stream.version(), stream.recv(200).decode())
            thread.join()
        """)
        for configuration in (self.with_provider, self.ours_first):
            for kind in self.kinds:
                for version in ("TLSv1_2", "TLSv1_3"):
                    with self.subTest(configuration=configuration.name, key=kind, version=version):
                        said = self.world.run(sys.executable, "-c", script, kind, version, configuration=configuration)
                        self.assertEqual(said.stdout, f"{version.replace('_', '.')} ((('commonName', '{kind}'),),)\n")

    # --- key files in the openssl command, and who may use them ---

    def test_openssl_with_a_key_file(self):
        def check(way, kind, _):
            self.world.run("openssl", "req", "-new", "-subj", "/CN=device", *way.modules, "-key", kind + ".key", "-out",
                           "device.csr")
            self.world.run("openssl", "req", "-in", "device.csr", "-verify", "-noout")
        self.every(check, (DEFAULT_FIRST, OURS_FIRST))

    def test_access_is_keyds_to_give(self):
        """Somebody in the socket's group needs a handle, or a principal; outside the group nothing helps."""
        nobody = {"user": "nobody", "group": "aziotks", "extra_groups": []}
        request = ["openssl", "req", "-new", "-subj", "/CN=device", *DEFAULT_FIRST.modules, "-key"]
        for name in ("ec-handle.key", "aziot:handle=" + quote(self.handles["ec"])):
            self.world.run(*request, name, **nobody)
        refused = self.world.run(*request, "aziot:key=ec", check=False, **nobody)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("keyd refused with status 401", refused.stdout)
        outside = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        refused = self.world.run(*request, "aziot:handle=" + quote(self.handles["ec"]), check=False, **outside)
        self.assertIn("Permission denied", refused.stdout)


def key_file(uri):
    """The PEM file that stands for a key of keyd."""
    body = base64.encodebytes(uri.encode()).replace(b"\n", b"")
    lines = b"\n".join(body[i:i + 64] for i in range(0, len(body), 64))
    return b"-----BEGIN AZIOT KEYS URI-----\n" + lines + b"\n-----END AZIOT KEYS URI-----\n"


def can_connect(path):
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


if __name__ == "__main__":
    main()
