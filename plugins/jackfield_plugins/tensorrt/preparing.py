"""From an artifact to a plan: found on disk, or built and kept there. Needs a device only where the module does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from jackfield import Artifact, Expected, Signature
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
    compiles kernels then. An artifact without a signature is parsed in any case, which shows it and takes little of the
    time; one that has it is looked for first, since exporting it may take longer than building.

    Blocks; raises LoadError."""
    if device is None and not module.needs_no_device:
        raise LoadError(f"{module.name} builds plans on the device that they are for, and there is none here")
    plans = Plans(plans_folder(options))
    typed = strongly_typed(module, options)
    if artifact.signature is not None:
        profiles = derive(artifact.signature, expected, options)
        key = _key(module, artifact, options, artifact.signature, profiles, device)
        data = plans.find(key)
        if data is not None:
            return Plan(data, artifact.signature, profiles, True, key.name)
    with onnx_file(artifact, options) as path:
        network = parse(module, path, artifact.source, typed)
        signature = artifact.signature or network.signature
        _refuse_other_tensors(signature, network)
        _refuse_shape_tensors(network)
        profiles = derive(signature, expected, options)
        key = _key(module, artifact, options, signature, profiles, device)
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


def _key(
    module: Module,
    artifact: Artifact,
    options: TensorRTOptions,
    signature: Signature,
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
            "tensors": json.dumps([[one.name, one.datatype] for one in (*signature.inputs, *signature.outputs)]),
            "profiles": json.dumps([dict(sorted(profile.shapes.items())) for profile in profiles]),
        }
    )


def _kind(device: CudaDevice | None) -> str:
    if device is None:
        return "any"
    major, minor = device.capability
    return f"{device.device.description.replace(' ', '-')}-{major}.{minor}"


def _refuse_other_tensors(signature: Signature, network: Network) -> None:
    """What an artifact declares must be what TensorRT made of it."""
    found = {spec.name: spec.datatype for spec in (*network.signature.inputs, *network.signature.outputs)}
    for spec in (*signature.inputs, *signature.outputs):
        if found.get(spec.name) is not spec.datatype:
            raise LoadError(
                f"'{spec.name}' is {spec.datatype} in the model, and {found.get(spec.name, 'not there')} in what "
                "TensorRT makes of it"
            )


def _refuse_shape_tensors(network: Network) -> None:
    """Inputs whose values decide shapes would have to be known before a step's tensors are brought to the device."""
    for number in range(network.network.num_inputs):
        tensor = network.network.get_input(number)
        if tensor.is_shape_tensor:
            raise LoadError(
                f"input '{tensor.name}' decides shapes by its values, which the backend 'tensorrt' does not serve: fix "
                "it in the model"
            )
