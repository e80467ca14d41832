"""The loader `python`: what it reads from a class, and what it says when it cannot."""

from __future__ import annotations

import pytest

from jackfield import Artifact, Datatype, Signature, TensorSpec
from jackfield.errors import LoadError
from jackfield_plugins.python.loader import PythonLoader, PythonLoaderOptions

FP32 = Datatype.FP32


def load(name: str, **options: object) -> Artifact:
    loader = PythonLoader(PythonLoaderOptions.model_validate(options))
    return loader.load(f"tests.plugins.python.classes:{name}")


def signature(name: str, **options: object) -> Signature:
    found = load(name, **options).signature
    assert found is not None
    return found


def test_it_detects_classes_and_what_lacks_one() -> None:
    assert PythonLoader.detects("m/model.py:Model")
    assert PythonLoader.detects("package.module:Model")
    assert PythonLoader.detects("m/model.py")  # to say what is missing
    assert not PythonLoader.detects("m/model.onnx")
    assert not PythonLoader.detects("m/folder")


def test_an_annotated_array_says_it_all() -> None:
    artifact = load("Double")
    assert (artifact.kind, artifact.declared_batch) == ("python", True)
    assert artifact.signature == Signature(
        (TensorSpec("x", FP32, (-1, 4), (), 0),), (TensorSpec("output", FP32, (-1, 4), (), 0),)
    )


def test_an_array_without_shape_is_any() -> None:
    assert signature("Anything").inputs == (TensorSpec("x", FP32, None, (), 0),)


def test_lists_are_rows_of_bytes() -> None:
    found = signature("Texts")
    assert found.inputs == (
        TensorSpec("texts", Datatype.BYTES, (-1,), (), 0),
        TensorSpec("raw", Datatype.BYTES, (-1,), (), 0, optional=True),
    )
    assert found.outputs == (TensorSpec("output", Datatype.BYTES, (-1,), (), 0),)


def test_none_or_a_default_makes_an_input_optional() -> None:
    found = signature("Optional")
    assert [(spec.name, spec.shape, spec.optional) for spec in found.inputs] == [
        ("x", (-1, 4), False),
        ("weight", (-1, 4), True),
        ("bias", (-1,), True),
    ]


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("Dict", [("words", Datatype.INT64), ("first", Datatype.BYTES)]),
        ("Tuple", [("low", FP32), ("high", FP32)]),
        ("Data", [("mean", FP32), ("spread", FP32)]),
    ],
)
def test_several_outputs_have_the_names_of_their_type(name: str, outputs: list[tuple[str, Datatype]]) -> None:
    assert [(spec.name, spec.datatype) for spec in signature(name).outputs] == outputs


def test_a_static_predict_has_no_self() -> None:
    assert [spec.name for spec in signature("Static").inputs] == ["x"]


def test_without_batch_nothing_is_joined() -> None:
    found = signature("Whole", batch=False)
    assert found.inputs == (TensorSpec("x", FP32, (-1,)),)
    assert not found.batched
    assert signature("Fixed", batch=False).inputs[0].shape == (4,)


def test_a_first_axis_of_fixed_length_is_no_batch() -> None:
    with pytest.raises(LoadError, match=r"^input 'x' of '.*:Fixed' has shape \[4\], and its first axis is the batch: "):
        load("Fixed")


def test_the_configuration_declares_and_overrides() -> None:
    x = {"name": "x", "datatype": "INT64", "shape": [-1, 2]}
    assert signature("Double", inputs=[x]).inputs == (TensorSpec("x", Datatype.INT64, (-1, 2), (), 0),)
    output = {"name": "logits", "datatype": "FP64"}
    assert signature("Double", outputs=[output]).outputs == (TensorSpec("logits", Datatype.FP64, None, (), 0),)
    texts = {"name": "texts", "datatype": "BYTES"}
    assert signature("Texts", inputs=[texts]).inputs[0].shape == (-1,)
    low = {"name": "low", "datatype": "FP16", "shape": [-1]}
    assert [s.datatype for s in signature("Tuple", outputs=[low]).outputs] == [Datatype.FP16, FP32]


def test_what_has_no_types_is_declared() -> None:
    inputs = [{"name": "x", "datatype": "FP32"}, {"name": "k", "datatype": "FP32"}]
    outputs = [{"name": "sum", "datatype": "FP32", "shape": [-1]}, {"name": "same", "datatype": "FP32"}]
    found = signature("Untyped", inputs=inputs, outputs=outputs)
    assert [spec.name for spec in found.inputs] == ["x", "k"]
    assert [spec.name for spec in found.outputs] == ["sum", "same"]
    half = signature("HalfDict", outputs=[{"name": "b", "datatype": "INT32"}])
    assert [spec.datatype for spec in half.outputs] == [FP32, Datatype.INT32]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"inputs": [{"name": "z", "datatype": "FP32"}]},
            "'inputs' declares 'z', which is no input of '.*': it has 'x'",
        ),
        ({"inputs": [{"name": "x", "datatype": "FP32"}] * 2}, "'inputs' declares 'x' of '.*' twice"),
        ({"outputs": [{"name": n, "datatype": "FP32"} for n in "ab"]}, "'outputs' declares 'a', which is no output of"),
    ],
)
def test_declarations_must_fit(options: dict[str, object], message: str) -> None:
    with pytest.raises(LoadError, match=message):
        load("Double", **options)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("NoPredict", r"^'.*:NoPredict' has no method 'predict'$"),
        ("NoInputs", r"^predict of '.*' takes no inputs: give it a parameter of type Annotated\[NDArray"),
        ("Star", r"parameter 'x' must be a plain one that can be given by name$"),
        ("Number", r"parameter 'x' needs a type: Annotated\[.*list\[bytes\], or must be declared under 'inputs'$"),
        ("Loose", r"parameter 'x' needs a type: "),
        ("Untyped", r"parameter 'x' needs a type: "),
        ("Unhinted", r"must say what it returns: one such type, or a TypedDict, NamedTuple or dataclass of such \(Ann"),
        ("HalfDict", r"'b' of what it returns needs a type: "),
        ("Unresolved", r"^the types of predict of '.*' cannot be resolved: name 'Nowhere' is not defined$"),
        ("Yielding", r"must return its outputs, not yield them$"),
    ],
)
def test_what_cannot_be_served_is_told_with_the_right_form(name: str, message: str) -> None:
    with pytest.raises(LoadError, match=message):
        load(name)


def test_arguments_are_checked_before_an_instance_is_made() -> None:
    with pytest.raises(
        LoadError, match=r"^'init' gives argument 'fctor', which '.*' does not take; it takes 'factor', "
    ):
        load("Scale", init={"fctor": 2})
    with pytest.raises(LoadError, match=r"^'init' lacks argument 'factor', which '.*' cannot be made without$"):
        load("Scale")
    with pytest.raises(LoadError, match=r"it takes none$"):
        load("Double", init={"a": 1})
    assert load("Anything", init={"whatever": 1}).content.init == {"whatever": 1}
