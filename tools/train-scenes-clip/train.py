"""
Trains the scenes CLIP and its quality head on the pictures that write-scenes.ts wrote, then writes models/scenes-clip.

    python train.py --scenes DIR [DIR …] --held-out DIR --out models/scenes-clip

Loss: symmetric cross-entropy of pictures and captions (Radford et al. 2021, figure 3), where each picture also meets captions that are
wrong in one attribute, place or fault; plus the cross-entropy of the quality head. A short second phase teaches how strong a fault is:
without it scores stop falling once a fault is certain. An interrupted run goes on from its last state.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from captions import Vocabulary
from evaluate import evaluate
from export import export
from model import QualityHead, ScenesClip
from scenes import Scenes

BATCH = 128
PEAK_RATE = 1.2e-3
WARM_UP_STEPS = 150
# The rate stays at its peak and falls linearly over the last part, so that a run can be made longer or shorter while it runs.
COOL_DOWN_SHARE = 0.35
# The second phase starts at this rate and falls linearly to 0.
STRENGTH_RATE = 3e-4
# Alignment with the "clean" caption that the second phase aims at: clean pictures, then the weakest and the strongest faults.
CLEAN_ALIGNMENT, WEAKEST_ALIGNMENT, STRONGEST_ALIGNMENT = 0.85, 0.80, 0.63
ALIGNMENT_WEIGHT = 30.0
WEIGHT_DECAY = 0.05
HEAD_WEIGHT = 0.5
LARGEST_LOGIT_SCALE = 4.6052  # ln 100, as in the paper


def main():
    options = parse_options()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    vocabulary = Vocabulary.read(options.scenes[0])
    scenes, held_out = Scenes(options.scenes, vocabulary), Scenes([options.held_out], vocabulary)
    model, head = ScenesClip(len(vocabulary.tokens)), QualityHead()
    optimiser = torch.optim.AdamW(parameter_groups(model, head), lr=PEAK_RATE, betas=(0.9, 0.98))
    step, seconds = resume(options.state, model, head, optimiser)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(scenes):,} pictures, from step {step}", flush=True)
    steps = options.steps + options.strength_steps
    while step < steps:
        started = time.monotonic()
        loss = train_step(model, head, optimiser, scenes, step, options)
        seconds += time.monotonic() - started
        step += 1
        if step % 50 == 0:
            print(f"step {step} loss {loss:.3f} scale {model.logit_scale.exp():.1f} {seconds:.0f} s", flush=True)
        if step % options.save_every == 0 and step < steps:
            save(options.state, model, head, optimiser, step, seconds)
            figures = evaluate(model, head, held_out, vocabulary)
            print(figures.table(), flush=True)
            export(model, head, vocabulary, options.out, figures, describe(options, step, seconds, len(scenes)))
    figures = evaluate(model, head, held_out, vocabulary)
    print(figures.table(), flush=True)
    save(options.state, model, head, optimiser, step, seconds)
    export(model, head, vocabulary, options.out, figures, describe(options, step, seconds, len(scenes)))


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=Path, nargs="+", required=True, help="directories of training scenes")
    parser.add_argument("--held-out", type=Path, required=True, help="directory of scenes for the final figures")
    parser.add_argument("--out", type=Path, required=True, help="directory of the model")
    parser.add_argument("--state", type=Path, help="where an interrupted run goes on; default: beside the scenes")
    parser.add_argument("--steps", type=int, default=4000, help="of the first phase")
    parser.add_argument("--strength-steps", type=int, default=700, help="of the second phase")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save-every", type=int, default=400)
    options = parser.parse_args()
    options.state = options.state or options.scenes[0] / "training-state.pt"
    return options


def train_step(model, head, optimiser, scenes, step, options) -> float:
    for group in optimiser.param_groups:
        group["lr"] = rate(step, options)
    graded = step >= options.steps
    # Randomness is a function of seed and step, so that a resumed run sees what an uninterrupted one would.
    per_epoch = len(scenes) // BATCH
    order = epoch_order(options.seed, step // per_epoch, len(scenes))
    at = order[(step % per_epoch) * BATCH :][:BATCH]
    pictures, texts, clean, strength = scenes.batch(at, np.random.default_rng([options.seed, 1, step]), graded)
    clean, strength = torch.from_numpy(clean), torch.from_numpy(strength)
    image = model.embed_pictures(torch.from_numpy(pictures))
    text = model.embed_texts(torch.from_numpy(texts))
    scale = model.logit_scale.exp()
    right = torch.arange(BATCH)
    picture_loss = F.cross_entropy(scale * image @ text.T, right)
    caption_loss = F.cross_entropy(scale * text[:BATCH] @ image.T, right)
    cleanness = 0.01 + 0.4 * (1 - strength) ** 2 if graded else torch.zeros(BATCH)
    head_loss = F.binary_cross_entropy_with_logits(head(image), torch.where(clean, 1.0, cleanness))
    loss = (picture_loss + caption_loss) / 2 + HEAD_WEIGHT * head_loss
    if graded:
        alignment = (image * torch.where(clean[:, None], text[:BATCH], text[2 * BATCH :])).sum(1)
        aim = torch.where(clean, CLEAN_ALIGNMENT, WEAKEST_ALIGNMENT + (STRONGEST_ALIGNMENT - WEAKEST_ALIGNMENT) * strength)
        loss = loss + ALIGNMENT_WEIGHT * F.mse_loss(alignment, aim)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_([*model.parameters(), *head.parameters()], 1.0)
    optimiser.step()
    with torch.no_grad():
        model.logit_scale.clamp_(max=LARGEST_LOGIT_SCALE)
    return loss.item()


def rate(step: int, options) -> float:
    if step >= options.steps:
        return STRENGTH_RATE * (options.steps + options.strength_steps - step) / options.strength_steps
    to_end = (options.steps - step) / (COOL_DOWN_SHARE * options.steps)
    return PEAK_RATE * min(1.0, (step + 1) / WARM_UP_STEPS, to_end)


def epoch_order(seed: int, epoch: int, count: int) -> np.ndarray:
    if epoch_order.key != (seed, epoch, count):
        epoch_order.key = (seed, epoch, count)
        epoch_order.value = np.random.default_rng([seed, 0, epoch]).permutation(count)
    return epoch_order.value


epoch_order.key = None


def parameter_groups(model, head):
    parameters = [*model.parameters(), *head.parameters()]
    matrices = [p for p in parameters if p.ndim >= 2]
    others = [p for p in parameters if p.ndim < 2]
    return [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]


def save(path: Path, model, head, optimiser, step, seconds):
    state = {"model": model.state_dict(), "head": head.state_dict(), "optimiser": optimiser.state_dict()}
    partial = path.with_suffix(".partial")
    torch.save({**state, "step": step, "seconds": seconds}, partial)
    partial.replace(path)


def resume(path: Path, model, head, optimiser):
    if not path.exists():
        return 0, 0.0
    state = torch.load(path)
    model.load_state_dict(state["model"])
    head.load_state_dict(state["head"])
    optimiser.load_state_dict(state["optimiser"])
    return state["step"], state["seconds"]


def describe(options, step, seconds, pictures) -> dict:
    return {"seed": options.seed, "steps": options.steps, "strength_steps": max(0, step - options.steps), "minutes": seconds / 60, "pictures": pictures, "threads": options.threads}


if __name__ == "__main__":
    main()
