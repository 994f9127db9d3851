"""What the model can tell apart, on scenes that it was not trained on."""

from dataclasses import dataclass

import numpy as np
import torch

from captions import CLEAN, FAULTS, TEMPLATE, Vocabulary

# Words of "a SIZE COLOUR SHAPE at the PLACE and a SIZE …", counted from the start of each object.
WORDS_PER_OBJECT = 8
ATTRIBUTE_AT = {1: "size", 2: "colour", 3: "shape"}


@dataclass
class Figures:
    scenes: int
    right_over_swapped: dict
    quality_auc: dict
    alignment_by_fault: dict

    def table(self) -> str:
        rows = [
            "right caption over one with a swapped attribute: " + listing(self.right_over_swapped),
            "AUC of the quality head, clean against: " + listing(self.quality_auc),
            "mean alignment: " + listing(self.alignment_by_fault),
        ]
        return "\n".join(rows)


@torch.no_grad()
def evaluate(model, head, scenes, vocabulary: Vocabulary) -> Figures:
    image = torch.cat([model.embed_pictures(torch.from_numpy(part)) for part in in_parts(np.asarray(scenes.pictures))])
    embed = lambda texts: torch.cat(
        [model.embed_texts(torch.from_numpy(part.astype(np.int64))) for part in in_parts(vocabulary.encode_all(texts))]
    )
    prompts = [TEMPLATE.format(prompt=prompt) for prompt in scenes.prompts]
    swapped = [TEMPLATE.format(prompt=prompt) for prompt in scenes.swapped]
    alignment = (image * embed(prompts)).sum(1)
    margin = alignment - (image * embed(swapped)).sum(1)
    clean = torch.from_numpy(scenes.faults == CLEAN)
    place_ids = torch.from_numpy(scenes.place_swaps[clean.numpy()].astype(np.int64))
    place_margin = alignment[clean] - (image[clean] * model.embed_texts(place_ids)).sum(1)
    attribute = np.array([changed(a, b) for a, b in zip(scenes.prompts, scenes.swapped)])
    right = {name: mean(margin[torch.from_numpy(attribute == name) & clean] > 0) for name in ("colour", "shape", "size", "background")}
    quality = head(image).numpy()
    return Figures(
        scenes=int(clean.sum()),
        right_over_swapped={**right, "place": mean(place_margin > 0)},
        quality_auc={fault: auc(quality[clean.numpy()], quality[scenes.faults == fault]) for fault in FAULTS},
        alignment_by_fault={fault: mean(alignment[torch.from_numpy(scenes.faults == fault)]) for fault in (CLEAN, *FAULTS)},
    )


def changed(prompt: str, swapped: str) -> str:
    words = prompt.split()
    at = next(at for at, (a, b) in enumerate(zip(words, swapped.split())) if a != b)
    return "background" if words[at + 1] == "background" else ATTRIBUTE_AT[at % WORDS_PER_OBJECT]


def auc(higher: np.ndarray, lower: np.ndarray) -> float:
    """Probability that a value of `higher` exceeds one of `lower` (Mann–Whitney), ties count half."""
    order = np.searchsorted(np.sort(lower), higher, "left") + np.searchsorted(np.sort(lower), higher, "right")
    return float(order.mean() / (2 * len(lower)))


def in_parts(values: np.ndarray, size: int = 512):
    return [values[at : at + size] for at in range(0, len(values), size)]


def mean(values) -> float:
    return float(values.float().mean())


def listing(values: dict) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in values.items())
