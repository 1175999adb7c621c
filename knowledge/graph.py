"""all-MiniLM-L6-v2 written out as an ONNX graph, straight from its weights. The only door to onnx.

It builds and returns bytes. It finds no weights, stores nothing and runs nothing.

The graph reads one text: `ids`, int64 (1, n), the word pieces with [CLS] and [SEP], n <= 256, and
gives `vector`, float32 (1, 384), of length 1. There is no batch and no mask, so there is no
padding, and a text's vector depends on that text alone. The architecture is BERT's (Devlin et al.,
arXiv 1810.04805) with mean pooling (Reimers and Gurevych, arXiv 1908.10084). Operators that
onnxruntime has in fused form (`MultiHeadAttention`, `BiasGelu`, `MatMulIntegerToFloat`) are written
so at once: no optimiser runs at load. `SkipLayerNormalization` is left out on purpose: on a CPU
it takes four times as long as the three operators it replaces.

With `int8`, the 36 matrix products run on 8-bit integers and all else in float32. Weights have one
scale per output column, activations one scale per token, found at run time (ZeroQuant, Yao et al.,
arXiv 2206.01861). One scale for a whole text, which is what `DynamicQuantizeMatMul` does, is an
eighth faster and three times as far from the float32 vectors (mean 1 - cosine 0.0055 to 0.0019).
The word table is stored as float16: 33 MB in place of 55, and no difference that can be measured.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

Precision = Literal["int8", "fp32"]

VERSION = 1
"""Part of a stored graph's name: raise it whenever `build` writes something else."""
LAYERS, WIDTH, HEADS, MAX_TOKENS = 6, 384, 12, 256

_CONTRIB = "com.microsoft"
_EPSILON = 1e-12
_GELU_FLOOR = -0.17
"""Just below the least value of GELU (-0.16997): shifted by it, the activations fill all 8 bits."""


def build(weights: Path, precision: Precision, *, weight_limit: int = 127) -> bytes:
    """Write the model as ONNX.

    Args:
        weights: The model's `model.safetensors`.
        precision: What the matrix products are computed in.
        weight_limit: The largest 8-bit weight. 63 is for processors whose 8-bit products saturate
            at 16 bits (AVX2 without VNNI); an `int8` graph has a second output, `check`, which is
            zero where the processor gets the largest possible product right.

    Returns:
        A serialised `ModelProto`.
    """
    from safetensors.numpy import load_file

    return _Builder(load_file(weights), precision, weight_limit).model()


class _Builder:
    """Nodes and constants as they come. Every method that adds a node returns its output's name."""

    def __init__(self, weights: dict[str, Floats], precision: Precision, limit: int) -> None:
        self._weights = weights
        self._int8 = precision == "int8"
        self._limit = limit
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def model(self) -> bytes:
        import numpy as np
        from onnx import TensorProto, helper

        hidden = self._embeddings()
        for layer in range(LAYERS):
            hidden = self._layer(layer, hidden)
        pooled = self._add("ReduceMean", "pooled", hidden, self._ints("tokens_axis", 1), keepdims=0)
        self._add("LpNormalization", "vector", pooled, axis=-1, p=2)
        vector = helper.make_tensor_value_info("vector", TensorProto.FLOAT, [1, WIDTH])
        outputs = [vector]
        if self._int8:
            largest = self._add(
                "MatMulInteger",
                "largest",
                self._constant("check_a", np.full((4, 64), 255, np.uint8)),
                self._constant("check_b", np.full((64, 16), self._limit, np.int8)),
            )
            right = self._constant("check_product", np.array(64 * 255 * self._limit, np.int32))
            self._add("Sub", "check", largest, right)
            outputs.append(helper.make_tensor_value_info("check", TensorProto.INT32, [4, 16]))
        graph = helper.make_graph(
            self._nodes,
            "all-MiniLM-L6-v2",
            [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "n"])],
            outputs,
            list(self._constants.values()),
        )
        operators = [helper.make_opsetid("", 20), helper.make_opsetid(_CONTRIB, 1)]
        model = helper.make_model(
            graph, producer_name="understudy", opset_imports=operators, ir_version=10
        )
        return bytes(model.SerializeToString())

    def _embeddings(self) -> str:
        import numpy as np
        from onnx import TensorProto

        words = self._weights["embeddings.word_embeddings.weight"]
        places = self._weights["embeddings.position_embeddings.weight"][:MAX_TOKENS]
        # Every token is of type 0, so its type's vector goes into the positions.
        places = places + self._weights["embeddings.token_type_embeddings.weight"][0]
        if self._int8:
            table = self._constant("words", words.astype(np.float16))
            half = self._add("Gather", "words_half", table, "ids")
            embedded = self._add("Cast", "words_of", half, to=TensorProto.FLOAT)
        else:
            embedded = self._add("Gather", "words_of", self._constant("words", words), "ids")
        length = self._add("Shape", "length", "ids", start=1, end=2)
        zero = self._ints("zero", 0)
        here = self._add("Slice", "places_of", self._constant("places", places), zero, length, zero)
        return self._norm("embeddings.LayerNorm", self._add("Add", "embedded", embedded, here))

    def _layer(self, number: int, hidden: str) -> str:
        import numpy as np

        path = f"encoder.layer.{number}"
        inside, outside = f"{path}.attention.self", f"{path}.attention.output"
        parts = ("query", "key", "value")
        source = self._activations(f"{inside}.in", hidden)
        heads = [self._product(f"{inside}.{part}", source) for part in parts]
        biases = np.concatenate([self._weights[f"{inside}.{part}.bias"] for part in parts])
        bias = self._constant(f"{inside}.bias", biases)
        attended = self._fused("MultiHeadAttention", inside, *heads, bias, num_heads=HEADS)
        mixed = self._product(f"{outside}.dense", self._activations(f"{outside}.in", attended))
        mixed = self._bias(mixed, self._weights[f"{outside}.dense.bias"])
        hidden = self._norm(
            f"{outside}.LayerNorm", self._add("Add", f"{outside}.sum", mixed, hidden)
        )

        wide, narrow = f"{path}.intermediate.dense", f"{path}.output.dense"
        grown = self._product(wide, self._activations(f"{wide}.in", hidden))
        bias = self._constant(f"{wide}.bias", self._weights[f"{wide}.bias"])
        grown = self._fused("BiasGelu", f"{wide}.gelu", grown, bias)
        offset = self._weights[f"{narrow}.bias"]
        if self._int8:
            # (x - f) W + (b + f sum(W)) = x W + b: the shift is undone in the bias.
            offset = offset + _GELU_FLOOR * self._weights[f"{narrow}.weight"].sum(axis=1)
        source = self._activations(f"{narrow}.in", grown, floor=_GELU_FLOOR)
        shrunk = self._bias(self._product(narrow, source), offset)
        return self._norm(
            f"{path}.output.LayerNorm", self._add("Add", f"{path}.output.sum", shrunk, hidden)
        )

    def _activations(self, name: str, source: str, floor: float | None = None) -> tuple[str, ...]:
        """Make activations ready for `_product`: as they are, or as (bytes, scales, zero point)."""
        import numpy as np

        if not self._int8:
            return (source,)
        last = self._ints("last_axis", -1)
        if floor is None:
            size = self._add("Abs", f"{name}.abs", source)
            steps, zero = 127, self._constant("zero_128", np.array(128, np.uint8))
        else:
            shift = self._constant("floor", np.array(-floor, np.float32))
            size = source = self._add("Add", f"{name}.shifted", source, shift)
            steps, zero = 255, self._constant("zero_0", np.array(0, np.uint8))
        largest = self._add("ReduceMax", f"{name}.max", size, last, keepdims=0)
        step = self._constant(f"step_{steps}", np.array(1 / steps, np.float32))
        least = self._constant("least", np.array(1e-12, np.float32))
        scale = self._add("Mul", f"{name}.step", largest, step)
        scale = self._add("Max", f"{name}.scale", scale, least)
        scales = self._add("Reshape", f"{name}.scales", scale, last)
        zeros = self._add("Expand", f"{name}.zeros", zero, "length")
        quantised = self._add("QuantizeLinear", f"{name}.bytes", source, scales, zeros, axis=1)
        return quantised, self._add("Unsqueeze", f"{name}.column", scale, last), zero

    def _product(self, name: str, source: tuple[str, ...]) -> str:
        """The layer's matrix product, without its bias."""
        import numpy as np

        matrix = np.ascontiguousarray(self._weights[f"{name}.weight"].T)
        if not self._int8:
            return self._add("MatMul", name, *source, self._constant(f"{name}.weight", matrix))
        scales = np.abs(matrix).max(axis=0) / self._limit
        rounded = np.clip(np.rint(matrix / scales), -self._limit, self._limit).astype(np.int8)
        quantised, rows, zero = source
        product = self._fused(
            "MatMulIntegerToFloat",
            f"{name}.product",
            quantised,
            self._constant(f"{name}.bytes", rounded),
            self._constant("one", np.array(1, np.float32)),
            self._constant(f"{name}.scales", scales.astype(np.float32)),
            zero,
        )
        return self._add("Mul", name, product, rows)

    def _bias(self, source: str, values: Floats) -> str:
        return self._add(
            "Add", f"{source}.biased", source, self._constant(f"{source}.bias", values)
        )

    def _norm(self, name: str, source: str) -> str:
        scale = self._constant(f"{name}.weight", self._weights[f"{name}.weight"])
        shift = self._constant(f"{name}.bias", self._weights[f"{name}.bias"])
        return self._add("LayerNormalization", name, source, scale, shift, epsilon=_EPSILON)

    def _ints(self, name: str, *values: int) -> str:
        import numpy as np

        return self._constant(name, np.array(values, np.int64))

    def _constant(self, name: str, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(values, name)
        return name

    def _add(self, operator: str, output: str, *inputs: str, domain: str = "", **more: Any) -> str:
        from onnx import helper

        node = helper.make_node(operator, inputs, [output], name=output, domain=domain, **more)
        self._nodes.append(node)
        return output

    def _fused(self, operator: str, output: str, *inputs: str, **more: Any) -> str:
        return self._add(operator, output, *inputs, domain=_CONTRIB, **more)
