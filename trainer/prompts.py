"""Left-to-right prompts: takes the text before a cursor, gives ids in the plain layout."""

from tokenizers import Tokenizer

from lsp_server.prompt import Budget, Prompt, clip_prefix, encode, last_piece, plain


def left_to_right(tokenizer: Tokenizer, path: str, prefix: str, budget: Budget) -> Prompt:
    """The plain layout of a file up to the cursor, its beginning cut to the budget.

    Healed as the served prompt is. What the budget has for a suffix is left unused.
    """
    piece = last_piece(tokenizer, prefix) if budget.heal else ""
    path_ids = encode(tokenizer, path)[-budget.path :] if path and budget.path else []
    whole = prefix[: len(prefix) - len(piece)]
    ids = clip_prefix(tokenizer, whole, budget.prefix, budget.prefix_hop)
    return Prompt(tuple(plain(path_ids, ids)), piece)
