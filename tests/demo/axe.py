"""axe-core, the accessibility checker that the browser tests run in the page: one file of an exact version."""

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest

VERSION = "4.14.1"
SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "blip2-chat-tests"
RULES = {"target-size": {"enabled": True}}  # of WCAG 2.2, off by default
RUN = """async (rules) => {
  const {violations} = await axe.run(document, {resultTypes: ["violations"], rules});
  return violations.filter(({impact}) => ["serious", "critical"].includes(impact)).map(({id, nodes}) =>
    `${id}: ${nodes.map(({html, failureSummary}) => `${html.slice(0, 200)} (${failureSummary})`).join("; ")}`);
}"""


def axe_script() -> str:
    """The text of axe.min.js, fetched once with npm and checked against the digest above."""
    file = CACHE / f"axe-core-{VERSION}.min.js"
    if not file.is_file():
        if shutil.which("npm") is None:
            pytest.skip("npm is not installed, which fetches axe-core")
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            packed = subprocess.run(
                ["npm", "pack", "--silent", f"axe-core@{VERSION}"],
                cwd=folder, capture_output=True, text=True, timeout=120,
            )  # fmt: skip
            assert packed.returncode == 0, f"npm could not fetch axe-core: {packed.stderr[-500:]}"
            with tarfile.open(Path(folder, f"axe-core-{VERSION}.tgz")) as archive:
                member = archive.extractfile("package/axe.min.js")
                Path(folder, "axe.js").write_bytes(member.read())
            Path(folder, "axe.js").replace(file)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == SHA256, f"{file} is not axe-core {VERSION}; delete it"
    return file.read_text(encoding="utf-8")


def serious_findings(page) -> list[str]:
    """What axe-core finds in the page as it is now, of impact serious or critical."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(axe_script())
    return page.evaluate(RUN, RULES)
