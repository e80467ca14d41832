"""The configuration after it was checked: immutable, and the same whichever plugins are installed."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated, Literal

from pydantic import Field, SerializeAsAny, model_validator

from jackfield.config.updates import UpdateConfig
from jackfield.config.values import NOT_BOOL, Axis, Bytes, Count, Label, Off, Seconds, Version, problem
from jackfield.options import Options

MIB = 1024 * 1024
Cores = Annotated[tuple[Axis, ...], Field(min_length=1)]


class Section(Options):
    """What fills one socket: the plugin's name, and its own options as an instance of its own class."""

    name: str
    options: SerializeAsAny[Options]


class LimitsConfig(Options):
    """What one connection or request may take of the server."""

    max_body_bytes: Count = 64 * MIB
    """Largest body of a request; larger ones are refused before they are read."""
    max_header_bytes: Count = 64 * 1024
    """Most bytes of request line and headers together."""
    max_headers: Count = 256
    """Most headers of a request."""
    header_timeout_s: Seconds = 10
    """Seconds within which the headers of a request must have arrived."""
    body_timeout_s: Seconds = 60
    """Seconds within which the body of a request must have arrived."""
    keep_alive_timeout_s: Seconds = 30
    """Seconds that an idle connection is kept open, and that a client may take to read a part of its answer."""
    max_connections: Count = 4096
    """Most connections at a time; further ones are refused at once."""


class KeysConfig(Options):
    """Who may ask. Without this section anybody may; with it nobody without a key, on any path."""

    file: FilePath | None = None
    """A YAML file of the keys' entries by name, as `jackfield key new NAME` prints them. It holds no keys."""
    env: Annotated[str, Field(min_length=1)] | None = None
    """The environment variable that holds the same, in place of a file."""
    open_health: bool = False
    """Whether the paths that tell whether the server is alive and ready are open to those without a key."""

    @model_validator(mode="after")
    def _one_of(self) -> KeysConfig:
        if (self.file is None) == (self.env is None):
            raise problem("expected either 'file' or 'env'")
        return self


class TlsConfig(Options):
    """HTTPS in place of HTTP, on all addresses. All files are PEM, and read again at `SIGHUP`."""

    certificate: FilePath
    """The server's certificate, followed by those between it and a root."""
    key: FilePath | None = None
    """Its private key; null: in the same file."""
    key_password_env: Annotated[str, Field(min_length=1)] | None = None
    """The environment variable that holds the password of the key, if it has one."""
    client_ca: FilePath | None = None
    """Certificates of authorities, read at the start only: clients must show a certificate that one of them has signed;
    null: none is asked for."""


class AdminListenerConfig(Options):
    """An address of its own for the endpoint `admin`."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535), NOT_BOOL]
    """Port to listen on; 0 lets the system choose one."""


class ServerConfig(Options):
    """Where the server listens, and what holds for all models."""

    host: str = "127.0.0.1"
    """Address to listen on. The default reaches this machine only; `0.0.0.0` listens on all addresses."""
    port: Annotated[int, Field(ge=0, le=65535), NOT_BOOL] = 8000
    """Port to listen on; 0 lets the system choose one."""
    workers: Annotated[int, Field(ge=1, le=64), NOT_BOOL] = 1
    """How many processes take connections, decode and encode under `jackfield serve`. 1: the one that has the models
    does; more stand in front of it, on the same port."""
    name: str = "jackfield"
    """What the server calls itself in its metadata."""
    not_ready_status: Literal[400, 503] = 503
    """Status of the readiness routes while not ready."""
    exit_on_load_error: bool = True
    """Whether `jackfield serve` exits when a model fails to load at start; false: it goes on with the others."""
    drain_timeout_s: Seconds = 30
    """Seconds that accepted requests get to be answered when the server stops; those that are not fail then."""
    memory_budget: Bytes | None = None
    """Most memory of all models together that are loaded on demand, in bytes or as `4 GiB`; null: no limit."""
    limits: LimitsConfig = LimitsConfig()
    """What one connection or request may take."""
    keys: KeysConfig | None = None
    """Who may ask; null: anybody."""
    tls: TlsConfig | None = None
    """HTTPS; null: HTTP."""
    admin: AdminListenerConfig | None = None
    """Where the endpoint `admin` is served, and nothing else; null: beside the others. For `jackfield serve` only."""


class LogConfig(Options):
    """What is logged, and how."""

    format: Literal["auto", "json", "console"] = "auto"
    """`json` is one object a line, `console` is for people; `auto` is `console` on a terminal and `json` elsewhere."""
    level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    """The least important events that are logged."""


class QueueConfig(Options):
    """How much may wait before each replica. These keys stand in the section `scheduler`, beside the plugin's own."""

    max_queue: Count = 1024
    """Most requests that wait; further ones are shed."""
    max_queue_rows: Count | None = None
    """Most rows that wait; requests beyond are shed, one that waits alone excepted; null: no limit."""
    max_queue_bytes: Count = 256 * MIB
    """Most bytes of inputs that wait; requests beyond are shed."""
    max_wait_s: Seconds | None = None
    """Longest that a request is let wait for its step, in seconds as estimated when it comes; requests that would wait
    longer are shed; null: no limit but that of their deadlines."""


class WarmUpInput(Options):
    """What one input is warmed up with: a shape to fill, or a file."""

    shape: tuple[Axis, ...] | None = None
    """Shape of one row, without the batch axis."""
    fill: Literal["zeros", "ones", "random"] | float = "zeros"
    """What the shape is filled with; `random` is the same in each run."""
    file: str | None = None
    """A `.npy` or `.json` file with the value of one row."""

    @model_validator(mode="after")
    def _one_of(self) -> WarmUpInput:
        if self.file is None:
            return self
        if self.shape is not None or self.fill != "zeros":
            raise problem("got 'file' together with 'shape' or 'fill', expected one or the other")
        if not self.file.endswith((".npy", ".json")):
            raise problem("got {given}, expected a .npy or .json file", "file")
        return self


class WarmUp(Options):
    """How a replica is warmed up before it is ready."""

    rows: Annotated[tuple[Count, ...], Field(min_length=1)] | None = None
    """Numbers of rows to run; by default those that the batching policy forms."""
    inputs: dict[str, WarmUpInput] = {}
    """What to run with, by the input's name; inputs that are not named are made up from the signature."""


class RestartConfig(Options):
    """When a replica that died is started again, where its placement can."""

    limit: Annotated[int, Field(ge=0), NOT_BOOL] = 5
    """Most restarts within `within_s`; a further death is final."""
    within_s: Seconds = 600
    """Seconds after which a death is forgotten."""
    delay_s: Seconds = 0.2
    """Seconds before the first restart; twice as many before each that follows."""
    max_delay_s: Seconds = 30
    """Longest delay before a restart, in seconds."""


class Latest(Options):
    """How many of a repository's versions are served."""

    latest: Count
    """The last so many of them."""


class OnDemandConfig(Options):
    """How a model is loaded that sleeps until it is asked for."""

    first_request: Literal["wait", "refuse"] = "wait"
    """What becomes of requests while it is loaded: they wait, within their deadlines, or are refused at once."""
    max_waiting: Count = 256
    """Most requests that wait for it to be loaded; further ones are shed."""
    retry_s: Seconds = 5
    """Seconds before it is loaded again after that failed; twice as many after each further failure."""
    max_retry_s: Seconds = 300
    """Longest time before it is loaded again, in seconds."""


class ModelSettings(Options):
    """One model: what the core itself reads. The sections that plugins fill are added by `ModelConfig`."""

    source: Annotated[str, Field(min_length=1)]
    """What to load: a file or folder relative to this configuration file, `file.py:Class`, `package.module:Class`, or
    whatever else a loader knows."""
    version: Version = "1"
    """Label of this version. In a repository each version is called after its folder."""
    versions: Literal["latest", "all"] | Latest | Annotated[tuple[Version, ...], Field(min_length=1)] | None = None
    """Which versions of a repository are served: `latest`, the last so many, `all`, or those in a list. null: the
    source is opened as it is; but if no loader knows it, and it has folders called by numbers, it is a repository whose
    latest version is served."""
    artifact: Annotated[str, Field(min_length=1)] | None = None
    """What is to be opened in the folder of a repository's version: a file or folder, or `file.py:Class`. null: that
    folder itself or the one thing in it that a loader knows."""
    poll_s: Seconds | None = None
    """Seconds between two looks at a repository, whose new versions are rolled in and whose vanished ones are unloaded;
    null: it is only looked at when the model is loaded."""
    load: Literal["at-start", "on-demand"] = "at-start"
    """When the model is loaded: when the server starts, or when the first request for it comes."""
    on_demand: OnDemandConfig = OnDemandConfig()
    """How it is loaded on demand."""
    memory: Bytes | None = None
    """Memory that the model takes while it is loaded, in bytes or as `2 GiB`, to be held against
    `server.memory_budget`; null: the size of its files, once for each replica."""
    device: Annotated[str, Field(min_length=1)] = "auto"
    """Where it runs, in the backend's words (`cpu`, `cuda:0`); `auto` is the backend's best."""
    devices: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)] | None = None
    """In place of `device`: where the replicas run, each on the next in turn."""
    cores: Literal["divide"] | tuple[Cores, ...] | None = None
    """Processors that each replica is bound to: `divide` gives each an even part of those of this process; or a list
    for each, by the numbers of the operating system, taken in turn; null: none is bound. Threads are divided among the
    replicas of a model in any case, where a backend's own options say nothing, but not among models: steps of two
    models run at the same time, PyTorch's beside the native decoder's too, each with threads for all processors that it
    may use. Models that are busy together want lists of their own."""
    replicas: Annotated[int, Field(ge=1, le=1024), NOT_BOOL] = 1
    """How many copies run."""
    batch_axis: Literal["auto"] | Off | Axis | dict[str, Axis | None] = "auto"
    """Along which axis requests are joined: `auto` (found out), false (never joined), the axis of all tensors, or one
    per tensor (null: that tensor has none)."""
    warm_up: Literal["auto", "off"] | WarmUp = "auto"
    """Whether and how a replica is warmed up before it is ready."""
    timeout_s: Seconds | None = None
    """Deadline of a request that states none, in seconds from acceptance; null: none."""
    max_timeout_s: Seconds = 3600
    """Longest deadline that a request may state."""
    step_timeout_s: Seconds | None = 300
    """A step that takes longer means that the worker hangs: its replica is given up; null: never."""
    overlap: Literal["auto"] | bool = "auto"
    """Whether the next batch is prepared while the device works; `auto`: where the backend allows it."""
    load_timeout_s: Seconds = 600
    """Seconds within which a replica must be loaded and warmed up."""
    idempotent: bool = True
    """Whether a request may run a second time: one that was in a replica which died is then run by another."""
    restarts: RestartConfig = RestartConfig()
    """When a replica that died is started again."""
    update: UpdateConfig = UpdateConfig()
    """How another version takes the place of one that serves."""
    labels: dict[str, str | tuple[str, ...]] = {}
    """Class names of an output, by the output's name: a list, or a file with one per line."""

    @model_validator(mode="after")
    def _one_each(self) -> ModelSettings:
        replicas = f"{self.replicas} replica{'s' * (self.replicas > 1)}, expected at most as many"
        if self.devices is not None and self.device != "auto":
            raise problem("got {given} together with 'device', expected one or the other", "devices")
        if self.devices is not None and len(self.devices) > self.replicas:
            raise problem(f"got {len(self.devices)} devices for {replicas}", "devices")
        if isinstance(self.cores, tuple):
            if len(self.cores) > self.replicas:
                raise problem(f"got {len(self.cores)} lists for {replicas}", "cores")
            if any(len(set(own)) < len(own) for own in self.cores):
                raise problem("got {given}, in which a processor stands more than once for one replica", "cores")
        return self


class ModelConfig(ModelSettings):
    """One model, with what fills its sockets. Made by `load`; turned back into plain data by `plain`."""

    loader: Section | None
    """How the source is opened; None: the one loader that detects it."""
    backend: Section | None
    """What runs it; None: the first available that accepts what the loader gives."""
    batching: Section
    scheduler: Section
    queue: QueueConfig
    router: Section
    placement: Section


class Config(Options):
    """Everything: the server, its models, and what speaks and listens."""

    server: ServerConfig = ServerConfig()
    """Where the server listens, and what holds for all models."""
    models: dict[Label, ModelConfig] = {}
    """The models, by name."""
    endpoints: dict[str, SerializeAsAny[Options]] = {}
    """The wire protocols that are spoken, by name, with their options."""
    observers: dict[str, SerializeAsAny[Options]] = {}
    """What is told of events, by name, with its options."""
    log: LogConfig = LogConfig()
    """What is logged, and how."""
