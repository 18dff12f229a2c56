"""Preference source `analysis`: sound code over code that static analysis rejects.

Two kinds of pairs: the truth over the same text broken in one place; and one of the model's samples
over another at the same cursor. A fault is that the file does not parse with the text in place, or
that it then uses a name which nothing defines.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from trainer.alignment.preferences.material import Asked, Manner, Material
from trainer.alignment.preferences.mutations import mutate
from trainer.alignment.preferences.pairs import Preference, PreferenceRow, Unused
from trainer.alignment.static_analysis import analyse

NAME = "analysis"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisSource:
    """Its options."""

    cursors: int = 2000
    """In documents to train on and held-out ones together."""
    mutations: int = 1
    """Broken texts of each truth at most."""
    samples: int = 2
    """The model's samples at each cursor; fewer than 2 give no pairs of samples."""
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 48
    longest_document: int = 50_000
    """Characters; longer documents are left out, since each text is analysed in its file."""

    def read(self, material: Material) -> Iterator[PreferenceRow]:
        """Pairs; documents that have faults of their own are counted."""
        manner = Manner(temperature=self.temperature, top_p=self.top_p, max_tokens=self.max_tokens)
        for asked in material.ask(self.cursors, self.longest_document):
            if not is_sound(asked, asked.truth):
                yield Unused(NAME, "the document has faults of its own")
                continue
            yield from self._broken_truths(material, asked)
            if self.samples > 1:
                numbers = range(self.samples)
                texts = [material.complete(asked, manner, number).text for number in numbers]
                yield compare_samples(asked, texts)

    def _broken_truths(self, material: Material, asked: Asked) -> Iterator[PreferenceRow]:
        """The truth over mutations of it that are faulted."""
        rng = random.Random(
            f"{material.config.seed} {asked.prompt.path} {len(asked.prompt.prefix)}"
        )
        found = 0
        for broken in mutate(asked.truth, rng):
            if found == self.mutations:
                return
            if not is_sound(asked, broken):
                found += 1
                yield pair(asked, asked.truth, broken)
        if not found:
            yield Unused(NAME, "no mutation is faulted")


def compare_samples(asked: Asked, texts: list[str]) -> PreferenceRow:
    """The first sound sample over the first faulted one."""
    sound = {text: is_sound(asked, text) for text in texts if text.strip()}
    good = next((text for text, passes in sound.items() if passes), None)
    bad = next((text for text, passes in sound.items() if not passes), None)
    if good is None or bad is None:
        return Unused(NAME, "no samples of which one is sound and one is not")
    return pair(asked, good, bad)


def pair(asked: Asked, chosen: str, rejected: str) -> Preference:
    """A pair at a cursor; soundness is yes or no, so its margin is 1."""
    return Preference(
        prompt=asked.prompt,
        chosen=chosen,
        rejected=rejected,
        margin=1.0,
        source=NAME,
        group=asked.repo,
        heldout=asked.heldout,
    )


def is_sound(asked: Asked, text: str) -> bool:
    """Whether a text parses in its file and uses no name that nothing defines."""
    prompt = asked.prompt
    finding = analyse(prompt.prefix, text, prompt.suffix, asked.truth)
    return finding.parses and not finding.undefined
