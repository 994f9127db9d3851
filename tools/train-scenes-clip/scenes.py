"""Reads the pictures and captions that write-scenes.ts wrote."""

import json
from pathlib import Path

import numpy as np

from captions import CLEAN, FAULTS, Vocabulary, caption
from model import IMAGE_PX

# The word of a caption that says what is wrong with the picture: "a WORD picture of …", after the start token.
FAULT_AT = 2


class Scenes:
    """Pictures with their caption and two captions that are wrong in one attribute."""

    def __init__(self, directories: list[Path], vocabulary: Vocabulary):
        lines = [json.loads(line) for directory in directories for line in (directory / "scenes.jsonl").open()]
        self.prompts = [line["prompt"] for line in lines]
        self.swapped = [line["attributeSwap"] for line in lines]
        self.faults = np.array([line["fault"] for line in lines])
        self.strengths = np.array([line["strength"] for line in lines], np.float32)
        raw = [np.memmap(directory / "pictures.u8", np.uint8, "r") for directory in directories]
        self.pictures = np.concatenate(raw).reshape(len(lines), IMAGE_PX, IMAGE_PX, 3)
        encode = lambda field: vocabulary.encode_all(caption(line["fault"], line[field]) for line in lines)
        self.captions, self.attribute_swaps, self.place_swaps = map(encode, ("prompt", "attributeSwap", "placeSwap"))
        self.fault_ids = np.array([vocabulary.ids[word] for word in (CLEAN, *FAULTS)], np.uint8)

    def __len__(self):
        return len(self.faults)

    def batch(self, at: np.ndarray, random: np.random.Generator, clean_third: bool):
        """
        Pictures, and three captions each: the right one, one with a swapped attribute, one with a swapped place or fault. With
        `clean_third` the third caption of every faulty picture is the right one but for the word "clean".
        """
        at = np.sort(at)
        third = self.place_swaps[at].copy()
        other_fault = random.random(len(at)) < 0.5
        third[other_fault] = self.captions[at][other_fault]
        third[other_fault, FAULT_AT] = self._other_faults(third[other_fault, FAULT_AT], random)
        if clean_third:
            faulty = self.faults[at] != CLEAN
            third[faulty] = self.captions[at][faulty]
            third[faulty, FAULT_AT] = self.fault_ids[0]
        texts = np.concatenate([self.captions[at], self.attribute_swaps[at], third])
        return self.pictures[at], texts.astype(np.int64), self.faults[at] == CLEAN, self.strengths[at]

    def _other_faults(self, present: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Another word for each: "clean" for two thirds of the faulty ones, else any other."""
        clean, words = self.fault_ids[0], self.fault_ids
        drawn = words[random.integers(0, len(words), len(present))]
        drawn[(present != clean) & (random.random(len(present)) < 0.6)] = clean
        clash = drawn == present
        following = {word: words[(at + 1) % len(words)] for at, word in enumerate(words)}
        drawn[clash] = [following[word] for word in present[clash]]
        return drawn
