"""The places where keyd keeps the keys of a run, and what each can make. One place a run: the first word of its command."""
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from ways import DEFAULT_FIRST, ENGINE, WAYS
from world import World, eventually

ALGORITHMS = {"ec": "ec-p256", "rsa": "rsa-2048", "rsa4096": "rsa-4096"}


def owned_directory(world, name):
    """A directory of keyd's user, who runs the token or TPM of the test too."""
    user = pwd.getpwnam("aziotks")
    path = Path(tempfile.mkdtemp(prefix=name + ".", dir=world.root))
    os.chown(path, user.pw_uid, user.pw_gid)
    return path, {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class FileBackend:
    kinds = ("ec", "rsa", "rsa4096")
    killing = signal.SIGKILL
    ways = WAYS
    files_of_three_pairs = [".key"] * 4  # with the key that handles are checked with

    def start(self, world):
        """Readies what keyd needs: the lines of [aziot_keys] that name it, and what keyd finds in its environment."""
        return "", {}


class SoftHsmBackend:
    kinds = ("ec", "rsa", "rsa4096")
    killing = signal.SIGKILL
    ways = (ENGINE, DEFAULT_FIRST)
    files_of_three_pairs = []  # from SoftHSM 2.5 on, which makes generic secrets

    def start(self, world):
        directory, user = owned_directory(world, "softhsm")
        configuration = directory / "softhsm2.conf"
        configuration.write_text(f"directories.tokendir = {directory}\nobjectstore.backend = file\nlog.level = ERROR\n")
        environment = {"SOFTHSM2_CONF": str(configuration)}
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", "device", "--so-pin", "12345678", "--pin",
                        "1234"], check=True, stdout=subprocess.DEVNULL, env={**os.environ, **environment}, **user)
        module = next(path for path in Path("/usr/lib").glob("**/softhsm/libsofthsm2.so"))
        return (f'pkcs11_lib_path = "{module}"\npkcs11_base_slot = "pkcs11:token=device?pin-value=1234"\n', environment)


class SwtpmBackend:
    kinds = ("ec", "rsa")  # TPMs make no RSA-4096
    killing = signal.SIGTERM  # no resource manager stands before this TPM: a killed keyd would leave its objects loaded
    ways = (ENGINE, DEFAULT_FIRST)
    files_of_three_pairs = [".tpm"] * 4  # keys of the TPM, wrapped

    def start(self, world):
        directory, user = owned_directory(world, "swtpm")
        server = f"type=unixio,path={directory}/tpm"
        process, output = world.start("swtpm", "socket", "--tpm2", "--tpmstate", f"dir={directory}", "--server", server,
                                      "--ctrl", server + ".ctrl", "--flags", "not-need-init,startup-clear", **user)
        if not eventually((directory / "tpm").exists) or process.poll() is not None:
            raise RuntimeError("swtpm does not start: " + output.read_text())
        return f'tpm_tcti = "swtpm:path={directory}/tpm"\n', {}


BACKENDS = {"file": FileBackend, "softhsm": SoftHsmBackend, "swtpm": SwtpmBackend}


class KeydTest(unittest.TestCase):
    """Tests that share one keyd, with a pair of each kind and a certificate of each pair."""
    backend_name = "file"
    kinds = ("ec", "rsa")

    @classmethod
    def setUpClass(cls):
        cls.backend = BACKENDS[cls.backend_name]()
        cls.world = World()
        cls.addClassCleanup(cls.world.close)
        cls.world.configure(*cls.backend.start(cls.world))
        cls.world.start_keyd()
        cls.kinds = tuple(kind for kind in cls.kinds if kind in cls.backend.kinds)
        cls.handles = {kind: cls.world.new_pair(kind, ALGORITHMS[kind]) for kind in cls.kinds}
        for kind, handle in cls.handles.items():
            cls.new_certificate(kind, handle)
        trusted = "".join(cls.world.path(f"{kind}.pem").read_text() for kind in cls.kinds)
        cls.world.path("trusted.pem").write_text(trusted)

    @classmethod
    def new_certificate(cls, name, handle):
        """<name>.pem: a self-signed certificate for localhost; <name>.pub: its public key."""
        out = cls.world.path(name + ".pem")
        cls.world.run("openssl", "req", "-x509", "-new", "-subj", "/CN=" + name, "-days", "2", "-addext",
                      "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:TRUE",
                      "-out", out, *ENGINE.key(handle))
        shown = cls.world.run("openssl", "x509", "-in", out, "-noout", "-pubkey")
        cls.world.path(name + ".pub").write_text(shown.stdout)
        return out

    def every(self, check, ways=WAYS):
        """Calls check(way, kind, handle) for each way and key; the long RSA keys take their time and get fewer ways."""
        for way in ways:
            if way not in self.backend.ways:
                continue
            for kind in self.kinds:
                if kind == "rsa4096" and way not in (DEFAULT_FIRST, ENGINE):
                    continue
                with self.subTest(way=way.name, key=kind):
                    check(way, kind, self.handles[kind])


def main():
    """Runs the tests of the calling file with the keys in the place that the command's first word names (file)."""
    if len(sys.argv) > 1 and sys.argv[1] in BACKENDS:
        KeydTest.backend_name = sys.argv.pop(1)
    unittest.main(verbosity=2)
