"""The model as it was: what its visual prompts said is what those of the model that learns shall go on saying.

Paper: Learning without Forgetting (arXiv 1606.09282), with the visual prompts in place of an answer's likelihoods.
"""

import copy

from torch import Tensor

from ..model import Blip2Model


def teacher_of(model: Blip2Model, *, learns_to_see: bool) -> Blip2Model:
    """A frozen copy of the model as it is now; what does not learn is shared.

    Args:
        model: the model; its language model never learns.
        learns_to_see: whether its image encoder does.
    """
    stays = [model.language_model] if learns_to_see else [model.language_model, model.vision_model]
    return copy.deepcopy(model, {id(part): part for part in stays}).requires_grad_(False).eval()


def distance(visual_prompt: Tensor, target: Tensor) -> Tensor:
    """Mean squared distance of visual prompts, where 1 is as far off as those of other questions and pictures are.

    Args:
        visual_prompt: (B, Q, Dl) floats, at least two rows.
        target: (B, Q, Dl) floats, what they shall be.
    """
    target = target.float()
    spread = target.var(dim=0).mean(dim=-1, keepdim=True)  # (Q, 1)
    return ((visual_prompt.float() - target).square() / spread).mean()
