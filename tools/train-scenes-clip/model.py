"""The two towers of the scenes CLIP, with the parameter names of Hugging Face's CLIPModel."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Tower:
    width: int
    layers: int
    heads: int

    @property
    def hidden(self) -> int:
        return 4 * self.width


IMAGE_PX = 64
PATCH_PX = 16
EMBEDDING = 128
CONTEXT = 32
VISION = Tower(width=160, layers=4, heads=5)
TEXT = Tower(width=96, layers=3, heads=3)
PIXEL_MEAN = 0.5
PIXEL_STD = 0.25
HEAD_HIDDEN = 32

# Positions have to start as strong as content: with the usual spread of 0.02, or with smooth sines whose differences between
# neighbouring patches are a tenth of the content's spread, place stays at chance for more than a thousand steps.
PATCH_POSITION_AMPLITUDE = 0.5
TOKEN_AMPLITUDE = 0.1


class Attention(nn.Module):
    def __init__(self, tower: Tower, causal: bool):
        super().__init__()
        self.heads, self.causal = tower.heads, causal
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            setattr(self, name, nn.Linear(tower.width, tower.width))

    def forward(self, x):
        batch, length, width = x.shape
        split = lambda y: y.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
        q, k, v = split(self.q_proj(x)), split(self.k_proj(x)), split(self.v_proj(x))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out_proj(y.transpose(1, 2).reshape(batch, length, width))


class Mlp(nn.Module):
    def __init__(self, tower: Tower):
        super().__init__()
        self.fc1 = nn.Linear(tower.width, tower.hidden)
        self.fc2 = nn.Linear(tower.hidden, tower.width)

    def forward(self, x):
        hidden = self.fc1(x)
        return self.fc2(hidden * torch.sigmoid(1.702 * hidden))


class Layer(nn.Module):
    def __init__(self, tower: Tower, causal: bool):
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(tower.width)
        self.self_attn = Attention(tower, causal)
        self.layer_norm2 = nn.LayerNorm(tower.width)
        self.mlp = Mlp(tower)

    def forward(self, x):
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class Encoder(nn.Module):
    def __init__(self, tower: Tower, causal: bool):
        super().__init__()
        self.layers = nn.ModuleList(Layer(tower, causal) for _ in range(tower.layers))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class VisionEmbeddings(nn.Module):
    def __init__(self):
        super().__init__()
        side = IMAGE_PX // PATCH_PX
        self.class_embedding = nn.Parameter(0.3 * torch.randn(VISION.width))
        self.patch_embedding = nn.Conv2d(3, VISION.width, PATCH_PX, PATCH_PX, bias=False)
        self.position_embedding = nn.Embedding(side * side + 1, VISION.width)
        nn.init.normal_(self.patch_embedding.weight, std=0.02)
        with torch.no_grad():
            self.position_embedding.weight[0] = 0
            self.position_embedding.weight[1:] = PATCH_POSITION_AMPLITUDE * grid_codes(side, VISION.width)

    def forward(self, pixels):
        patches = self.patch_embedding(pixels).flatten(2).transpose(1, 2)
        cls = self.class_embedding.expand(len(pixels), 1, -1)
        return torch.cat([cls, patches], 1) + self.position_embedding.weight


class VisionModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embeddings = VisionEmbeddings()
        self.pre_layrnorm = nn.LayerNorm(VISION.width)  # the spelling of the published checkpoints
        self.encoder = Encoder(VISION, causal=False)
        self.post_layernorm = nn.LayerNorm(VISION.width)

    def forward(self, pixels):
        return self.post_layernorm(self.encoder(self.pre_layrnorm(self.embeddings(pixels)))[:, 0])


class TextEmbeddings(nn.Module):
    def __init__(self, vocabulary: int):
        super().__init__()
        self.token_embedding = nn.Embedding(vocabulary, TEXT.width)
        self.position_embedding = nn.Embedding(CONTEXT, TEXT.width)
        nn.init.normal_(self.token_embedding.weight, std=TOKEN_AMPLITUDE)
        with torch.no_grad():
            self.position_embedding.weight.copy_(TOKEN_AMPLITUDE * sines(torch.arange(CONTEXT), TEXT.width))

    def forward(self, ids):
        return self.token_embedding(ids) + self.position_embedding.weight[: ids.shape[1]]


class TextModel(nn.Module):
    def __init__(self, vocabulary: int):
        super().__init__()
        self.end = vocabulary - 1
        self.embeddings = TextEmbeddings(vocabulary)
        self.encoder = Encoder(TEXT, causal=True)
        self.final_layer_norm = nn.LayerNorm(TEXT.width)

    def forward(self, ids):
        hidden = self.encoder(self.embeddings(ids))
        at_end = (ids == self.end).int().argmax(1)
        return self.final_layer_norm(hidden[torch.arange(len(ids)), at_end])


class ScenesClip(nn.Module):
    def __init__(self, vocabulary: int):
        super().__init__()
        self.text_model = TextModel(vocabulary)
        self.vision_model = VisionModel()
        self.visual_projection = nn.Linear(VISION.width, EMBEDDING, bias=False)
        self.text_projection = nn.Linear(TEXT.width, EMBEDDING, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def embed_pictures(self, pictures):
        """uint8 [b, 64, 64, 3] → L2-normalised [b, 128]."""
        pixels = (pictures.permute(0, 3, 1, 2).float() / 255 - PIXEL_MEAN) / PIXEL_STD
        return F.normalize(self.visual_projection(self.vision_model(pixels.contiguous())), dim=1)

    def embed_texts(self, ids):
        """int64 [b, L] → L2-normalised [b, 128]."""
        return F.normalize(self.text_projection(self.text_model(ids)), dim=1)


class QualityHead(nn.Module):
    """Logit of "this picture is clean" from the normalised picture embedding."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(EMBEDDING, HEAD_HIDDEN)
        self.out = nn.Linear(HEAD_HIDDEN, 1)
        nn.init.normal_(self.hidden.weight, std=0.5)

    def forward(self, embedding):
        return self.out(F.relu(self.hidden(embedding)))[:, 0]


def sines(positions, width):
    frequencies = torch.exp(-math.log(100) * torch.arange(width // 2) / (width // 2))
    angles = positions.float()[:, None] * frequencies
    return math.sqrt(2) * torch.cat([angles.sin(), angles.cos()], 1)


def grid_codes(side, width):
    """For each patch the sum of a random code of its row and one of its column."""
    rows, columns = torch.randn(side, 1, width), torch.randn(1, side, width)
    return (rows + columns).flatten(0, 1)
