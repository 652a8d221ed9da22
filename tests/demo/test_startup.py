"""The page is there at once: measured in processor time, which other programs do not lengthen."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from test_app import APP, free_port

MOST_SECONDS = 3.0


def processor_seconds(pid: int) -> float:
    """Of all threads of a process until now."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="only Linux tells the processor time of a process")
def test_the_page_is_served_within_three_seconds_of_work(tmp_path):
    command = [sys.executable, str(APP), "--model", "pocket", "--port", str(free_port())]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "GRADIO_TEMP_DIR": str(tmp_path)}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        said = next(line for line in process.stdout if line.startswith("The page"))  # before the model is loaded
        seconds = processor_seconds(process.pid)
        with urllib.request.urlopen(said.split()[4], timeout=60) as page:
            assert b"gradio" in page.read()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert said.startswith("The page is at http://127.0.0.1:")
    assert seconds < MOST_SECONDS
