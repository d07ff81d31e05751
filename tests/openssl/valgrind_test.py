#!/usr/bin/env python3
"""The openssl command under valgrind: neither module reads what it should not, or leaves memory behind."""
from backends import KeydTest, main
from ways import DEFAULT_FIRST, ENGINE, OURS_FIRST

VALGRIND = ("valgrind", "-q", "--error-exitcode=99", "--leak-check=full", "--show-leak-kinds=definite",
            "--errors-for-leak-kinds=definite")


class ValgrindTest(KeydTest):
    def check(self, *command, status=0):
        done = self.world.run(*VALGRIND, *command, check=False)
        self.assertEqual(done.returncode, status, done.stdout)

    def test_signing(self):
        def check(way, kind, handle):
            self.check("openssl", "req", "-new", "-subj", "/CN=device", "-out", "device.csr", *way.key(handle))
        self.every(check, (ENGINE, DEFAULT_FIRST, OURS_FIRST))

    def test_refusals(self):
        for way in (ENGINE, DEFAULT_FIRST):
            with self.subTest(way=way.name):
                self.check("openssl", "req", "-new", "-subj", "/CN=device", *way.key("sr=elsewhere&sig=AA=="), status=1)

    def test_key_files(self):
        self.check("openssl", "storeutl", "-keys", *DEFAULT_FIRST.modules, "aziot:key=ec")


if __name__ == "__main__":
    main()
