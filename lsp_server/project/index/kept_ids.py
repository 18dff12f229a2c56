"""The form in which the index keeps token ids: 16 bits, whatever the vocabulary's size.

A larger vocabulary is numbered so that code seldom needs what lies beyond
(`trainer/export/importing/renumbering.py`).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lsp_server.contract.recall import SEPARATOR

Ids = npt.NDArray[np.uint16]


def keep_ids(ids: Sequence[int]) -> Ids:
    """The ids of a text; one that 16 bits do not hold parts it, as the end of a text does."""
    return np.minimum(np.array(ids, np.int64), SEPARATOR).astype(np.uint16)
