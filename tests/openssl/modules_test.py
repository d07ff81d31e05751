#!/usr/bin/env python3
"""The modules are guests in other programs: what they export, what they need, and what they must not reach for."""
import re
import subprocess
import unittest

from world import ENGINES, MODULES


def lines(*command):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout.splitlines()


class ModulesTest(unittest.TestCase):
    doors = {ENGINES / "aziot_keys.so": {"bind_engine", "v_check"}, MODULES / "aziot_keys.so": {"OSSL_provider_init"}}

    def test_they_export_their_doors_alone(self):
        for module, doors in self.doors.items():
            with self.subTest(module=module):
                shown = lines("nm", "-D", "--defined-only", "--with-symbol-versions", module)
                self.assertEqual({line.split()[-1] for line in shown}, doors)

    def test_they_need_libcrypto_and_the_runtime(self):
        for module in self.doors:
            with self.subTest(module=module):
                needed = {found[1] for line in lines("readelf", "-d", module)
                          if (found := re.search(r"NEEDED.*\[(.*?)\.so", line))}
                self.assertLessEqual(needed, {"libcrypto", "libstdc++", "libgcc_s", "libm", "libc", "ld-linux-x86-64",
                                              "ld-linux-aarch64"})

    def test_they_take_nothing_from_the_environment_and_start_nothing(self):
        for module in self.doors:
            with self.subTest(module=module):
                used = {line.split()[-1].split("@")[0] for line in lines("nm", "-D", "--undefined-only", module)}
                self.assertIn("connect", used)
                self.assertFalse(used & {"getenv", "secure_getenv", "pthread_create", "fork", "posix_spawn", "system",
                                         "signal", "sigaction", "printf", "fprintf", "puts", "fputs", "write", "exit"})


if __name__ == "__main__":
    unittest.main(argv=[__file__], verbosity=2)
