"""Generates short labelled reviews for the recipe `sentiment`.

    python -m trainer.recipes.sentiment_reviews corpora/sentiment [--rows 5000] [--seed 0]

Synthetic: sentences of a small grammar, the same for a seed on every machine. Half are good. A
third concede something, so that no single word tells the label. Columns `text` and `label`, as in
IMDB.
"""

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path

FILE = "reviews.jsonl"

SUBJECTS = ("the film", "the plot", "the acting", "the ending", "the script", "the camera work") + (
    "the music",
    "the pace",
    "the cast",
    "the director's touch",
    "every scene",
    "the dialogue",
)
VERBS = ("is", "was", "felt", "seemed", "turned out")
GRADES = ("", "really ", "quite ", "so ", "truly ", "rather ", "simply ")
PRAISE = (
    "wonderful",
    "brilliant",
    "moving",
    "charming",
    "delightful",
    "superb",
    "clever",
    "warm",
) + ("gripping", "beautiful", "fresh", "a joy", "full of life", "worth every minute")
BLAME = (
    "awful",
    "dull",
    "lifeless",
    "tedious",
    "clumsy",
    "a mess",
    "painful",
    "weak",
    "hollow",
) + ("boring", "ugly", "stale", "a waste of time", "hard to sit through")
OPENINGS = ("I saw this with my sister.", "We watched it last night.", "It runs for two hours.") + (
    "My friends had told me about it.",
    "I went in without any idea.",
    "It is set in Rome.",
)
CLOSINGS = {
    1: ("I loved it.", "Go and see it.", "I would watch it again.", "A great evening."),
    0: ("I hated it.", "Stay away from it.", "I want my money back.", "Never again."),
}
CONCESSION_SHARE = 1 / 3


def main() -> None:
    """Write the set, as the command line says."""
    parser = argparse.ArgumentParser(description="Write a labelled set of short reviews.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    write_reviews(given.folder, given.rows, given.seed)


def write_reviews(folder: Path, rows: int, seed: int) -> Path:
    """Write `reviews.jsonl` with so many different reviews; gives its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    with path.open("w", encoding="utf-8") as file:
        for text, label in reviews(rows, seed):
            file.write(json.dumps({"text": text, "label": label}) + "\n")
    return path


def reviews(rows: int, seed: int) -> Iterator[tuple[str, int]]:
    """Different reviews with their labels, good and bad ones in turn."""
    rng = random.Random(seed)
    seen: set[str] = set()
    while len(seen) < rows:
        label = len(seen) % 2
        text = write_review(rng, label)
        if text not in seen:
            seen.add(text)
            yield text, label


def write_review(rng: random.Random, label: int) -> str:
    """One review: an opening, some judgements, perhaps a concession, a closing."""
    sentences = [rng.choice(OPENINGS)] if rng.random() < 0.5 else []
    sentences += [judgement(rng, label) + "." for _ in range(rng.randint(1, 3))]
    if rng.random() < CONCESSION_SHARE:
        conceded, meant = judgement(rng, 1 - label), judgement(rng, label)
        sentences.append(f"{conceded}, but {meant[0].lower()}{meant[1:]}.")
    if rng.random() < 0.5:
        sentences.append(rng.choice(CLOSINGS[label]))
    return " ".join(sentences)


def judgement(rng: random.Random, label: int) -> str:
    """What is said of one side of the film, without its full stop."""
    words = PRAISE if label else BLAME
    said = f"{rng.choice(SUBJECTS)} {rng.choice(VERBS)} {rng.choice(GRADES)}{rng.choice(words)}"
    return said[0].upper() + said[1:]


if __name__ == "__main__":
    main()
