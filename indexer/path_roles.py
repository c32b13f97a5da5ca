"""What a file's name alone says of it: hidden, secret, vendored, generated, minified, lock, binary, test,
of one system or version among several.

Pure functions over names; nothing here touches the disk. The walk skips by these, ranking weighs
by `is_vendored`, `is_test`, `platform_variant` and `version_folder`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

from indexer.document_formats import is_document_name
from indexer.light_dataclasses import dataclass


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


VENDORED_FOLDERS = _words("""
    vendor vendors vendored third_party third-party thirdparty 3rdparty external externals extern
    node_modules bower_components jspm_packages site-packages dist-packages pods carthage godeps
""")
"""Folders, lower case, whose content others wrote."""

DEPENDENCY_FOLDERS = _words("""
    node_modules bower_components jspm_packages site-packages dist-packages __pycache__ pods carthage
    elm-stuff __pypackages__
""")
"""Folders, lower case, that a package manager fills: skipped wherever git does not track them."""

LOCK_FILES = _words("""
    package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb deno.lock
    poetry.lock pipfile.lock pdm.lock uv.lock pixi.lock conda-lock.yml cargo.lock gemfile.lock
    composer.lock go.sum go.work.sum mix.lock podfile.lock cartfile.resolved package.resolved
    pubspec.lock flake.lock gradle.lockfile packages.lock.json project.assets.json stack.yaml.lock
    cabal.project.freeze rebar.lock shard.lock elm.lock .terraform.lock.hcl module.bazel.lock
""")

BINARY_SUFFIXES = _words("""
    .png .jpg .jpeg .gif .bmp .ico .icns .tif .tiff .webp .avif .heic .psd .xcf .dds .tga .exr
    .hdr .mp3 .wav .ogg .oga .flac .aac .m4a .wma .mid .midi .mp4 .m4v .mov .avi .mkv .webm .wmv .flv
    .mpg .mpeg .ttf .otf .woff .woff2 .eot .pfb .zip .tar .gz .tgz .bz2 .tbz2 .xz .txz .zst .lz4 .lzma
    .7z .rar .br .z .jar .war .ear .aar .apk .ipa .whl .egg .gem .nupkg .deb .rpm .dmg .iso .img .cab
    .msi .crx .xpi .vsix .pack .exe .dll .so .dylib .a .o .obj .ko .class .pyc .pyo .pyd
    .wasm .bc .beam .elc .rlib .rmeta .pdb .db .sqlite .sqlite3 .mdb .rdb .ldb .npy .npz
    .pkl .pickle .joblib .parquet .feather .arrow .orc .avro .h5 .hdf5 .pt .pth .ckpt .safetensors .onnx
    .gguf .tflite .gmo .swf .fla .blend .fbx .glb .3ds .unity3d .rds .rdata .dta
    .nc .tfrecord .mmdb .snap .pcap .dmp .swp .ppt .pptx .xls .xlsx .xlsm .odt .odp
    .ods .rtf .mobi .azw3 .djvu .ps .eps
""")
"""Suffixes, lower case, of files that no text reader can use: their content is not looked at, unless
`document_formats.py` has a row for them. Suffixes that are of text too (`.dot`, `.dat`, `.mo`, `.lib`) are
left to the content."""

_DATA_LANGUAGES = _words("json yaml toml ini xml csv")
_DATA_SUFFIXES = _words("""
    .log .jsonl .ndjson .tab .psv .dat .data .lock .lockfile .sum .dump .trace .out .po .pot .fasta .fa .vcf
""")
"""Lower case, of files whose language is `text`."""

_SECRET_NAME = re.compile(
    r"\.env(?:[._-].*)?|.*\.env|\.envrc"
    r"|.*\.(?:pem|key|p12|pfx|pkcs12|p8|jks|keystore|bks|kdbx?|ppk|crt|cer|der|csr|p7b|p7c|gpg|pgp"
    r"|ovpn|mobileprovision|kubeconfig|tfstate(?:\.backup)?|agekey|keytab)"
    r"|id_(?:rsa|dsa|ecdsa|ed25519|ecdsa_sk|ed25519_sk|xmss)"
    r"|\.netrc|_netrc|\.pgpass|\.my\.cnf|\.pypirc|\.npmrc|\.yarnrc|\.dockercfg|\.htpasswd|\.git-credentials"
    r"|\.vault[-_]pass(?:word)?(?:\..*)?|\.boto|\.s3cfg|credentials|credentials\.(?:json|csv|xml|ini|toml|ya?ml)"
    r"|client_secrets?(?:[._-].*)?\.json|service[-_]account(?:[._-].*)?\.json"
    r"|secrets?\.(?:json|ya?ml|toml|ini|env|properties|xml)|master\.key|authorized_keys|known_hosts"
)

_MINIFIED_NAME = re.compile(r".*\.min\.(?:js|mjs|cjs|css|html)|.*\.(?:js|mjs|cjs|css|ts)\.map")

_GENERATED_NAME = re.compile(
    r".*_pb2(?:_grpc)?\.pyi?|.*\.pb\.(?:go|cc|h|gw\.go|swift|validate\.go)|.*_grpc\.pb\.go|.*\.pbobjc\.[hm]"
    r"|.*\.g\.(?:dart|cs|i\.cs)|.*\.freezed\.dart|.*\.designer\.(?:cs|vb)|.*\.generated\.\w+"
    r"|zz_generated\..*|.*\.gen\.(?:go|ts|tsx|js|rs|cs)|.*\.snap|.*\.tfplan|.*\.tsbuildinfo"
    r"|.*\.min\.map|.*\.ipynb_checkpoints.*"
)
"""Double suffixes that generators write, people do not; of `id_gen.go` and the like the content speaks."""

_TEST_PATH = re.compile(
    r"(?:^|/)(?:tests?|testing|specs?|__tests__|testdata|test_data|fixtures?|e2e|integration[-_]tests?)/"
    r"|(?:^|/)(?:test_[^/]*|conftest|[^/]*_(?:test|tests|spec)|[^/]*[.-](?:test|spec|cy|e2e))\.[^./]+$"
    r"|(?:^|/)[^/]*(?:Test|Tests|TestCase|Spec|IT)\.(?:java|kt|kts|scala|cs|swift|groovy|php)$"
)

_SYSTEMS = {
    word: system
    for system, words in {
        "windows": "win windows win32 win64",
        "darwin": "darwin macos macosx osx",
        "linux": "linux",
        "posix": "posix unix",
    }.items()
    for word in words.split()
}
"""Words of paths, lower case, that name an operating system."""
_VERSION_FOLDER = re.compile(r"(?:^|(?<=/))v(?P<number>\d{1,3})(?=/)")
_NAME_PARTS = re.compile(r"([_.+-])")


@dataclass(frozen=True, slots=True)
class PlatformVariant:
    """A path that may be one of several, one for each operating system."""

    pattern: str
    """The path in lower case with `*` for the system: equal for all that take each other's place."""
    system: str
    """`windows`, `darwin`, `linux` or `posix`."""


def platform_variant(path: str) -> PlatformVariant | None:
    """The system that a folder or the first or last part of a name is for: `win/fs.c`, `exec_linux.go`."""
    *folders, name = path.lower().split("/")
    parts = _NAME_PARTS.split(name)  # the words of the name and what stands between, the suffix last
    for at in dict.fromkeys((len(parts) - 3, 0)):
        if 0 <= at < len(parts) - 1 and parts[at] in _SYSTEMS:
            renamed = "".join([*parts[:at], "*", *parts[at + 1 :]])
            return PlatformVariant("/".join([*folders, renamed]), _SYSTEMS[parts[at]])
    for at in range(len(folders) - 1, -1, -1):
        if folders[at] in _SYSTEMS:
            pattern = "/".join([*folders[:at], "*", *folders[at + 1 :], name])
            return PlatformVariant(pattern, _SYSTEMS[folders[at]])
    return None


def systems_named(words: Iterable[str]) -> frozenset[str]:
    """The systems that words, lower case, speak of."""
    return frozenset(_SYSTEMS[word] for word in words if word in _SYSTEMS)


def native_systems(platform: str = sys.platform) -> frozenset[str]:
    """What a path may call the system of `platform`, by default the one this runs on."""
    if platform in ("win32", "cygwin"):
        return frozenset({"windows"})
    return frozenset({"posix", "darwin" if platform == "darwin" else "linux"})


@dataclass(frozen=True, slots=True)
class VersionFolder:
    """A folder that holds one of several versions: `api/v2`."""

    parent: str
    """Where its siblings lie."""
    number: int


def version_folder(path: str) -> VersionFolder | None:
    """The outermost folder of a path that is named for a version, `v3` say."""
    found = _VERSION_FOLDER.search(path)
    return None if found is None else VersionFolder(path[: found.start()], int(found["number"]))


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder name starts with a dot."""
    return name.startswith(".")


def is_secret_name(name: str) -> bool:
    """Tell whether a file of this name holds keys, certificates or credentials by custom."""
    return _SECRET_NAME.fullmatch(name.lower()) is not None


def is_lock_file(name: str) -> bool:
    """Tell whether a package manager wrote the file to pin versions."""
    return name.lower() in LOCK_FILES


def is_minified_name(name: str) -> bool:
    """Tell whether the name marks minified code, a bundle or a source map."""
    return _MINIFIED_NAME.fullmatch(name.lower()) is not None


def is_generated_name(name: str) -> bool:
    """Tell whether the name marks the output of a code generator."""
    return _GENERATED_NAME.fullmatch(name.lower()) is not None


def is_binary_name(name: str) -> bool:
    """Tell whether the suffix alone says that the file is not text."""
    return _suffix(name) in BINARY_SUFFIXES and not is_document_name(name)


def is_vendored(path: str) -> bool:
    """Tell whether a folder of this repo-relative path holds code that others wrote."""
    folders = path.lower().split("/")[:-1]
    return not VENDORED_FOLDERS.isdisjoint(folders)


def is_test(path: str) -> bool:
    """Tell whether the path is a test, a fixture or test data by custom."""
    return _TEST_PATH.search(path) is not None


def is_data(path: str, language: str) -> bool:
    """Tell whether a file holds records (JSON, CSV, logs, lock files), as against code and prose."""
    return language in _DATA_LANGUAGES or (language == "text" and _suffix(path) in _DATA_SUFFIXES)


def _suffix(name: str) -> str:
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""
