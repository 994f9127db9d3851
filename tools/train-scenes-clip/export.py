"""Writes a trained model as a Hugging Face CLIP directory with ONNX graphs, quality head and README."""

import hashlib
import json
from pathlib import Path

import onnx
from safetensors.torch import save_file

from captions import TEMPLATE, Vocabulary
from model import CONTEXT, EMBEDDING, IMAGE_PX, PATCH_PX, PIXEL_MEAN, PIXEL_STD, TEXT, VISION, Tower
from onnx_graphs import image_graph, text_graph


def export(model, head, vocabulary: Vocabulary, out: Path, figures, run: dict) -> None:
    weights = {name: value.detach().half().contiguous() for name, value in model.state_dict().items()}
    for directory in (out / "onnx", out / "heads"):
        directory.mkdir(parents=True, exist_ok=True)
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    (out / "model.safetensors").chmod(0o644)  # the library makes it readable by its owner alone
    arrays = {name: value.float().numpy() for name, value in weights.items()}
    onnx.save(image_graph(arrays), out / "onnx" / "image.onnx")
    onnx.save(text_graph(arrays, vocabulary.end), out / "onnx" / "text.onnx")
    write_json(out / "config.json", config(vocabulary))
    write_json(out / "tokenizer.json", tokenizer(vocabulary))
    write_json(out / "tokenizer_config.json", tokenizer_config())
    write_json(out / "preprocessor_config.json", preprocessor_config())
    write_json(out / "prompt.json", {"template": TEMPLATE})
    write_json(out / "heads" / "quality.json", quality_head(head, embedding_digest(out)))
    (out / "README.md").write_text(readme(model, figures, run))


EMBEDDING_FILES = ("config.json", "model.safetensors", "onnx/image.onnx", "onnx/text.onnx", "preprocessor_config.json", "tokenizer.json")


def embedding_digest(out: Path) -> str:
    """`embeddingDigest` of libs/scoring/src/model/model-directory.ts: what the head is bound to."""
    total = hashlib.sha256()
    for name in EMBEDDING_FILES:
        total.update(f"{name}\0{hashlib.sha256((out / name).read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def quality_head(head, embedding: str) -> dict:
    layer = lambda linear, activation: {
        "weight": [[round(value, 6) for value in row] for row in linear.weight.tolist()],
        "bias": [round(value, 6) for value in linear.bias.tolist()],
        "activation": activation,
    }
    return {"name": "clean", "embedding": embedding, "layers": [layer(head.hidden, "relu"), layer(head.out, "sigmoid")], "output": "probability"}


def config(vocabulary: Vocabulary) -> dict:
    def tower(sizes: Tower, **others) -> dict:
        return {
            "hidden_size": sizes.width,
            "intermediate_size": sizes.hidden,
            "num_attention_heads": sizes.heads,
            "num_hidden_layers": sizes.layers,
            "hidden_act": "quick_gelu",
            "layer_norm_eps": 1e-5,
            "projection_dim": EMBEDDING,
            **others,
        }

    text = {
        "model_type": "clip_text_model",
        "vocab_size": len(vocabulary.tokens),
        "max_position_embeddings": CONTEXT,
        "pad_token_id": 0,
        "bos_token_id": vocabulary.start,
        "eos_token_id": vocabulary.end,
    }
    vision = {"model_type": "clip_vision_model", "image_size": IMAGE_PX, "patch_size": PATCH_PX, "num_channels": 3}
    return {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": EMBEDDING,
        "torch_dtype": "float16",
        "text_config": tower(TEXT, **text),
        "vision_config": tower(VISION, **vision),
    }


def tokenizer(vocabulary: Vocabulary) -> dict:
    special = {token: vocabulary.ids[token] for token in ("[PAD]", "[UNK]", "<|startoftext|>", "<|endoftext|>")}
    added = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    around = lambda sequence: [
        {"SpecialToken": {"id": "<|startoftext|>", "type_id": 0}},
        *({"Sequence": {"id": name, "type_id": 0}} for name in sequence),
        {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}},
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": at, "content": token, **added} for token, at in special.items()],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": around(["A"]),
            "pair": around(["A", "B"]),
            "special_tokens": {
                token: {"id": token, "ids": [special[token]], "tokens": [token]}
                for token in ("<|startoftext|>", "<|endoftext|>")
            },
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": False},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary.ids,
        },
    }


def tokenizer_config() -> dict:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": CONTEXT,
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
    }


def preprocessor_config() -> dict:
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_resize": True,
        "size": {"shortest_edge": IMAGE_PX},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": IMAGE_PX, "width": IMAGE_PX},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [PIXEL_MEAN] * 3,
        "image_std": [PIXEL_STD] * 3,
        "do_convert_rgb": True,
    }


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=None if path.name in ("quality.json",) else 2) + "\n")


def readme(model, figures, run: dict) -> str:
    parameters = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    rows = [
        *(f"| right caption over one with another {name} | {value:.3f} |" for name, value in figures.right_over_swapped.items()),
        *(f"| AUC of `clean`, clean against {name} | {value:.3f} |" for name, value in figures.quality_auc.items()),
        *(f"| mean alignment of {name} pictures | {value:.3f} |" for name, value in figures.alignment_by_fault.items()),
    ]
    return README.format(parameters=parameters, figures="\n".join(rows), scenes=figures.scenes, **run)


README = (Path(__file__).parent / "model-card.md").read_text()
