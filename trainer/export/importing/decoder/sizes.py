"""Compares the sizes of a checkpoint's tensors with those that its configuration states."""

import math
from collections.abc import Iterator

from trainer.errors import ImportModelError
from trainer.export.importing.decoder.shape import (
    EMBEDDING,
    HEAD,
    POSITIONS,
    Decoder,
    Shape,
    qkv_name,
    up_name,
)


def check_sizes(decoder: Decoder) -> int:
    """Read every weight once; gives how many numbers there are, a tied head counted once.

    Raises ImportModelError where a tensor has another size than the configuration says.
    """
    try:
        return compare_sizes(decoder)
    except (ValueError, IndexError) as exc:  # numpy's, where rows do not come to whole heads
        raise ImportModelError(
            f"expected tensors of the sizes that config.json says, found others ({exc}); "
            "the checkpoint and its configuration do not belong together"
        ) from exc


def compare_sizes(decoder: Decoder) -> int:
    """As `check_sizes`, with numpy's errors for what cannot be laid out at all."""
    shape, weights = decoder.shape, decoder.weights
    inner = weights[up_name(0)].shape[0] // (2 if shape.gated else 1)
    expected = dict(expected_sizes(shape, inner))
    parameters = 0
    for name in weights:
        found = weights[name].shape
        rows = expected.get(name.removesuffix(".bias"))
        wanted = found if rows is None else rows[:1] if name.endswith(".bias") else rows
        if found != wanted:
            raise ImportModelError(
                f"{name}: expected {list(wanted)} numbers, as config.json says, found "
                f"{list(found)}; the checkpoint and its configuration do not belong together"
            )
        parameters += math.prod(found)
    return parameters


def expected_sizes(shape: Shape, inner: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Sizes by name of all that depends on the configuration."""
    hidden, heads = shape.hidden, shape.query * shape.width
    yield EMBEDDING, (shape.vocabulary, hidden)
    yield POSITIONS, (shape.context, hidden)
    yield HEAD, (shape.vocabulary, hidden)
    for layer in range(shape.layers):
        yield qkv_name(layer), (heads + 2 * shape.kv * shape.width, hidden)
        yield f"output.{layer}", (hidden, heads)
        yield up_name(layer), (inner * (2 if shape.gated else 1), hidden)
        yield f"down.{layer}", (hidden, inner)
