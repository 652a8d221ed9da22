"""Station 4 of 6, language projection: query_output -> visual_prompt.

The Q-Former speaks in vectors of width Dq, the language model reads vectors of width Dl. One linear layer translates.
Its output stands in front of the text embeddings and acts as a soft visual prompt: "soft" because no word in the
vocabulary has these vectors.

Paper: BLIP-2 (arXiv 2301.12597), section 3.3, figure 3.
"""

from torch import Tensor, nn

from .shapes import expect_shape


class LanguageProjection(nn.Linear):
    """Linear map from Q-Former width to language-model width.

    Subclasses `nn.Linear` so that its parameters carry the checkpoint's own names, `language_projection.weight` and
    `language_projection.bias`.
    """

    def forward(self, query_output: Tensor) -> Tensor:
        """Turn what the queries saw into a soft visual prompt.

        Args:
            query_output: (B, Q, Dq) floats from `QFormer.forward`.

        Returns:
            visual_prompt: (B, Q, Dl) floats, same dtype and device.

        Raises:
            ShapeError: the last dimension is not Dq.
        """
        expect_shape(
            "query_output",
            query_output,
            "B Q Dq",
            Dq=self.in_features,
            hint="Pass QFormer output, not image_embeds.",
        )
        return super().forward(query_output)  # (B, Q, Dl)
