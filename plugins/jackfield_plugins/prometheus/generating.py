"""Text generation as it goes: times and tokens, taken where steps are delivered, at a few microseconds a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from jackfield import State, StepReport, Work
from jackfield_plugins.prometheus.histogram import Histogram


class StepTokens(Protocol):
    """What the executor of a model that generates tells of a step: `StepReport.extra`."""

    prefill: int
    decode: int
    work: Sequence[Work]
    told: Sequence[int] | None


class Generation(Protocol):
    """What `work.extra` of such a model is: the tokens of its prompt, and why its answers ended."""

    prompt: int
    finishes: Sequence[str]


class GenerationSeries:
    """The histograms and counters of one replica."""

    def __init__(self, seconds: Sequence[float], tokens: Sequence[float]) -> None:
        self.first_token = Histogram(seconds)
        self.between_tokens = Histogram(seconds)
        self.request = Histogram(seconds)
        self.queue = Histogram(seconds)
        self.prefill = Histogram(seconds)
        self.decode = Histogram(seconds)
        self.inference = Histogram(seconds)
        self.step = Histogram(tokens)
        self.prompt = Histogram(tokens)
        self.answer = Histogram(tokens)
        self.prompt_tokens = 0
        self.prefill_tokens = 0
        self.generated_tokens = 0
        self.finishes = {"stop": 0, "length": 0}
        self.aborted = 0
        # the works of the last steps, if they were the same, the time of the last, and what is not noted of each yet
        self.alike: Sequence[Work] = []
        self.alike_at = 0.0
        self.alike_more = 0


class _Life:
    """How far a work is. Times by the server's clock; `first` and `last` are 0 before its first token."""

    __slots__ = ("begun", "first", "last", "said", "series")

    def __init__(self, series: GenerationSeries, begun: float) -> None:
        self.series = series
        self.begun = begun
        self.first = self.last = 0.0
        self.said = 0


class Generating:
    """Told of steps and ends on the event loop, with the time. `seconds` and `tokens` are bounds, ascending.

    A token counts as delivered when the event loop learns of its step. Of all that got their last one at the same
    moment the time between is one observation; and as long as steps are of the same works, nothing is done for each.
    """

    def __init__(self, seconds: Sequence[float], tokens: Sequence[float]) -> None:
        self.series: dict[tuple[str, str, str], GenerationSeries] = {}
        self._seconds = seconds
        self._tokens = tokens
        self._lives: dict[Work, _Life] = {}

    def forget(self, model: str, version: str) -> None:
        """Drop what is kept of a version that is gone."""
        for labels in [labels for labels in self.series if labels[:2] == (model, version)]:
            del self.series[labels]

    def stepped(self, model: str, version: str, report: StepReport, now: float) -> None:
        """A step has been delivered; nothing is done if it was none of generation."""
        extra = report.extra
        if not hasattr(extra, "told") or not hasattr(extra, "prefill"):
            return
        tokens: StepTokens = extra
        series = self.of(model, version, report.replica)
        series.step.observe(tokens.prefill + tokens.decode)
        if tokens.told is None and tokens.work == series.alike:
            self._again(series, len(tokens.work), now)
            return
        self._part(series)
        series.prefill_tokens += tokens.prefill
        if self._each(series, tokens, report.started, now) and tokens.told is None:
            series.alike, series.alike_at = list(tokens.work), now

    def _again(self, series: GenerationSeries, count: int, now: float) -> None:
        """The same works as in the step before, of which each got one token then and now."""
        series.between_tokens.observe(max(now - series.alike_at, 0.0), count)
        series.generated_tokens += count
        series.alike_at = now
        series.alike_more += 1

    def _part(self, series: GenerationSeries) -> None:
        """Note for each of those that went together what was not noted meanwhile."""
        if series.alike_more:
            for work in series.alike:
                life = self._lives.get(work)
                if life is not None:
                    life.last = series.alike_at
                    life.said += series.alike_more
        series.alike, series.alike_more = [], 0

    def _each(self, series: GenerationSeries, tokens: StepTokens, started: float, now: float) -> bool:
        """Note for each work what it got; whether all of them are still wanted."""
        lives, told, gaps, wanted = self._lives, tokens.told, dict[float, int](), True
        for number, work in enumerate(tokens.work):
            life = lives.get(work)
            if life is None:
                if work.final is not None:  # it is over, and nobody would forget it
                    wanted = False
                    continue
                life = lives[work] = _Life(series, started)
            count = 1 if told is None else told[number]
            if not count:
                continue
            last = life.last
            if last:
                gaps[last] = gaps.get(last, 0) + count
            else:
                life.first = now
                series.first_token.observe(max(now - work.arrival, 0.0))
                generation: Generation = work.extra
                series.prompt_tokens += generation.prompt
            life.last = now
            life.said += count
            series.generated_tokens += count
        for last, count in gaps.items():
            series.between_tokens.observe(max(now - last, 0.0), count)
        return wanted

    def settled(self, work: Work) -> None:
        """A work is over; nothing is done if it never took part in a step of generation."""
        life = self._lives.get(work)
        if life is None:
            return
        series = life.series
        self._part(series)
        del self._lives[work]
        if work.final is not State.COMPLETED:
            series.aborted += work.final in (State.CANCELLED, State.EXPIRED)
            return
        generation: Generation = work.extra
        for finish in generation.finishes:
            series.finishes[finish] = series.finishes.get(finish, 0) + 1
        series.request.observe(max(work.finished - work.arrival, 0.0))
        series.queue.observe(max(life.begun - work.arrival, 0.0))
        series.prompt.observe(generation.prompt)
        series.answer.observe(life.said)
        if life.last:  # a prompt that was only to be computed has no token
            series.prefill.observe(max(life.first - life.begun, 0.0))
            series.decode.observe(life.last - life.first)
            series.inference.observe(max(life.last - life.begun, 0.0))

    @property
    def lives(self) -> int:
        """How many works are known that are not over."""
        return len(self._lives)

    def of(self, model: str, version: str, replica: str) -> GenerationSeries:
        """The series of a replica."""
        series = self.series.get((model, version, replica))
        if series is None:
            series = self.series[model, version, replica] = GenerationSeries(self._seconds, self._tokens)
        return series
