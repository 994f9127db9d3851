"""The two towers as ONNX graphs. Weights are stored as float16 and cast once when a session is made; all arithmetic is float32."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from model import CONTEXT, EMBEDDING, IMAGE_PX, PATCH_PX, PIXEL_MEAN, PIXEL_STD, TEXT, VISION, Tower

OPSET = 17
CHANNELS = 3


def image_graph(weights) -> onnx.ModelProto:
    """`pixels` uint8 [batch, 64, 64, 3] → `embedding` float32 [batch, 128], L2-normalised. Scaling and layout are inside."""
    graph = Graph(weights)
    side = IMAGE_PX // PATCH_PX
    x = graph.op("Cast", "pixels", to=TensorProto.FLOAT)
    x = graph.op("Mul", x, graph.constant(np.float32(1 / (255 * PIXEL_STD))))
    x = graph.op("Sub", x, graph.constant(np.float32(PIXEL_MEAN / PIXEL_STD)))
    # The convolution of non-overlapping patches is one product of matrices.
    x = graph.op("Reshape", x, graph.ints([0, side, PATCH_PX, side, PATCH_PX * CHANNELS]))
    x = graph.op("Transpose", x, perm=[0, 1, 3, 2, 4])
    x = graph.op("Reshape", x, graph.ints([0, side * side, PATCH_PX * PATCH_PX * CHANNELS]))
    kernel = weights["vision_model.embeddings.patch_embedding.weight"]
    x = graph.op("MatMul", x, graph.half(kernel.transpose(2, 3, 1, 0).reshape(-1, VISION.width)))
    positions = weights["vision_model.embeddings.position_embedding.weight"]
    x = graph.op("Add", x, graph.half(positions[1:]))
    batch = graph.op("Slice", graph.op("Shape", x), graph.ints([0]), graph.ints([1]))
    cls = (weights["vision_model.embeddings.class_embedding"] + positions[0]).reshape(1, 1, -1)
    cls = graph.op("Expand", graph.half(cls), graph.op("Concat", batch, graph.ints([1, 1]), axis=0))
    x = graph.op("Concat", cls, x, axis=1)
    x = graph.layer_norm(x, "vision_model.pre_layrnorm")
    x = graph.encoder(x, VISION, "vision_model.encoder", mask=None)
    x = graph.op("Gather", x, graph.constant(np.int64(0)), axis=1)
    x = graph.layer_norm(x, "vision_model.post_layernorm")
    graph.normalised(graph.op("MatMul", x, graph.half(weights["visual_projection.weight"].T)))
    return graph.model("scenes-clip-image", "pixels", TensorProto.UINT8, ["batch", IMAGE_PX, IMAGE_PX, CHANNELS])


def text_graph(weights, end_token: int) -> onnx.ModelProto:
    """`input_ids` int64 [batch, length ≤ 32] → `embedding` float32 [batch, 128], L2-normalised. Pooled at the first end token."""
    graph = Graph(weights)
    length = graph.op("Slice", graph.op("Shape", "input_ids"), graph.ints([1]), graph.ints([2]))
    x = graph.op("Gather", graph.half(weights["text_model.embeddings.token_embedding.weight"]), "input_ids")
    positions = graph.half(weights["text_model.embeddings.position_embedding.weight"])
    x = graph.op("Add", x, graph.op("Slice", positions, graph.ints([0]), length, graph.ints([0])))
    forbidden = graph.constant(np.triu(np.full((CONTEXT, CONTEXT), -1e9, np.float32), 1))
    both = graph.op("Concat", length, length, axis=0)
    mask = graph.op("Slice", forbidden, graph.ints([0, 0]), both, graph.ints([0, 1]))
    x = graph.encoder(x, TEXT, "text_model.encoder", mask)
    is_end = graph.op("Cast", graph.op("Equal", "input_ids", graph.constant(np.int64(end_token))), to=TensorProto.INT32)
    x = graph.op("GatherND", x, graph.op("ArgMax", is_end, axis=1, keepdims=1), batch_dims=1)
    x = graph.layer_norm(x, "text_model.final_layer_norm")
    graph.normalised(graph.op("MatMul", x, graph.half(weights["text_projection.weight"].T)))
    return graph.model("scenes-clip-text", "input_ids", TensorProto.INT64, ["batch", "length"])


class Graph:
    def __init__(self, weights):
        self.weights, self.nodes, self.initialisers = weights, [], []

    def op(self, kind, *inputs, **attributes) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, value) -> str:
        name = f"constant_{len(self.initialisers)}"
        self.initialisers.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def ints(self, values) -> str:
        return self.constant(np.array(values, np.int64))

    def half(self, value) -> str:
        return self.op("Cast", self.constant(np.ascontiguousarray(value, np.float16)), to=TensorProto.FLOAT)

    def layer_norm(self, x, name) -> str:
        scale, bias = (self.half(self.weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=1e-5)

    def linear(self, x, name) -> str:
        product = self.op("MatMul", x, self.half(self.weights[f"{name}.weight"].T))
        return self.op("Add", product, self.half(self.weights[f"{name}.bias"]))

    def encoder(self, x, tower: Tower, name, mask) -> str:
        for index in range(tower.layers):
            layer = f"{name}.layers.{index}"
            attended = self.attention(self.layer_norm(x, f"{layer}.layer_norm1"), tower, f"{layer}.self_attn", mask)
            x = self.op("Add", x, attended)
            hidden = self.linear(self.layer_norm(x, f"{layer}.layer_norm2"), f"{layer}.mlp.fc1")
            gate = self.op("Sigmoid", self.op("Mul", hidden, self.constant(np.float32(1.702))))
            x = self.op("Add", x, self.linear(self.op("Mul", hidden, gate), f"{layer}.mlp.fc2"))
        return x

    def attention(self, x, tower: Tower, name, mask) -> str:
        head_width = tower.width // tower.heads
        split = self.ints([0, 0, tower.heads, head_width])

        def heads(part, perm):
            return self.op("Transpose", self.op("Reshape", self.linear(x, f"{name}.{part}"), split), perm=perm)

        scores = self.op("MatMul", heads("q_proj", [0, 2, 1, 3]), heads("k_proj", [0, 2, 3, 1]))
        scores = self.op("Mul", scores, self.constant(np.float32(head_width**-0.5)))
        if mask is not None:
            scores = self.op("Add", scores, mask)
        mixed = self.op("MatMul", self.op("Softmax", scores, axis=-1), heads("v_proj", [0, 2, 1, 3]))
        mixed = self.op("Reshape", self.op("Transpose", mixed, perm=[0, 2, 1, 3]), self.ints([0, 0, tower.width]))
        return self.linear(mixed, f"{name}.out_proj")

    def normalised(self, x) -> None:
        length = self.op("ReduceL2", x, axes=[1], keepdims=1)
        self.nodes.append(helper.make_node("Div", [x, length], ["embedding"], name="embedding"))

    def model(self, name, source, kind, shape) -> onnx.ModelProto:
        inputs = [helper.make_tensor_value_info(source, kind, shape)]
        outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", EMBEDDING])]
        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.initialisers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model
