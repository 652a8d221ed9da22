"""A tiny model folder for the page, and pictures to show it."""

from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from families import oracle, picture, save_as_older
from transformers import LlamaForCausalLM

from demo.conversation import Conversation
from demo.loading import ModelLoader

END_OF_ANSWER = 2  # the token
LAYERS = 24  # so many small ones take a few seconds for a long answer: time enough to press Stop


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory) -> Path:
    """A random InstructBLIP that reads the question, talks nonsense, and hardly ever ends an answer by itself."""
    model = oracle("instructblip-llama")
    config = model.language_model.config
    config.num_hidden_layers, config.max_position_embeddings = LAYERS, 1024
    torch.manual_seed(0)
    language_model = LlamaForCausalLM(config)
    for parameter in language_model.parameters():
        if parameter.dim() == 2:
            torch.nn.init.normal_(parameter, std=0.3)
    with torch.no_grad():
        language_model.lm_head.weight[END_OF_ANSWER] = 0
    model.language_model = language_model
    model.config.text_config = config
    return save_as_older("instructblip-llama", tmp_path_factory.mktemp("model") / "nonsense", model)


@pytest.fixture(scope="session")
def loader(model_folder) -> ModelLoader:
    """The model, loaded."""
    loader = ModelLoader(str(model_folder), precision="fp32", device="cpu")
    loader.start()
    assert loader.wait(60) and loader.model is not None, loader.state.error
    return loader


@pytest.fixture
def conversation(loader) -> Conversation:
    """A visitor's, without a picture yet."""
    return Conversation(loader)


@pytest.fixture
def pictures(tmp_path) -> list[str]:
    """Two files, as the page hands them over."""
    files = [tmp_path / "first.png", tmp_path / "second.png"]
    for seed, file in enumerate(files):
        picture(seed).save(file)
    return [str(file) for file in files]


@pytest.fixture
def full_gpu(loader):
    """Within it, the language model, or the part that is given, raises what torch raises on a GPU that is full."""

    @contextmanager
    def full(part: torch.nn.Module | None = None):
        def runs_out(*_) -> None:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

        hook = (part or loader.model.model.language_model).register_forward_hook(runs_out)
        try:
            yield
        finally:
            hook.remove()

    return full
