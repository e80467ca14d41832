"""From an artifact to a plan: found on disk, or built and kept there. Needs a device only where the module does."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from jackfield import Artifact, Expected, Signature, TensorSpec
from jackfield.cuda import CudaDevice
from jackfield.errors import LoadError
from jackfield_plugins.tensorrt.building import Told, build, strongly_typed
from jackfield_plugins.tensorrt.module import Module
from jackfield_plugins.tensorrt.network import Network, parse
from jackfield_plugins.tensorrt.options import TensorRTOptions
from jackfield_plugins.tensorrt.plans import PlanKey, Plans, default_folder
from jackfield_plugins.tensorrt.profiles import Profile, derive
from jackfield_plugins.tensorrt.source import digest, onnx_file


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan and what it is for. `found`: it was on disk. `name`: its file's, without folder and ending."""

    data: bytes
    signature: Signature
    profiles: tuple[Profile, ...]
    found: bool
    name: str


def plan_for(
    module: Module,
    artifact: Artifact,
    expected: Expected,
    options: TensorRTOptions,
    device: CudaDevice | None,
    told: Told,
) -> Plan:
    """The plan of `artifact` for `device`, or for whichever device it will be opened on (None), where the module
    compiles kernels then. The network is parsed in any case: it shows the signature, and that takes little of the time.

    Blocks; raises LoadError."""
    if device is None and not module.needs_no_device:
        raise LoadError(f"{module.name} builds plans on the device that they are for, and there is none here")
    plans = Plans(plans_folder(options))
    with onnx_file(artifact, options) as path:
        network = parse(module, path, artifact.source, strongly_typed(module, options))
        signature = declared_axes(network.signature, artifact.signature)
        profiles = derive(signature, expected, options)
        _refuse_shape_tensors(network)
        key = _key(module, artifact, options, profiles, device)
        with plans.alone(key):
            data = plans.find(key)
            if data is not None:
                return Plan(data, signature, profiles, True, key.name)
            # where kernels are chosen later, there is nothing to learn for other builds
            kind = "" if module.needs_no_device else f"{module.name}-{module.version}-{_kind(device)}"
            timings = plans.timings(kind) if kind else None
            built = build(network, profiles, options, timings, artifact.source, told)
            plans.keep(key, built.plan)
            if kind:
                plans.keep_timings(kind, built.timings)
    return Plan(built.plan, signature, profiles, False, key.name)


def plans_folder(options: TensorRTOptions) -> Path:
    """Where plans are kept."""
    return Path(options.cache) if options.cache else default_folder()


def declared_axes(found: Signature, declared: Signature | None) -> Signature:
    """What the network shows, with the batch axes and the names of axes that the artifact itself declares, if it
    does."""
    if declared is None:
        return found
    own = {spec.name: spec for spec in (*declared.inputs, *declared.outputs)}

    def merged(spec: TensorSpec) -> TensorSpec:
        one = own.get(spec.name)
        return spec if one is None else replace(spec, axes=one.axes, batch_axis=one.batch_axis)

    return Signature(tuple(map(merged, found.inputs)), tuple(map(merged, found.outputs)))


def _key(
    module: Module,
    artifact: Artifact,
    options: TensorRTOptions,
    profiles: tuple[Profile, ...],
    device: CudaDevice | None,
) -> PlanKey:
    return PlanKey(
        {
            "model": digest(artifact),
            "kind": artifact.kind,
            "module": f"{module.name} {module.version}",
            "device": _kind(device if not module.needs_no_device else None),
            "precision": options.precision,
            "workspace": str(options.workspace_mib),
            "level": str(options.optimization_level),
            "profiles": json.dumps([dict(sorted(profile.shapes.items())) for profile in profiles]),
        }
    )


def _kind(device: CudaDevice | None) -> str:
    if device is None:
        return "any"
    major, minor = device.capability
    return f"{device.device.description.replace(' ', '-')}-{major}.{minor}"


def _refuse_shape_tensors(network: Network) -> None:
    """Inputs whose values decide shapes would have to be known before a step's tensors are brought to the device."""
    for number in range(network.network.num_inputs):
        tensor = network.network.get_input(number)
        if tensor.is_shape_tensor:
            raise LoadError(
                f"input '{tensor.name}' decides shapes by its values, which the backend 'tensorrt' does not serve: fix "
                "it in the model"
            )
