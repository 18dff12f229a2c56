"""temporary"""

from dataclasses import dataclass, field


@dataclass
class EngineCounters:
    prompt_tokens: int = 0
    prefilled: list[int] = field(default_factory=list)
    tokens: int = 0
    steps: int = 0
    drafted: int = 0
    accepted: int = 0

    def count_prompt(self, tokens: int, read: int) -> None:
        self.prompt_tokens += tokens
        self.prefilled.append(read)
