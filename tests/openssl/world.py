"""The real keyd in a private root, and how programs are pointed at it and at the modules of this build."""
import atexit
import functools
import grp
import http.client
import json
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
from pathlib import Path

SOURCE = Path(os.environ.get("AZIOT_SOURCE_DIR", Path(__file__).resolve().parents[2]))
BUILD = Path(os.environ.get("AZIOT_BUILD_DIR", SOURCE / "build/release"))
ENGINES = BUILD / "lib/engines-3"
MODULES = BUILD / "lib/ossl-modules"
# Before a program's words: it ends with the test, however that ends.
BOUND_TO_US = ("setpriv", "--pdeathsig", "KILL", "--")
# Bounds what only a test that has failed would wait for.
LIMIT = 60


def eventually(condition):
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


def quote(text):
    return urllib.parse.quote(text, safe="")


def free_port():
    """A port below those that the kernel gives to clients, so that only another server could take it meanwhile."""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("keyd.sock", timeout=LIMIT)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(LIMIT)
        self.sock.connect(self.path)


def end(process):
    """Ends a child of ours and waits for it; what it wrote to stdout, when that is a pipe."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.communicate(timeout=10)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


class World:
    """One keyd with the keys of one backend. Everything below `root` goes with the object."""

    def __init__(self):
        subprocess.run([SOURCE / "packaging/users"], check=True)
        self.root = Path(tempfile.mkdtemp(prefix="aziot-ossl.", dir="/tmp"))
        atexit.register(self.close)
        subprocess.run([SOURCE / "packaging/private-root", self.root], check=True)
        self.socket = str(self.root / "run/aziot/keyd.sock")
        self.home = self.root / "var/lib/aziot/keyd"
        self.processes = []
        self.keyd = None
        self.configure("")
        self.directory = self.root / "programs"
        self.directory.mkdir(mode=0o755)
        self.configuration = self.write_configuration("openssl.cnf")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for process in self.processes:
            end(process)
        self.processes = []
        self.stop_keyd()
        shutil.rmtree(self.root, ignore_errors=True)

    # --- keyd ---

    def configure(self, options, environment=None):
        """`options` are lines of [aziot_keys]; `environment` is what keyd finds in its own."""
        self.keyd_environment = environment or {}
        (self.root / "etc/aziot/keyd/config.toml").write_text(
            f'[aziot_keys]\nhomedir_path = "{self.home}"\n{options}\n'
            '[[principal]]\nuid = 0\nkeys = ["*"]\n')

    def start_daemon(self, name, user_name, environment):
        user = pwd.getpwnam(user_name)
        groups = [group.gr_gid for group in grp.getgrall() if user_name in group.gr_mem]
        with open(self.root / f"var/log/{name}.log", "ab") as log:
            daemon = subprocess.Popen(
                [*BOUND_TO_US, BUILD / f"libexec/aziot-identity-service/aziot-{name}", "--root", self.root], stderr=log,
                stdin=subprocess.DEVNULL, user=user.pw_uid, group=user.pw_gid, extra_groups=groups, env=environment)
        eventually(lambda: self.is_ready(name) or daemon.poll() is not None)
        if daemon.poll() is not None:
            raise RuntimeError(f"{name} does not start: " + (self.root / f"var/log/{name}.log").read_text())
        return daemon

    def start_keyd(self):
        self.keyd = self.start_daemon("keyd", "aziotks", self.keyd_environment)

    def start_certd(self):
        (self.root / "etc/aziot/certd/config.toml").write_text(
            f'homedir_path = "{self.root}/var/lib/aziot/certd"\n[[principal]]\nuid = 0\ncerts = ["*"]\n')
        self.processes.append(self.start_daemon("certd", "aziotcs", {}))

    def stop_keyd(self, signal_number=signal.SIGTERM):
        if self.keyd is None:
            return
        self.keyd.send_signal(signal_number)
        try:
            self.keyd.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.keyd.kill()
            self.keyd.wait()
        self.keyd = None

    def is_ready(self, daemon):
        try:
            return self.ask("GET", "/ready", daemon=daemon)[0] == 200
        except OSError:
            return False

    def ask(self, verb, path, body=None, daemon="keyd"):
        connection = UnixConnection(str(self.root / f"run/aziot/{daemon}.sock"))
        try:
            text = None if body is None else json.dumps(body)
            headers = {} if body is None else {"content-type": "application/json"}
            connection.request(verb, path + "?api-version=2021-05-01", text, headers)
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content[:1] == b"{" else content
        finally:
            connection.close()

    def new_pair(self, key_id, algorithm):
        """The handle of a pair, which is made when it is not there."""
        status, answer = self.ask("POST", "/keypair", {"keyId": key_id, "preferredAlgorithms": algorithm})
        if status != 200:
            raise RuntimeError(f"keyd makes no {algorithm}: {status} {answer}")
        return answer["keyHandle"]

    def rotate(self, key_id, algorithm):
        """Puts another pair in the place of `key_id`, as a renewal does."""
        self.new_pair(key_id + "-next", algorithm)
        status, answer = self.ask("POST", "/keypair/" + quote(key_id), {"from": key_id + "-next"})
        if status != 204:
            raise RuntimeError(f"keyd moves nothing: {status} {answer}")

    # --- programs ---

    def write_configuration(self, name, providers=(), engine_init=0, properties=""):
        """An openssl.cnf that tells both modules this keyd's socket. `providers` are active, in that order; a program
        may also load what is not, and it then has its settings from here."""
        order = list(providers) + [p for p in ("default", "aziot_keys") if p not in providers]
        text = ["openssl_conf = init", "[init]", "providers = all_providers", "engines = all_engines"]
        if properties:
            text += ["alg_section = evp"]
        text += ["[all_engines]", "aziot_keys = the_engine", "[the_engine]", "engine_id = aziot_keys",
                 f"SOCKET_PATH = {self.socket}", f"init = {engine_init}"]
        text += ["[evp]", f"default_properties = {properties}"] if properties else []
        text += ["[all_providers]"] + [f"{p} = provider_{p}" for p in order]
        for provider in order:
            text += [f"[provider_{provider}]"]
            text += ["activate = 1"] if provider in providers else []
            text += [f"socket_path = {self.socket}"] if provider == "aziot_keys" else []
        path = self.directory / name
        path.write_text("\n".join(text) + "\n")
        return path

    def environment(self, configuration=None):
        return dict(os.environ, OPENSSL_CONF=str(configuration or self.configuration), OPENSSL_ENGINES=str(ENGINES),
                    OPENSSL_MODULES=str(MODULES), LC_ALL="C.UTF-8", **({"HOME": str(self.directory)}))

    def run(self, *command, configuration=None, stdin=b"", check=True, environment=None, **more):
        """Runs a program to its end in the programs' directory. Output is stdout and stderr together."""
        command = [str(word) for word in command]
        done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT,
                              cwd=self.directory, env=environment or self.environment(configuration), **more)
        done.stdout = done.stdout.decode(errors="replace")
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}")
        return done

    def start(self, *command, configuration=None, **more):
        """Starts a program whose output goes into a file: (process, path of the file)."""
        with tempfile.NamedTemporaryFile(dir=self.directory, prefix="output.", delete=False) as output:
            process = subprocess.Popen([*BOUND_TO_US, *map(str, command)], stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=subprocess.STDOUT, cwd=self.directory,
                                       env=self.environment(configuration), **more)
        self.processes.append(process)
        return process, Path(output.name)

    def path(self, name):
        return self.directory / name


@functools.lru_cache(maxsize=None)
def plain_key(kind):
    """A key that keyd knows nothing of, as PEM."""
    options = {"ec": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]}
    return subprocess.run(["openssl", "genpkey", "-algorithm", *options[kind]], check=True, capture_output=True).stdout
