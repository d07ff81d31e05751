#!/usr/bin/env python3
"""Reads every #include of the tree and holds it against the layout: who may touch whom.

Usage: check_includes.py SOURCE_DIR. Prints each include that no rule allows; exit status 1 when there is one.
"""
import re
import sys
from pathlib import Path

OPEN = ["common/status", "common/bytes", "common/log", "common/metrics"]

# Room: rooms it may include besides itself and the open ones. A trailing * stands for any folder of that name.
RULES = {
    "common/status": [],
    "common/bytes": [],
    "common/log": [],
    "common/metrics": [],
    "common/ids": [],
    "common/clock": [],
    "common/files": [],
    "common/uri": [],
    "common/openssl": ["common/clock"],
    "common/config": ["proto", "common/files"],
    "common/net": ["common/openssl"],
    "common/http": ["common/net"],
    "common/access": ["common/ids", "common/net"],
    "common/https": ["common/http", "common/openssl", "common/clock"],
    "common/rpc": ["proto", "common/ids", "common/http", "common/net", "common/clock"],
    "common/server": ["common/rpc", "common/ids", "common/http", "common/net", "common/clock", "common/files", "proto"],
    "common/grpc_front": ["common/rpc/endpoint.h"],
    "common/client": ["proto", "common/rpc", "common/http", "common/net"],
    "common/testing": ["common/*"],
    "keyd/tpm": ["common/clock", "common/files", "common/openssl"],
    "keyd/backend/file": ["keyd/backend", "common/ids", "common/files", "common/uri", "common/openssl", "common/clock"],
    "keyd/backend/pkcs11": ["keyd/backend", "common/ids", "common/files", "common/uri", "common/openssl"],
    "keyd/backend/tpm2": ["keyd/backend", "keyd/tpm", "common/ids", "common/files", "common/uri", "common/openssl"],
    "keyd/backend/library": ["keyd/backend", "common/ids", "common/files", "common/uri", "common/openssl"],
    "keyd/backend/worker": ["keyd/backend", "common/ids", "common/files", "proto"],
    "keyd/backend/testing": ["keyd/backend", "common/*"],
    "keyd/backend": ["keyd/backend/*", "keyd/tpm", "common/ids", "common/uri", "common/files", "common/openssl", "proto"],
    "keyd/handles": ["keyd/backend", "common/ids", "common/openssl"],
    "keyd/service": ["keyd/handles", "keyd/backend", "keyd/tpm", "common/access", "common/rpc", "common/net", "proto", "common/ids"],
    "certd/issuer/*": ["certd/issuer", "common/ids", "common/clock", "common/files", "common/uri", "common/openssl",
                       "common/https", "common/client", "proto"],
    "certd/issuer": ["certd/issuer/*", "common/ids", "common/clock", "common/uri", "common/openssl", "common/client", "proto"],
    "certd/store": ["certd/issuer", "common/ids", "common/clock", "common/files", "common/uri", "common/openssl", "proto"],
    "certd/renewal": ["certd/issuer", "common/ids", "common/clock", "common/files", "common/openssl", "common/client", "proto"],
    "certd/service": ["certd/issuer", "certd/store", "certd/renewal", "common/access", "common/rpc", "common/net",
                      "common/openssl", "proto", "common/ids"],
    "identityd/principals": ["common/ids", "common/net"],
    "identityd/attestation/*": ["identityd/attestation", "common/ids", "common/clock", "common/files", "common/uri",
                                "common/openssl", "common/client", "proto"],
    "identityd/attestation": ["identityd/attestation/*", "common/ids", "common/clock", "common/client", "proto"],
    "identityd/provisioning/*": ["identityd/provisioning", "identityd/attestation", "identityd/principals", "common/ids",
                                 "common/clock", "common/files", "common/uri", "common/openssl", "common/client", "proto",
                                 "common/http", "common/https", "common/net"],
    "identityd/provisioning": ["identityd/provisioning/*", "identityd/attestation", "identityd/principals", "common/ids",
                               "common/clock", "common/files", "common/uri", "common/openssl", "common/client", "proto",
                               "common/http", "common/https", "common/net"],
    "identityd/device": ["identityd/provisioning", "identityd/attestation", "identityd/principals", "common/ids",
                         "common/clock", "common/files", "common/uri", "common/openssl", "common/client", "proto",
                         "common/http", "common/https", "common/net"],
    "identityd/modules": ["identityd/provisioning", "identityd/attestation", "identityd/principals", "identityd/device",
                          "common/ids", "common/clock", "common/files", "common/uri", "common/openssl", "common/client",
                          "proto", "common/http", "common/https", "common/net"],
    "identityd/local": ["identityd/attestation", "identityd/principals", "common/ids", "common/clock", "common/files",
                        "common/uri", "common/openssl", "common/client", "proto", "common/http", "common/https",
                        "common/net"],
    "identityd/service": ["identityd/provisioning", "identityd/device", "identityd/modules", "identityd/local",
                          "identityd/principals", "common/rpc", "common/net", "proto", "common/ids", "common/clock"],
    "provisiond/verifier/*": ["provisiond/auth", "provisiond/store", "provisiond/audit", "common/*", "proto"],
    "provisiond/store": ["common/*", "proto"],
    "provisiond/store/*": ["provisiond/store", "common/*", "proto"],
    "provisiond/auth": ["provisiond/store", "provisiond/audit", "common/*", "proto"],
    "provisiond/audit": ["provisiond/store", "common/*", "proto"],
    "provisiond/lifecycle": ["provisiond/verifier/*", "provisiond/store", "provisiond/auth", "provisiond/audit", "common/*", "proto"],
    "provisiond/api/*": ["provisiond/api", "provisiond/lifecycle", "provisiond/verifier/*", "provisiond/store",
                         "provisiond/auth", "provisiond/audit", "common/*", "proto"],
    "provisiond/api": ["provisiond/api/*", "provisiond/lifecycle", "provisiond/store", "provisiond/auth",
                       "provisiond/audit", "common/*", "proto"],
    "provisiond/service": ["provisiond/lifecycle", "provisiond/verifier/*", "provisiond/store", "provisiond/auth",
                           "provisiond/audit", "common/*", "proto"],
    "provisiond/ctl": ["common/*", "proto"],
    "keyd": ["keyd/*", "common/*", "proto"],
    "certd": ["certd/*", "common/*", "proto"],
    "identityd": ["identityd/*", "common/*", "proto"],
    "provisiond": ["provisiond/*", "common/*", "proto"],
    "aziotctl": ["aziotctl", "common/*", "proto"],
    "prov-client": ["common/http", "common/net", "common/openssl", "common/clock"],
    "openssl-engine": [],
}
# Rooms that everything of common/* stands for, but not for these.
NEVER = {"provisiond/ctl": ["common/server", "common/grpc_front"], "aziotctl": ["common/server", "common/grpc_front"]}
TOPS = ("common", "keyd", "certd", "identityd", "provisiond", "aziotctl", "prov-client", "openssl-engine")
TEST_FILE = re.compile(r"(_test|_fuzz|_bench|_fixture)\.(cc|h)$|/(fake|test)_[^/]*$|/testing/")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def within(path, pattern):
    if pattern.endswith("/*"):
        return path.startswith(pattern[:-1]) and len(path) > len(pattern) - 1
    return path == pattern or path.startswith(pattern + "/")


def room_of(path):
    """The longest rule that holds `path`'s folder; between equals, the one for sub-folders."""
    folder = "/".join(path.split("/")[:-1])
    holding = [r for r in RULES if within(folder, r)]
    return max(holding, key=lambda r: (len(r.removesuffix("/*")), r.endswith("/*")), default=None)


def matches(target, rule):
    if rule.endswith("/*"):
        return within(target, rule)
    if rule.endswith(".h") or rule == "proto":
        return target == rule or target.startswith(rule + "/")
    return room_of(target) == rule


def allowed(source, target, is_test):
    room = room_of(source)
    if room is None:
        return False
    if TEST_FILE.search(target) and not is_test:
        return False
    own_folder = "/".join(source.split("/")[:3])
    if within(target, own_folder) if room.endswith("/*") else room_of(target) == room:
        return True
    if room not in ("common/status", "common/grpc_front", "openssl-engine") and any(within(target, o) for o in OPEN):
        return room not in OPEN or room_of(target) == "common/status"
    if any(within(target, never) for never in NEVER.get(room, [])):
        return False
    return any(matches(target, rule) for rule in RULES[room])


def normal(include):
    return "proto/" + include if include.startswith("aziot/") else include


def check(root):
    bad = []
    for top in TOPS:
        for path in sorted(Path(root, top).rglob("*")) if Path(root, top).exists() else []:
            if path.suffix not in (".cc", ".h", ".c"):
                continue
            source = str(path.relative_to(root))
            is_test = TEST_FILE.search(source) is not None
            for include in INCLUDE.findall(path.read_text()):
                target = normal(include)
                if not (target.startswith("proto/") or target.split("/")[0] in TOPS):
                    continue
                if is_test and target.split("/")[0] == source.split("/")[0]:
                    continue
                if is_test and (target.startswith("common/") or target.startswith("proto/")):
                    continue
                if not allowed(source, target, is_test):
                    bad.append(f"{source}: includes {include}, which {room_of(source) or 'no room'} may not touch")
    return bad


if __name__ == "__main__":
    findings = check(sys.argv[1])
    print("\n".join(findings) if findings else "every include follows the layout")
    sys.exit(1 if findings else 0)
