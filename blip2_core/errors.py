"""The errors of blip2_core: each message says what was expected, what came and what to do.

Blip2Error
├── ShapeError          a tensor of the wrong shape reached a station     (ValueError)
├── ConfigError         a model description that cannot be built          (ValueError)
├── CheckpointError     a folder or hub id that cannot be loaded          (OSError)
│   └── DownloadError   its download fails in a way that may pass
├── FrozenPartError     a frozen part cannot be fetched, checked or kept  (OSError)
├── ImageError          a picture that cannot be read                     (ValueError)
├── QuestionError       a question that cannot be asked                   (ValueError)
├── SettingsError       an answering or training setting out of range     (ValueError)
├── DataError           a training or evaluation file that does not fit   (ValueError)
├── GpuMemoryError      a GPU too small for what was asked                (MemoryError)
├── NoImageError        a question before any picture                     (RuntimeError)
├── TrainingError       training that must not go on                      (RuntimeError)
└── MissingExtraError   an optional package is not installed              (ImportError)
"""


class Blip2Error(Exception):
    """Base of all errors that blip2_core raises on purpose."""


class ShapeError(Blip2Error, ValueError):
    """A tensor of the wrong shape reached a station."""


class ConfigError(Blip2Error, ValueError):
    """A model description that cannot be built."""


class CheckpointError(Blip2Error, OSError):
    """A folder or hub id that cannot be loaded."""


class DownloadError(CheckpointError):
    """A hub id whose download fails in a way that may pass: no network, a full disk."""


class FrozenPartError(Blip2Error, OSError):
    """A frozen part of a built-in model cannot be fetched, checked or kept."""


class ImageError(Blip2Error, ValueError):
    """A picture that cannot be read."""


class QuestionError(Blip2Error, ValueError):
    """A question that cannot be asked."""


class SettingsError(Blip2Error, ValueError):
    """An answering or training setting out of its range."""


class DataError(Blip2Error, ValueError):
    """A training or evaluation file that does not fit."""


class GpuMemoryError(Blip2Error, MemoryError):
    """The GPU has too little memory for what was asked; what that had taken is free again."""


class NoImageError(Blip2Error, RuntimeError):
    """A question was asked before any picture was seen."""


class TrainingError(Blip2Error, RuntimeError):
    """Training that must not go on."""


class MissingExtraError(Blip2Error, ImportError):
    """An optional package is not installed."""


def brief(error: Exception) -> str:
    """The message of somebody else's error, on one line and short."""
    return " ".join(str(error).split())[:200].rstrip(" .") or type(error).__name__
