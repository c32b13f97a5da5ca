"""What names say."""

from __future__ import annotations

import pytest

from indexer import path_roles


@pytest.mark.parametrize(
    "name",
    [
        ".env", ".env.production", "prod.env", "server.pem", "tls.key", "id_rsa", "id_ed25519", "store.jks",
        "ca.crt", "cert.p12", ".netrc", ".npmrc", "credentials.json", "client_secret_1.json", "secrets.yaml",
        "terraform.tfstate", "SERVER.PEM",
    ],
)  # fmt: skip
def test_secret_names(name: str) -> None:
    assert path_roles.is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["env.py", "key.py", "id_rsa.pub", "environment.md", "keys.go", "secrets.py", "pem.c", "ch01.asc"]
)
def test_names_that_only_sound_secret(name: str) -> None:
    assert not path_roles.is_secret_name(name)


@pytest.mark.parametrize("name", ["a.min.js", "style.min.css", "app.js.map"])
def test_minified_names(name: str) -> None:
    assert path_roles.is_minified_name(name)


@pytest.mark.parametrize(
    "name", ["api_pb2.py", "api.pb.go", "x.g.dart", "Form.Designer.cs", "zz_generated.deepcopy.go"]
)
def test_generated_names(name: str) -> None:
    assert path_roles.is_generated_name(name)


@pytest.mark.parametrize(
    "name",
    "min.js admin.js generate.py generator.go mapping.js map.ts id_gen.go quote_string.go skip_generated.py"
    " bindata.go clamp-min.js chunk.js".split(),
)
def test_names_that_people_write(name: str) -> None:
    assert not path_roles.is_minified_name(name)
    assert not path_roles.is_generated_name(name)


def test_lock_binary_and_document_names() -> None:
    assert path_roles.is_lock_file("Cargo.lock")
    assert path_roles.is_lock_file("package-lock.json")
    assert not path_roles.is_lock_file("lock.py")
    assert path_roles.is_binary_name("logo.PNG")
    assert path_roles.is_binary_name("lib.tar.gz")
    for name in ("graph.dot", "Motor.mo", "notes.doc", "sample.dat"):  # text or not: the content says
        assert not path_roles.is_binary_name(name)
    assert not path_roles.is_binary_name("png")
    assert not path_roles.is_binary_name(".png")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("vendor/x/y.go", True),
        ("a/node_modules/b/c.js", True),
        ("Third_Party/z.c", True),
        ("src/vendor.py", False),
        ("vendor", False),
    ],
)
def test_vendored_paths(path: str, expected: bool) -> None:
    assert path_roles.is_vendored(path) is expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/test_a.py", True),
        ("pkg/router_test.go", True),
        ("src/app.spec.ts", True),
        ("src/test/java/RouterTest.java", True),
        ("spec/models/user_spec.rb", True),
        ("conftest.py", True),
        ("src/__tests__/a.js", True),
        ("src/contest.py", False),
        ("src/latest/a.py", False),
        ("src/attest.go", False),
        ("testimony.py", False),
    ],
)
def test_test_paths(path: str, expected: bool) -> None:
    assert path_roles.is_test(path) is expected


@pytest.mark.parametrize(
    ("path", "pattern", "system"),
    [
        ("src/win/fs.c", "src/*/fs.c", "windows"),
        ("src/Unix/fs.c", "src/*/fs.c", "posix"),
        ("os/exec_windows.go", "os/exec_*.go", "windows"),
        ("os/exec_linux.go", "os/exec_*.go", "linux"),
        ("posix_io.h", "*_io.h", "posix"),
        ("std/os/darwin.zig", "std/os/*.zig", "darwin"),
        ("linux/exec_windows.go", "linux/exec_*.go", "windows"),
    ],
)
def test_paths_that_name_a_system(path: str, pattern: str, system: str) -> None:
    variant = path_roles.platform_variant(path)
    assert variant is not None
    assert (variant.pattern, variant.system) == (pattern, system)


@pytest.mark.parametrize("path", ["window.py", "darwinism/a.py", "unix", "a/b.linux", "reunix_io.c", ".win"])
def test_paths_that_name_none(path: str) -> None:
    assert path_roles.platform_variant(path) is None


def test_what_is_native() -> None:
    assert path_roles.native_systems("linux") == {"posix", "linux"}
    assert path_roles.native_systems("darwin") == {"posix", "darwin"}
    assert path_roles.native_systems("win32") == {"windows"}


@pytest.mark.parametrize(
    ("path", "parent", "number"),
    [("v3/types.ts", "", 3), ("src/v12/a.py", "src/", 12), ("api/v1/v2/a.go", "api/", 1)],
)
def test_folders_of_versions(path: str, parent: str, number: int) -> None:
    assert path_roles.version_folder(path) == path_roles.VersionFolder(parent, number)


@pytest.mark.parametrize("path", ["v3.ts", "a/v1beta1/b.go", "rev3/a.py", "v/a.py", "a/v2024/b.py"])
def test_folders_of_no_version(path: str) -> None:
    assert path_roles.version_folder(path) is None
