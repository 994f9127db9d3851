"""Captions as token ids: one token a word, as `tokenizer.json` of the trained model splits them."""

import json
from pathlib import Path

import numpy as np

from model import CONTEXT

CLEAN = "clean"
FAULTS = ("noisy", "blurry", "banded", "unfinished")
TEMPLATE = "a clean picture of {prompt}"


class Vocabulary:
    def __init__(self, words):
        self.tokens = ["[PAD]", "[UNK]", *words, "<|startoftext|>", "<|endoftext|>"]
        self.ids = {token: at for at, token in enumerate(self.tokens)}
        self.start, self.end = len(self.tokens) - 2, len(self.tokens) - 1

    @staticmethod
    def read(directory: Path) -> "Vocabulary":
        return Vocabulary(json.loads((directory / "vocabulary.json").read_text()))

    def encode(self, text: str) -> list[int]:
        return [self.start, *(self.ids[word] for word in text.split()), self.end]

    def encode_all(self, texts) -> np.ndarray:
        rows = [self.encode(text) for text in texts]
        ids = np.zeros((len(rows), max(map(len, rows))), np.uint8)
        for row, tokens in zip(ids, rows):
            row[: len(tokens)] = tokens
        assert ids.shape[1] <= CONTEXT
        return ids


def caption(fault: str, prompt: str) -> str:
    return f"a {fault} picture of {prompt}"
