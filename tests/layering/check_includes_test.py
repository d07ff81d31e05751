#!/usr/bin/env python3
"""The include check must find what it is there to find."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from check_includes import check  # noqa: E402


class CheckIncludes(unittest.TestCase):
    def findings(self, path, include):
        with tempfile.TemporaryDirectory() as root:
            file = Path(root, path)
            file.parent.mkdir(parents=True)
            file.write_text(f'#include "{include}"\n')
            return check(root)

    def test_allowed(self):
        for path, include in [
            ("keyd/service/operations.cc", "keyd/handles/key_handles.h"),
            ("keyd/service/operations.cc", "aziot/keys/v1/keys.pb.h"),
            ("keyd/backend/file/file_backend.cc", "keyd/backend/key_backend.h"),
            ("keyd/backend/backends.cc", "keyd/backend/file/file_backend.h"),
            ("keyd/main.cc", "common/server/server.h"),
            ("common/server/server.cc", "common/rpc/dispatcher.h"),
            ("common/grpc_front/front.cc", "common/rpc/endpoint.h"),
            ("openssl-engine/provider/store.cc", "openssl-engine/key_ref.h"),
            ("certd/store/cert_store_test.cc", "common/testing/temp_dir.h"),
        ]:
            self.assertEqual(self.findings(path, include), [], f"{path} -> {include}")

    def test_refused(self):
        for path, include in [
            ("keyd/service/operations.cc", "common/server/server.h"),
            ("keyd/backend/file/file_backend.cc", "keyd/backend/pkcs11/pkcs11_backend.h"),
            ("keyd/backend/file/file_backend.cc", "common/net/peer.h"),
            ("keyd/handles/key_handles.cc", "keyd/service/operations.h"),
            ("certd/issuer/est/est.cc", "certd/issuer/local_ca/local_ca.h"),
            ("certd/main.cc", "keyd/config.h"),
            ("aziotctl/main.cc", "common/server/args.h"),
            ("aziotctl/main.cc", "keyd/config.h"),
            ("common/rpc/rest.cc", "common/server/server.h"),
            ("common/grpc_front/front.cc", "common/log/log.h"),
            ("openssl-engine/remote_key.cc", "common/http/client.h"),
            ("keyd/main.cc", "common/testing/temp_dir.h"),
            ("common/log/log.cc", "common/files/files.h"),
            ("common/http/client.cc", "common/http/fake_server.h"),
            ("keyd/service/operations.cc", "keyd/backend/testing/fake_backend.h"),
        ]:
            self.assertEqual(len(self.findings(path, include)), 1, f"{path} -> {include}")


if __name__ == "__main__":
    unittest.main()
