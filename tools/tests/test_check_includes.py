"""Tests of check_includes.py: one accepted and one refused example of every rule."""

import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
import check_includes  # noqa: E402


def rules(path, line):
    text = f"// A header.\n{line}\n"
    return [str(b) for b in check_includes.check_text(path, text, lambda target: False)]


class Order(unittest.TestCase):
    def test_upwards_is_fine(self):
        self.assertEqual(rules("http/server.cpp", '#include "net/stream.hpp"'), [])
        self.assertEqual(rules("http/server.cpp", '#include "http/server.hpp"'), [])
        self.assertEqual(rules("api/http/state.cpp", '#include "blocks/state/state.hpp"'), [])

    def test_downwards_is_refused_with_file_and_line(self):
        self.assertEqual(rules("net/tcp.cpp", '#include "http/server.hpp"'),
                         ["src/net/tcp.cpp:2: net/ is below http/ and cannot include it"])

    def test_every_folder_may_include_base(self):
        for folder in check_includes.ORDER:
            self.assertEqual(rules(f"{folder}/x.cpp", '#include "base/result.hpp"'), [], folder)

    def test_base_includes_nothing_of_ours(self):
        for folder in check_includes.ORDER[1:]:
            self.assertEqual(len(rules("base/x.cpp", f'#include "{folder}/x.hpp"')), 1, folder)

    def test_unknown_folder(self):
        self.assertIn("has no place", rules("extra/x.cpp", '#include "base/result.hpp"')[0])

    def test_the_order_does_not_care_for_tests(self):
        self.assertEqual(len(rules("net/tcp_test.cpp", '#include "http/server.hpp"')), 1)

    def test_spaces_and_angle_brackets(self):
        check = check_includes.check_text("net/x.cpp", " #  include <http/server.hpp>\n",
                                          lambda target: target == "http/server.hpp")
        self.assertEqual(len(check), 1)


class Separation(unittest.TestCase):
    def test_components_control_and_target_do_not_meet(self):
        trio = ("components", "control", "target")
        for source in trio:
            for wanted in trio:
                if source != wanted:
                    self.assertEqual(len(rules(f"{source}/x.cpp", f'#include "{wanted}/x.hpp"')), 1)

    def test_blocks_see_contracts_only(self):
        self.assertEqual(rules("blocks/state/x.cpp", '#include "contracts/state.hpp"'), [])
        for wanted in ("components", "control", "target"):
            self.assertIn("through contracts/",
                          rules("blocks/state/x.cpp", f'#include "{wanted}/x.hpp"')[0])

    def test_vendors(self):
        header = '#include "components/state/sqlite/store.hpp"'
        self.assertEqual(rules("daprd/component_table.cpp", header), [])
        self.assertEqual(rules("components/state/sqlite/store.cpp", header), [])
        for path in ("runtime/load.cpp", "components/state/memory/store.cpp", "components/table.cpp"):
            self.assertIn("names a vendor", rules(path, header)[0])

    def test_shared_component_helpers(self):
        self.assertEqual(
            rules("components/state/sqlite/store.cpp", '#include "components/state/keys.hpp"'), [])


class Writing(unittest.TestCase):
    def test_bare_names_and_parents(self):
        self.assertIn("with its folder", rules("net/tcp.cpp", '#include "tcp.hpp"')[0])
        self.assertIn("without ..", rules("net/tcp.cpp", '#include "../base/result.hpp"')[0])


class ThirdParty(unittest.TestCase):
    def test_homes(self):
        for path, header in (("net/tls.cpp", "openssl/ssl.h"), ("net/dns.cpp", "ares.h"),
                             ("http/session.cpp", "nghttp2/nghttp2.h"),
                             ("grpc/codec.hpp", "google/protobuf/message.h"),
                             ("api/grpc/state.cpp", "dapr/proto/runtime/v1/dapr.pb.h"),
                             ("control/sentry.cpp", "dapr/proto/sentry/v1/sentry.pb.h"),
                             ("components/pluggable/state.cpp", "dapr/proto/components/v1/state.pb.h"),
                             ("runtime/internal_server.cpp", "dapr/proto/internals/v1/service.pb.h"),
                             ("components/sqlite/database.cpp", "sqlite3.h"),
                             ("config/yaml.cpp", "yaml-cpp/yaml.h"),
                             ("daprd/memory.cpp", "jemalloc/jemalloc.h"),
                             ("api/http/state.cpp", "boost/json.hpp"), ("net/tcp.cpp", "vector")):
            self.assertEqual(rules(path, f"#include <{header}>"), [], (path, header))

    def test_away_from_home(self):
        for path, header in (("http/session.cpp", "openssl/ssl.h"), ("grpc/codec.cpp", "nghttp2/nghttp2.h"),
                             ("api/http/state.cpp", "google/protobuf/message.h"),
                             ("blocks/state/x.cpp", "dapr/proto/common/v1/common.pb.h"),
                             ("api/http/x.cpp", "dapr/proto/common/v1/common.pb.h"),
                             ("components/state/memory/store.cpp", "sqlite3.h"),
                             ("components/state/sqlite/store.cpp", "sqlite3.h"),
                             ("contracts/x.hpp", "yaml-cpp/yaml.h"),
                             ("net/tcp.cpp", "boost/asio.hpp")):
            found = rules(path, f"#include <{header}>")
            self.assertEqual(len(found), 1, (path, header))
            self.assertIn("stay at home", found[0])

    def test_tests_may_use_the_library_underneath(self):
        self.assertEqual(rules("components/state/sqlite_test.cpp", "#include <sqlite3.h>"), [])


class Tree(unittest.TestCase):
    def test_exit_codes(self):
        with tempfile.TemporaryDirectory() as folder:
            src = pathlib.Path(folder) / "src"
            (src / "base").mkdir(parents=True)
            (src / "base" / "a.hpp").write_text("// A.\n#include <string>\n")
            self.assertEqual(check_includes.main([str(src)]), 0)
            (src / "base" / "b.hpp").write_text('// B.\n#include "net/tcp.hpp"\n')
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                self.assertEqual(check_includes.main([str(src)]), 1)
            self.assertIn("src/base/b.hpp:2:", printed.getvalue())


if __name__ == "__main__":
    unittest.main()
