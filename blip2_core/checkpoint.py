"""Folders in the Hugging Face layout: every check on what is loaded, and saving.

A model is named by a built-in name, a folder or a hub id. Its frozen parts may live elsewhere: the config then says
where each comes from and what its sha256 is.
"""

import json
import time
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedConfig, PreTrainedModel

from .builtin import BUILTIN_MODELS
from .builtin.frozen_parts import FrozenPart, Progress, ensure_language_model, ensure_trunk
from .config import CONFIG_CLASSES, HybridBlip2Config
from .errors import CheckpointError
from .image import ImageProcessor
from .language import make_adapter, template_for
from .model import Blip2, Blip2Model
from .quantize import int8_config, pick_device, pick_precision, precision_dtype

SHARD_SIZE = "9MB"  # a Space wants LFS for larger files
