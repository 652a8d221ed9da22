"""The Dockerfile: what can be known without building it. `docker build` needs a daemon that tests do not have."""

import re
import shlex
from pathlib import Path

from demo.serving import HEALTH

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
LINES = [line.partition(" ") for line in TEXT.splitlines() if line and not line.startswith("#")]


def arguments(instruction: str) -> list[str]:
    return [rest.strip() for word, _, rest in LINES if word == instruction]


def test_everything_that_the_app_needs_is_copied_and_gets_past_dockerignore():
    copied = {source for rest in arguments("COPY") for source in shlex.split(rest)[:-1]}
    assert copied == {"LICENSE", "app.py", "blip2_core", "demo", "requirements.txt"}
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == let_in and all((ROOT / source).exists() for source in copied)


def test_it_does_not_run_as_root_and_says_how_to_run_it_read_only():
    assert [line[0] for line in LINES].index("USER") < [line[0] for line in LINES].index("ENTRYPOINT")
    assert int(arguments("USER")[0]) > 0
    assert "--read-only" in TEXT and "--cap-drop ALL" in TEXT and "-p 127.0.0.1:7860:7860" in TEXT


def test_what_is_written_goes_to_the_volume_or_to_tmp():
    places = dict(re.findall(r"(\w+)=(/\S+)", " ".join(arguments("ENV"))))
    assert {"BLIP2_CACHE", "HF_HOME", "GRADIO_TEMP_DIR", "HOME"} <= set(places)
    assert all(place.startswith(("/cache", "/tmp")) for place in places.values())
    assert arguments("VOLUME") == ["/cache"]


def test_the_health_check_asks_where_the_page_tells():
    (check,) = arguments("HEALTHCHECK")
    assert f"http://127.0.0.1:7860{HEALTH}" in check and arguments("EXPOSE") == ["7860"]
