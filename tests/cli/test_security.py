"""Headers, file names and files are other people's: they are shown, never run, fetched or followed."""

import ast
import gzip
import http.server
import json
import os
import re
import socket
import subprocess
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from pipeline import Image, attach_header, export_figure, open_frame, read_mask, write
from pipeline.cli.main import main
from pipeline.errors import FrameError
from pipeline.provenance.record import digests

ROOT = Path(__file__).parents[2]
EVIL = "</script><script>alert(1)</script><!--<script>\"'><img src=x onerror=alert(1)>"
SHAPE = (40, 50)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def frame(path, level=500, **cards):
    """Write a frame whose header holds whatever is given."""
    values = np.random.default_rng(1).poisson(level, SHAPE).astype(np.uint16)
    header = fits.Header({"EXPTIME": 10.0})
    header.update(cards)
    fits.writeto(path, values, header)
    return path


# ---- pages ----


class Elements(HTMLParser):
    """The elements of a page with their attributes, and what its scripts hold."""

    def __init__(self, text):
        super().__init__()
        self.found, self.scripts, self.inside = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, tuple(name for name, _ in attributes)))
        self.inside = tag == "script"

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "script"

    def handle_data(self, data):
        if self.inside:
            self.scripts.append(data)


def pages_of(night, object_name):
    """Reduce a night to its pages, with some words in the header, the file name and the steps."""
    cards = {"OBJECT": object_name, "FILTER": object_name, "INSTRUME": object_name}
    rows = []
    for kind in ("bias", "light"):
        name = f"{kind} {object_name[:60].replace('/', '')}\u2028.fits"
        frame(night / name, **cards)
        quoted = name.replace('"', '""')
        rows.append(f'{kind}, "{quoted}"')
    (night / "night.csv").write_text("\n".join(rows), encoding="utf-8")
    drawn = [
        "--figure",
        "f.html",
        "f.iframe.html",
        "f.json",
        "--report",
        "r.html",
        "--plotlyjs",
        "directory",
        "--record",
    ]
    assert main(["reduce", "night.csv", "--quiet", *drawn]) == 0
    return {name: Path(name).read_text(encoding="utf-8") for name in ("f.html", "f.iframe.html", "f.json", "r.html")}


def test_pages_show_what_a_header_says_and_run_none_of_it(folder, monkeypatch):
    pages = []
    for number, words in enumerate((EVIL, "harmless words of any sort, as long as the others, or so it is said")):
        (folder / str(number)).mkdir()
        monkeypatch.chdir(folder / str(number))
        pages.append(pages_of(Path.cwd(), words))
    evil, harmless = pages
    for name in ("f.html", "r.html", "f.iframe.html"):
        assert Elements(evil[name]).found == Elements(harmless[name]).found
    for name in ("f.html", "r.html"):
        held = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', evil[name], re.DOTALL)
        assert held
        for text in held:
            assert not set("<\u2028\u2029") & set(text)
            json.loads(text)
        assert "alert(1)" in evil[name]
    assert "<img" not in json.loads(evil["f.json"])["layout"]["title"]["text"]
    assert [tag for tag, _ in Elements(evil["f.iframe.html"]).found] == ["iframe"]


def test_a_name_that_is_no_text_is_shown_with_a_sign_in_its_place(folder):
    path = os.fsdecode(b"a\xff.fits")
    frame(path)
    for name in ("a.html", "a.iframe.html", "a.json", "a.png"):
        export_figure(open_frame(path), name)
    assert main(["inspect", path, "-o", "b.html"]) == 0
    assert "\ufffd" not in Path("a.html").read_text(encoding="utf-8")


# ---- nothing is run ----

FORBIDDEN_CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "system",
    "popen",
    "execv",
    "execvp",
    "spawnl",
    "run_module",
}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "subprocess", "pty",
                     "urllib", "http", "requests", "ftplib", "socket", "yaml", "xmlrpc"}  # fmt: skip


OWN_PICKLES = {"laws.py": {"pickle"}, "stage.py": {"pickle", "cloudpickle"}}
"""Of stages, for another process of ours and for a test that they go there: none is read from a file."""


def modules_of(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module != "urllib.parse":  # which only takes words apart
            yield (node.module or "").split(".")[0]


def calls_of(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, getattr(node.func, "id", getattr(node.func, "attr", ""))


@pytest.mark.parametrize("path", sorted((ROOT / "pipeline").rglob("*.py")), ids=str)
def test_no_module_runs_text_unpickles_or_reaches_the_network(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert FORBIDDEN_MODULES & set(modules_of(tree)) <= OWN_PICKLES.get(path.name, set())
    for node, name in calls_of(tree):
        owner = getattr(getattr(node.func, "value", None), "id", "")
        assert name not in FORBIDDEN_CALLS or owner in ("re", "Template"), f"{path.name}:{node.lineno}: {name}"
        plain = any(word.arg == "allow_pickle" and word.value.value is False for word in node.keywords)
        raw = owner == "np" and name in ("load", "fromfile", "memmap") and not plain
        assert not raw, f"{path.name}:{node.lineno}: {name}"


@pytest.mark.parametrize("path", sorted([*ROOT.glob("benchmarks/**/*.py"), *ROOT.glob("tests/**/*.py")]), ids=str)
def test_no_program_goes_through_a_shell(path):
    for node, name in calls_of(ast.parse(path.read_text(encoding="utf-8"))):
        shell = [word for word in node.keywords if word.arg in ("shell", "allow_pickle")]
        assert not any(getattr(word.value, "value", True) for word in shell), f"{path.name}:{node.lineno}"
        owner = getattr(getattr(node.func, "value", None), "id", "")
        assert (owner, name) not in (("os", "system"), ("os", "popen")), f"{path.name}:{node.lineno}"


def test_fits_files_are_opened_by_us_never_by_name(folder):
    """Astropy takes names such as http://... for addresses."""
    for path in (ROOT / "pipeline").rglob("*.py"):
        for node, name in calls_of(ast.parse(path.read_text(encoding="utf-8"))):
            owner = getattr(getattr(node.func, "value", None), "id", "")
            if owner == "fits" and name in ("open", "getdata", "getheader", "HDUList.fromfile"):
                assert getattr(node.args[0], "id", "") == "stream", f"{path.name}:{node.lineno}"


NAMES = ("$(touch ran).fits", "; touch ran;.fits", "`touch ran`.fits", "-rf.fits", "|touch ran", "a\tb.fits", "*.fits",
         "~.fits", "%s{0}.fits", "a&touch ran&.fits", "> ran")  # fmt: skip


def test_file_names_reach_no_shell(folder):
    for number, name in enumerate(NAMES):
        frame(name, level=500 + number)
    quoted = "\n".join(f'light, "{name}"' for name in NAMES)
    Path("night.csv").write_text(quoted)
    before = set(os.listdir())
    assert (
        main(["reduce", "night.csv", "--quiet", "--record", "--figure", "f.png", "--each" if False else "--overwrite"])
        == 0
    )
    assert main(["reduce", "night.csv", "--quiet", "--each", "-o", "each"]) == 0
    assert set(os.listdir()) - before == {"reduced.fits", "reduced.json", "f.png", "each"}
    assert len(os.listdir("each")) == 2 * len(NAMES)  # each with its record


# ---- nothing is fetched ----


@pytest.fixture
def server(folder):
    """A server that would give a frame, and the list of what it was asked for."""
    frame("there.fits")
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}/there.fits", asked
    running.shutdown()


def test_an_address_is_a_path_that_is_not_there(server, capsys):
    address, asked = server
    for spelling in (address, address.replace("http://", "ftp://"), f"file://{Path('there.fits').absolute()}"):
        Path("night.csv").write_text(f"light, {spelling}\n")
        assert main(["reduce", "night.csv"]) == 1
        assert "nothing is fetched from elsewhere" in capsys.readouterr().err
        for command in (["inspect", spelling, "-o", "a.png"], ["replay", spelling], ["scan", spelling]):
            assert main(command) == 1
        for read in (open_frame, read_mask):
            with pytest.raises(FrameError):
                read(spelling)
    assert asked == []


def test_a_folder_named_like_an_address_is_a_folder(server):
    address, asked = server
    product = Path(address)  # http:/127.0.0.1:port/there.fits, which astropy, given the name, would ask for
    product.parent.mkdir(parents=True)
    write(attach_header(Image.of(np.ones(SHAPE), exposure=1.0)), product)
    assert set(digests(product)) == {"PRIMARY", "MASK", "FLAGS"}
    assert read_mask(product).shape == open_frame(product).shape == SHAPE
    assert asked == []


def test_headers_that_name_addresses_fetch_nothing(server, monkeypatch):
    address, asked = server

    def refuse(*_, **__):
        raise AssertionError("the network was asked for")

    frame("light.fits", OBJECT=address, FILENAME=address, D2IMFILE=address, GRPLC1=address, XTENSION2=address,
          CTYPE1="RA---TAN", CTYPE2="DEC--TAN", **{"DATE-OBS": "2035-01-01T00:00:00", "RADESYS": "FK5"})  # fmt: skip
    Path("night.csv").write_text("light, light.fits\n")
    for name in ("create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert main(["reduce", "night.csv", "--report", "r.html", "--figure", "f.html"]) == 0
    attach_header(open_frame("reduced.fits")).to_ccddata()
    assert asked == []


# ---- names that headers give stay in their folder; small files stay small ----

TARGETS = (
    "../../evil",
    "/etc/passwd",
    "..",
    ".hidden",
    "a\x00b",
    "x" * 300,
    "C:\\evil",
    "con",
    "a\nlight, /etc/passwd, 0",
)


def test_names_from_headers_stay_in_the_folder_of_the_output(folder, capsys):
    Path("raw").mkdir()
    Path("out").mkdir()
    for number, target in enumerate(TARGETS):
        path = Path(
            frame(f"raw/{number}.fits", OBJECT="x" * 300 if len(target) > 68 else "placeholder", IMAGETYP="object")
        )
        stands = f"'{target}'".ljust(70).encode("latin-1")
        path.write_bytes(path.read_bytes().replace(b"'placeholder'".ljust(70), stands, 1))
    before = {path for path in folder.rglob("*") if "out" not in path.parts}
    assert main(["scan", "raw", "-o", "out/night.csv"]) == 0
    assert {path for path in folder.rglob("*") if "out" not in path.parts} == before
    made = [path.name for path in Path("out").iterdir()]
    assert made
    assert all(re.fullmatch(r"night(_[\w+.-]{1,70})?\.csv", name) for name in made)
    listed = "\n".join(path.read_text(encoding="utf-8") for path in Path("out").iterdir())
    assert not re.search(r"(?m)^light, /etc/passwd", listed)


def test_names_of_files_put_no_rows_into_a_list(folder, capsys):
    Path("raw").mkdir()
    for name in ("a\nlight, passwd, 0\n.fits", os.fsdecode(b"\xff.fits"), "b.fits"):
        frame(Path("raw", name), IMAGETYP="object")
    assert main(["scan", "raw", "-o", "night.csv"]) == 0
    rows = [row for row in Path("night.csv").read_text(encoding="utf-8").splitlines() if not row.startswith("#")]
    assert [row.split("#")[0].strip() for row in rows] == ["light, raw/b.fits, 0"]
    assert "2 files left out" in capsys.readouterr().out


def test_products_of_each_light_stay_in_their_folder(folder):
    hdu = fits.ImageHDU(np.ones(SHAPE, np.float32), name="../../EVIL")
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto("light.fits")
    Path("night.csv").write_text('light, light.fits, "../../EVIL"\n')
    before = set(os.listdir(folder.parent))
    assert main(["reduce", "night.csv", "--each", "-o", "out"]) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == [f"light_.._.._EVIL.fits{s}" for s in ("", ".json")]
    assert set(os.listdir(folder.parent)) == before


@pytest.mark.slow
def test_a_small_file_that_unpacks_to_much_is_read_in_pieces(folder):
    """A frame of 0.16 GB, and one of 40 rows with 0.16 GB behind it, in 0.2 MB each and 0.2 GB of memory."""
    pytest.importorskip("resource", reason="this system has no limits of processes")
    size = 160 * 2**20
    for name, shape in (("large", (size // 4096, 2048)), ("trailing", SHAPE)):
        header = fits.PrimaryHDU(np.zeros((1, 1), np.int16)).header
        header["NAXIS2"], header["NAXIS1"] = shape
        with gzip.open(f"{name}.fits.gz", "wb", 6) as stream:
            stream.write(header.tostring().encode())
            for _ in range(size // 2**20):
                stream.write(bytes(2**20))
        Path(f"{name}.csv").write_text(f"bias, {name}.fits.gz\n" if name == "trailing" else f"light, {name}.fits.gz\n")
    code = """if True:
        import resource, sys
        from pipeline import open_frame
        most = 200 * 10**6
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        frame = open_frame(sys.argv[1])
        source = frame.source.loaded()
        print(float(source.rows(0, 10).values.sum()), frame.shape[0])
    """
    for name, rows in (("large", size // 4096), ("trailing", SHAPE[0])):
        done = subprocess.run(
            [sys.executable, "-c", code, f"{name}.fits.gz"], capture_output=True, text=True, check=False
        )
        assert done.stdout.split() == ["0.0", str(rows)], done.stderr
        assert Path(f"{name}.fits.gz").stat().st_size < 10**6
