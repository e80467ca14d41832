"""The devices that OpenVINO sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jackfield import Device


def devices() -> Sequence[Device]:
    """As the configuration calls them (`cpu`, `gpu:0`, `npu`), accelerators first. Never raises; empty without
    OpenVINO."""
    try:
        import openvino

        core = openvino.Core()
        found = [_device(core, name) for name in core.available_devices]
    except Exception:  # noqa: BLE001  (a library or a driver may be broken in any way)
        return []
    return sorted(found, key=lambda device: (device.kind == "cpu", device.name))


def own_name(device: Device) -> str:
    """As OpenVINO calls it."""
    return device.name.upper().replace(":", ".")


def _device(core: Any, name: str) -> Device:
    kind, _, number = name.partition(".")
    shown = kind.lower() + (f":{number}" if number else "")
    return Device(shown, kind.lower(), str(core.get_property(name, "FULL_DEVICE_NAME")))
