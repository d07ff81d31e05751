#!/usr/bin/env python3
"""Runs openssl-engine/README.md: every block of its recipes, in their order and as they stand there. A comment before a block
says what it is:

  <!-- test: run -->        lines for a shell; all of them share one
  <!-- test: server -->     a command that goes on until the next server, or the end; the next block waits for its port
  <!-- test: file NAME -->  what is in a file
"""
import re
import subprocess

from backends import KeydTest, main
from world import LIMIT, SOURCE, end, free_port

README = SOURCE / "openssl-engine/README.md"
FENCE = re.compile(r"^(?:<!-- test: (?P<kind>\w+) ?(?P<name>\S*) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S)

PRELUDE = """
set -euo pipefail
server=
finish() {
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
  fi
}
trap finish EXIT
wait_for_server() {
  for _ in $(seq 600); do
    (exec 3<>/dev/tcp/127.0.0.1/4433) 2>/dev/null && return
    kill -0 "$server" 2>/dev/null || { cat server.log; return 1; }
    sleep 0.05
  done
  return 1
}
"""


def blocks(text):
    return [(found["kind"], found["name"], found["language"], found["text"], text.count("\n", 0, found.start()) + 1)
            for found in FENCE.finditer(text)]


def script(text):
    """The recipes as one shell script."""
    lines = [PRELUDE]
    for kind, name, language, content, line in blocks(text):
        if kind is None:
            continue
        lines.append(f"echo '== README.md:{line}'")
        if kind == "file":
            lines.append(f"cat >{name} <<'END OF FILE'\n{content}END OF FILE")
        elif kind == "server":
            # A command becomes the process itself, so that it is what ends.
            lines.append(f"finish\n(exec {content.strip()}) >server.log 2>&1 </dev/null &\nserver=$!\nwait_for_server")
        else:
            lines.append(content)
    return "\n".join(lines)


class RecipesTest(KeydTest):
    kinds = ()

    def test_every_block_is_run(self):
        text = README.read_text()
        recipes = text[text.index("## Recipes"):text.index("## When something fails")]
        found = blocks(recipes)
        self.assertGreater(len(found), 20)
        self.assertEqual(recipes.count("\n```") % 2, 0)
        self.assertEqual([block for block in found if block[0] not in ("run", "server", "file")], [])

    def test_recipes(self):
        world = self.world
        world.start_certd()
        run = script(README.read_text()).replace("/run/aziot/", str(world.root / "run/aziot") + "/")
        process = subprocess.Popen(["bash", "-c", run.replace("4433", str(free_port()))], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=world.directory,
                                   env=world.environment())
        try:
            said = process.communicate(timeout=2 * LIMIT)[0].decode(errors="replace")
        finally:
            end(process)
        self.assertEqual(process.returncode, 0, said)
        for sign in ("Verified OK", "CMS Verification successful", "hello CN=device", "b'hello CN=device\\n'",
                     "Subject: CN=device", "Verification: OK"):
            self.assertTrue(sign in said, sign)


if __name__ == "__main__":
    main()
