"""One check for tensor shapes, called at the door of every station."""

from torch import Tensor

from .errors import ShapeError


def expect_shape(name: str, tensor: Tensor, axes: str, *, hint: str = "", **sizes: int) -> None:
    """Raise unless `tensor` has the axes named in `axes`, e.g. "B Q Dq", with the given sizes.

    Args:
        name: what the caller calls the tensor.
        tensor: the tensor to check.
        axes: names of the expected axes, separated by spaces.
        hint: one sentence that says what to do, put at the end of the message.
        sizes: sizes of some of the axes; an axis without one may have any size.

    Raises:
        ShapeError: the number of axes or one of the sizes differs.
    """
    names = axes.split()
    fits = tensor.dim() == len(names) and all(
        sizes.get(axis, size) == size for axis, size in zip(names, tensor.shape, strict=True)
    )
    if not fits:
        expected = ", ".join(f"{axis}={sizes[axis]}" if axis in sizes else axis for axis in names)
        got = tuple(tensor.shape)
        raise ShapeError(f"{name}: expected shape ({expected}), got {got}. {hint}".rstrip())
