"""TLS handshakes between the openssl command's server and client."""
import re
import subprocess

from world import LIMIT, end, eventually


class Server:
    """`openssl s_server`, which answers a line with the same line backwards and asks for a client
    certificate."""

    def __init__(self, world, certificate, *options, configuration=None, mutual=True, answer="-rev"):
        self.world = world
        self.address = None
        trust = ["-Verify", "1", "-verify_return_error", "-CAfile", "trusted.pem"] if mutual else []
        self.process, self.output = world.start(
            "openssl", "s_server", "-accept", "127.0.0.1:0", answer, "-cert", certificate, *trust, *options,
            configuration=configuration)

    def __enter__(self):
        eventually(lambda: self.find_address() or self.process.poll() is not None)
        if self.address is None:
            raise AssertionError(f"s_server does not start: {self.log()}")
        return self

    def find_address(self):
        found = re.search(r"^ACCEPT (127\.0\.0\.1:\d+)$", self.log(), re.M)
        self.address = found and found.group(1)
        return self.address

    def __exit__(self, *_):
        end(self.process)

    def log(self):
        return self.output.read_text(errors="replace")

    def client_command(self, *options):
        return ["openssl", "s_client", "-connect", self.address, "-servername", "localhost", "-verify_return_error",
                "-CAfile", "trusted.pem", "-ign_eof", *options]

    def connect(self, *options, configuration=None, check=True):
        """One connection: true when our line came back, and what both sides said."""
        done = self.world.run(*self.client_command(*options), configuration=configuration, stdin=b"drawer\nCLOSE\n",
                              check=False)
        said = f"--- client\n{done.stdout}\n--- server\n{self.log()}"
        came_back = "reward" in done.stdout
        if check and not came_back:
            raise AssertionError(said)
        return came_back, said

    def connect_at_once(self, count, *options, configuration=None):
        """`count` clients at once, each a process; how many got their line back, and what the others said."""
        clients = [subprocess.Popen(self.client_command(*map(str, options)), stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.world.directory,
                                    env=self.world.environment(configuration)) for _ in range(count)]
        said = []
        try:
            for client in clients:
                client.stdin.write(b"drawer\nCLOSE\n")
                client.stdin.close()
            for client in clients:
                client.stdin = None
                said.append(client.communicate(timeout=LIMIT)[0].decode(errors="replace"))
        finally:
            for client in clients:
                end(client)
        failed = [text for text in said if "reward" not in text]
        return len(said) - len(failed), failed
