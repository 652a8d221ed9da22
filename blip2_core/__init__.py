"""BLIP-2: chat with a picture through a frozen image encoder, a Q-Former, one projection and a frozen language model.

    import blip2_core
    model = blip2_core.load("pocket")
    model.ask("dog.jpg", "What is the dog doing?")

Axes, as every docstring names them:

    B   images, or rows of a batch
    H W pixels
    N   image tokens, the class token first (257 at 224 pixels, 290 in pocket)
    Q   learned queries (32; 16 in pocket)
    T   text tokens
    V   vocabulary
    Dv  vision width (1408)
    Dq  Q-Former width (768; 256 in pocket)
    Dl  language width (2560 for OPT-2.7B, 576 in pocket)
    Dc  contrastive width (256)

Importing this package is free: what a public name needs is imported when the name is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .answer import Answer as Answer
    from .answer_settings import AnswerSettings as AnswerSettings
    from .chat import ChatSession as ChatSession
    from .checkpoint import load as load
    from .checkpoint import save as save
    from .errors import Blip2Error as Blip2Error
    from .image import open_image as open_image
    from .model import Blip2 as Blip2
    from .model import Blip2Model as Blip2Model
    from .model import SeenImage as SeenImage
    from .scorer import Scorer as Scorer
    from .scorer import load_scorer as load_scorer

__version__ = "0.1.0"

_HOMES = {
    "Answer": "answer",
    "AnswerSettings": "answer_settings",
    "Blip2": "model",
    "Blip2Error": "errors",
    "Blip2Model": "model",
    "ChatSession": "chat",
    "Scorer": "scorer",
    "SeenImage": "model",
    "load": "checkpoint",
    "load_scorer": "scorer",
    "open_image": "image",
    "save": "checkpoint",
}
__all__ = [*_HOMES, "__version__"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    """Import the module of a public name when the name is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
