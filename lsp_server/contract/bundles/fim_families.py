"""The marks by which other models' families tell what stands before and after a hole in a text.

Clients of the service send them, and the engine `remote` writes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The marks of one family of models."""

    prefix: str
    suffix: str
    middle: str = ""
    """Ends the prompt; "" where it ends with the prefix itself."""
    repository: str = ""
    """Stands before the name of the repository."""
    file: str = ""
    """Stands before each file: its path on a line, then its text."""
    suffix_first: bool = False
    """Whether the suffix may stand in front, so that typing changes the prompt's end alone."""

    @property
    def marks(self) -> tuple[str, ...]:
        """All of them."""
        own = (self.prefix, self.suffix, self.middle, self.repository, self.file)
        return tuple(filter(None, own))


FAMILIES: Mapping[str, Family] = {
    "starcoder": Family(
        prefix="<fim_prefix>",
        suffix="<fim_suffix>",
        middle="<fim_middle>",
        repository="<repo_name>",
        file="<file_sep>",
        suffix_first=True,
    ),
    "granite": Family(
        prefix="<fim_prefix>", suffix="<fim_suffix>", middle="<fim_middle>", file="<filename>"
    ),
    "qwen": Family(
        prefix="<|fim_prefix|>",
        suffix="<|fim_suffix|>",
        middle="<|fim_middle|>",
        repository="<|repo_name|>",
        file="<|file_sep|>",
    ),
    "codegemma": Family(
        prefix="<|fim_prefix|>",
        suffix="<|fim_suffix|>",
        middle="<|fim_middle|>",
        file="<|file_separator|>",
    ),
    "santacoder": Family(
        prefix="<fim-prefix>", suffix="<fim-suffix>", middle="<fim-middle>", suffix_first=True
    ),
    "seed": Family(prefix="<[fim-prefix]>", suffix="<[fim-suffix]>", middle="<[fim-middle]>"),
    "deepseek": Family(
        prefix="<｜fim▁begin｜>",  # noqa: RUF001 - DeepSeek's marks are these characters
        suffix="<｜fim▁hole｜>",  # noqa: RUF001
        middle="<｜fim▁end｜>",  # noqa: RUF001
    ),
    "glm": Family(prefix="<|code_prefix|>", suffix="<|code_suffix|>", middle="<|code_middle|>"),
    "codestral": Family(prefix="[PREFIX]", suffix="[SUFFIX]", suffix_first=True),
    "lory": Family(prefix="<|prefix|>", suffix="<|suffix|>", suffix_first=True),
}
"""By name; the order is that in which a prompt's marks are looked for."""
