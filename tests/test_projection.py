"""The one linear layer between the Q-Former and the language model."""

import pytest
import torch

from blip2_core.errors import ShapeError
from blip2_core.projection import LanguageProjection


def test_it_is_one_linear_map_with_a_bias():
    projection = LanguageProjection(16, 32)
    query_output = torch.randn(2, 3, 16)
    visual_prompt = projection(query_output)
    assert visual_prompt.shape == (2, 3, 32)
    torch.testing.assert_close(visual_prompt, query_output @ projection.weight.T + projection.bias)


def test_its_weights_carry_the_names_of_the_checkpoints():
    assert list(LanguageProjection(16, 32).state_dict()) == ["weight", "bias"]


@pytest.mark.parametrize("shape", [(2, 3, 24), (3, 16), (2, 3, 1, 16)])
def test_what_is_no_query_output_is_refused(shape):
    with pytest.raises(ShapeError) as error:
        LanguageProjection(16, 32)(torch.zeros(shape))
    assert str(error.value) == (
        f"query_output: expected shape (B, Q, Dq=16), got {shape}. Pass QFormer output, not image_embeds."
    )
