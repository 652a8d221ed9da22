"""Beside station 3, matching: image_embeds + text -> how well the text fits the picture. No language model takes part.

Two heads of stage 1 answer in two ways, and their numbers must not be mixed up:

    similarity           contrastive head: the cosine, -1 to 1, of the text and of the query that is nearest to it;
                         picture and text never see each other. Quick, good for search, and no probability.
    match_probability    matching head: 0 to 1, how sure the model is that the text fits. Queries and text read each
                         other, one pass a pair. The model learned it on hard negatives: slower, and more exact.

Paper: BLIP-2 (arXiv 2301.12597), section 3.1.
Differs from LAVIS: there a retrieval score is the sum of both.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import InstructBlipQFormerConfig, PreTrainedConfig

from .qformer import QFormer
from .shapes import expect_shape
from .vision import build_vision_model


class MatchingModel(nn.Module):
    """Image encoder, Q-Former with its text branch, and the two heads.

    Attributes are named as the keys of a stage-1 model and of its heads.

    Args:
        vision_config: of the image encoder.
        qformer_config: of the Q-Former; its text branch is built whether the config's kind says so or not.
        num_query_tokens: Q.
        contrastive_width: Dc.
    """

    def __init__(
        self,
        vision_config: PreTrainedConfig,
        qformer_config: PreTrainedConfig,
        *,
        num_query_tokens: int,
        contrastive_width: int,
    ):
        super().__init__()
        if not isinstance(qformer_config, InstructBlipQFormerConfig):  # Salesforce/blip2-itm-vit-g
            values = {name: value for name, value in qformer_config.to_dict().items() if name != "model_type"}
            qformer_config = InstructBlipQFormerConfig.from_dict(values)
        width = qformer_config.hidden_size
        self.vision_model = build_vision_model(vision_config)
        self.query_tokens = nn.Parameter(torch.empty(1, num_query_tokens, width))
        self.qformer = QFormer(qformer_config)
        self.vision_projection = nn.Linear(width, contrastive_width)
        self.text_projection = nn.Linear(width, contrastive_width)
        self.itm_head = nn.Linear(width, 2)

    def encode_image(self, pixel_values: Tensor) -> Tensor:
        """Station 2: (B, 3, H, W) pixels to image_embeds (B, N, Dv), class token first."""
        first = next(self.vision_model.parameters())
        return self.vision_model(pixel_values.to(first.device, first.dtype))  # (B, N, Dv)

    def similarity(self, image_embeds: Tensor, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Cosine of each text and each picture's nearest query.

        Args:
            image_embeds: (B, N, Dv) floats from `encode_image`.
            input_ids: (T, L) texts in the Q-Former's vocabulary, [CLS] first.
            attention_mask: (T, L), 1 where there is text.

        Returns:
            (B, T) floats, -1 to 1.
        """
        expect_shape("image_embeds", image_embeds, "B N Dv")
        seen = self.qformer(self.query_tokens.expand(len(image_embeds), -1, -1), image_embeds)  # (B, Q, Dq)
        read = self.qformer(None, None, input_ids=input_ids, attention_mask=attention_mask)  # (T, L, Dq)
        vision = F.normalize(self.vision_projection(seen).float(), dim=-1)  # (B, Q, Dc)
        text = F.normalize(self.text_projection(read[:, 0]).float(), dim=-1)  # (T, Dc)
        return torch.einsum("iqc,jc->ijq", vision, text).amax(-1)  # (B, T)

    def match_probability(self, image_embeds: Tensor, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """How likely each text fits its picture.

        Args:
            image_embeds: (B, N, Dv) floats, a picture for each text, or (1, N, Dv), one for all.
            input_ids: (B, L).
            attention_mask: (B, L).

        Returns:
            (B,) floats, 0 to 1.
        """
        queries = self.query_tokens.expand(len(input_ids), -1, -1)
        hidden = self.qformer(queries, image_embeds, input_ids=input_ids, attention_mask=attention_mask)
        scores = self.itm_head(hidden[:, : queries.shape[1]]).mean(1).float()  # (B, 2): no, yes
        return scores.softmax(-1)[:, 1]
