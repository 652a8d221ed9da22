"""What stands beside the weights in a folder: tokenizers, prompt template, picture processing; read and checked first.

Reading the weights of a public checkpoint takes minutes. What belongs to another model is told before them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import CheckpointError
from .image import ImageProcessor
from .language import PromptTemplate, end_of_answer_ids, template_for
from .model import Blip2Model, expect_qformer_tokenizer
from .model_folder import QFORMER_FOLDER, expect_same_vocabulary, read_qformer_tokenizer, read_tokenizer


@dataclass(frozen=True)
class Companions:
    """All of a folder but its weights.

    Args:
        tokenizer: the language model's.
        template: in which it reads questions.
        qformer_tokenizer: the Q-Former's own; None when it reads no text.
        image_processor: pictures to pixel_values.
    """

    tokenizer: Any
    template: PromptTemplate
    qformer_tokenizer: Any | None
    image_processor: ImageProcessor


def read_companions(folder: Path, skeleton: Blip2Model, *, text_folder: Path, name: str) -> Companions:
    """Read what stands beside the weights, and hold it against the model that they are for.

    Args:
        folder: the model's.
        skeleton: the model on the meta device.
        text_folder: where the language model's tokenizer is.
        name: what the person asked for.

    Raises:
        CheckpointError: a file is missing or damaged, or belongs to another model.
        ConfigError: the Q-Former's tokenizer is missing, or no token ends an answer.
    """
    tokenizer, template = read_tokenizer(text_folder), template_for(skeleton.config, folder)
    expect_same_vocabulary(text_folder, tokenizer, skeleton, template)
    end_of_answer_ids(skeleton.language_model.config, tokenizer, template)
    qformer_folder, qformer_tokenizer = folder / QFORMER_FOLDER, None
    if skeleton.qformer.reads_text and qformer_folder.is_dir():
        qformer_tokenizer = read_qformer_tokenizer(
            qformer_folder, skeleton.config.qformer_config, truncation_side="left"
        )
    expect_qformer_tokenizer(name, skeleton, qformer_tokenizer)
    processor = read_image_processor(folder, skeleton.config.vision_config.image_size)
    return Companions(tokenizer, template, qformer_tokenizer, processor)


def read_image_processor(folder: Path, image_size: int) -> ImageProcessor:
    """Read the picture processing of a folder.

    Args:
        folder: the model's.
        image_size: side of the pictures that the image encoder reads, pixels.

    Raises:
        CheckpointError: missing, damaged, or for pictures of another size.
    """
    processor = ImageProcessor.from_folder(folder)
    if processor.image_size != image_size:
        raise CheckpointError(
            f"{folder}: the image processor makes pictures of {processor.image_size} pixels, the image encoder reads "
            f"{image_size}. They belong to different models: copy the folder again."
        )
    return processor
