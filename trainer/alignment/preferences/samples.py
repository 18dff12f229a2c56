"""Preference source `samples`: what a person wrote over what the model wrote."""

from collections.abc import Iterator
from dataclasses import dataclass

from lsp_server.engines import StopReason
from trainer.alignment.preferences.material import Asked, Manner, Material
from trainer.alignment.preferences.pairs import Preference, PreferenceRow, Unused
from trainer.tasks.line_completion import compare

NAME = "samples"


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplesSource:
    """The model's own samples at cursors in lines and missing bodies; its options."""

    cursors: int = 4000
    """In documents to train on and held-out ones together."""
    samples: int = 1
    """Of each cursor."""
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 48
    longest_document: int = 50_000
    """Characters; longer documents are left out."""

    def read(self, material: Material) -> Iterator[PreferenceRow]:
        """Pairs; samples that say what the truth says are counted.

        So are those that did not end: with them a reward would learn that longer is better.
        """
        manner = Manner(temperature=self.temperature, top_p=self.top_p, max_tokens=self.max_tokens)
        for asked in material.ask(self.cursors, self.longest_document):
            seen = set()
            for number in range(self.samples):
                candidate = material.complete(asked, manner, number)
                if candidate.stop is StopReason.LENGTH:
                    yield Unused(NAME, "the sample was cut off at the token limit")
                elif candidate.text not in seen:
                    yield pair_with_truth(asked, candidate.text)
                seen.add(candidate.text)


def pair_with_truth(asked: Asked, text: str) -> PreferenceRow:
    """The truth over a sample, by how unlike they are; white space at the end does not count."""
    match = compare(text, asked.truth)
    if match.exact:
        return Unused(NAME, "the sample equals the truth")
    return Preference(
        prompt=asked.prompt,
        chosen=asked.truth,
        rejected=text,
        margin=round(1 - match.similarity, 4),
        source=NAME,
        group=asked.repo,
        heldout=asked.heldout,
    )
