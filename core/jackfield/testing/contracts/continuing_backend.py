"""What every backend keeps to whose executors run work of many steps, such as the generation of text."""

from __future__ import annotations

import tempfile
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from jackfield.errors import InvalidRequest, Unsupported
from jackfield.interfaces import BatchingPolicy, SequenceExecutor
from jackfield.options import Options
from jackfield.testing.contracts.hearing import Breaking, Heard, ask
from jackfield.testing.contracts.opening import OpeningContract
from jackfield.testing.contracts.pieces import Pieces
from jackfield.testing.plain import InOrder
from jackfield.testing.simulation import Simulation, Stuck
from jackfield.work import Request, Response, State

_ALL = 2**31
_PATIENCE = 1000.0  # virtual seconds, of a millisecond a step
Said = list[list[Any]]


class ContinuingBackendContract(OpeningContract):
    """Subclass it with a name that begins with `Test`, say by `backend`, `artifact`, `requests` and `said` what is to
    be tested, and run pytest. Answers are compared by `==`: they must be the same to the last bit, in any company.

    The device must have room for all of `requests` at once, twice.
    """

    @abstractmethod
    def requests(self) -> Sequence[Request]:
        """Four or more, whose answers differ, take several steps and are the same each time (greedy, or with a seed);
        with prompts of different lengths, two of them longer than a block or two, and two that begin alike."""

    @abstractmethod
    def said(self, response: Response) -> list[Any]:
        """What a response tells, in order, such as tokens with their likelihoods; those of a stream are joined."""

    def faulty(self) -> Request | None:
        """A request that is accepted, and makes each step fail that it takes part in; None if there is none."""
        return None

    def too_large(self) -> Request | None:
        """A request that the device could never hold; None if there is none."""
        return None

    def test_it_continues_work(self) -> None:
        """Its executors say what they have room for, and nothing is taken in the beginning."""
        with self._sequences() as executor:
            capacity = executor.capacity()
            assert capacity.rows >= 1, f"the capacity is {capacity.rows} rows"
            assert capacity.blocks is not None, "the capacity must say how many blocks are free"
            assert capacity.blocks >= 1, f"the capacity is {capacity.blocks} blocks"

    def test_company_changes_no_answer(self) -> None:
        """What requests are told together is what each is told alone."""
        with self._sequences() as executor:
            alone = self._alone(executor)
            for order in (list(range(len(alone))), list(reversed(range(len(alone))))):
                requests = [self.requests()[number] for number in order]
                together = self._run(executor, requests)
                self._same(together, [alone[number] for number in order], "a request is answered otherwise in company")

    def test_answers_differ_where_requests_do(self) -> None:
        """Or else nothing could be told from the other tests. The same request comes again to the same answer."""
        with self._sequences() as executor:
            alone = self._alone(executor)
            assert len(alone) >= 4, f"`requests` gives {len(alone)}, and four are needed"
            assert all(len(one) > 1 for one in alone), "a request is answered with less than two tokens"
            for number, one in enumerate(alone):
                for other in alone[:number]:
                    assert one[: len(other)] != other[: len(one)], "two requests have one answer"
            self._same(self._alone(executor), alone, "the same request is answered otherwise when it comes again")

    def test_pieces_change_no_answer(self) -> None:
        """However a prompt is cut into steps."""
        with self._sequences() as executor:
            alone = self._alone(executor)
            for most in (1, 3, 7):
                cut = self._run(executor, self.requests(), Pieces(most))
                self._same(cut, alone, f"computed by {most} tokens a step, a request is answered otherwise")

    def test_preemption_changes_no_answer(self) -> None:
        """What is preempted, in the middle of its prompt or its answer, goes on as if nothing had been."""
        with self._sequences() as executor:
            alone = self._alone(executor)
            for most, every in ((_ALL, 2), (4, 3), (2, 5)):
                policy = Pieces(most, every)
                again = self._run(executor, self.requests(), policy)
                assert policy.preemptions, "`requests` take too few steps: nothing was preempted"
                self._same(again, alone, "a request that was preempted is answered otherwise")

    def test_a_stream_says_the_same(self) -> None:
        """Piece by piece, and the last piece is final."""
        with self._sequences() as executor:
            whole = self._alone(executor)
            pieces = self._run(executor, [replace(request, stream=True) for request in self.requests()])
            self._same(pieces, whole, "a stream says something else than the answer in one")

    def test_neighbours_that_go_change_no_answer(self) -> None:
        """Cancelled or too late, in whichever state; and all that they held comes back."""
        with self._sequences() as executor:
            alone, free = self._alone(executor), executor.capacity().blocks
            simulation = self._simulation(executor, Pieces(3))
            kept = [ask(simulation, request) for request in self.requests()]
            gone = []
            for number, request in enumerate(self.requests()):
                late = replace(request, timeout=0.002 + number / 1000) if number % 2 else request
                gone.append(ask(simulation, late))
                simulation.advance(0.001)
            for one in gone[::2]:
                simulation.cancel(one.work)
            self._drain(simulation)
            assert any(one.work.final is not State.COMPLETED for one in gone), "`requests` take too few steps"
            said = [self._told(one) for one in kept]
            self._same(said, alone, "beside neighbours that go, one is answered otherwise")
            left = executor.capacity().blocks
            assert left == free, f"{free} blocks were free before requests came and went, and {left} are now"

    def test_all_blocks_come_back(self) -> None:
        """After answers, and when a work is released that holds nothing, or twice."""
        with self._sequences() as executor:
            free = executor.capacity().blocks
            for most in (_ALL, 2):
                simulation = self._simulation(executor, Pieces(most))
                heard = [ask(simulation, request) for request in self.requests()]
                self._drain(simulation)
                for one in heard:
                    executor.release(one.work)
                left = executor.capacity().blocks
                assert left == free, f"{free} blocks were free before any work, and {left} are after it"

    def test_need_reserve_and_preempt_agree(self) -> None:
        """A `reserve` takes what `need` told, or nothing if it fails; `preempt` gives back what it says."""
        with self._sequences() as executor:
            before, taken = self._free(executor), list[Heard]()
            for request in list(self.requests()) * 100:
                one = Heard(request)
                executor.accept(one.work)
                free, need = self._free(executor), one.work.extra.need()
                taken.append(one)
                had = one.work.extra.reserve(one.work.extra.pending)
                used = free - self._free(executor)
                assert used == (need if had else 0), (
                    f"`need` told {need} blocks, and `reserve` took {used} of {free} and {'' if had else 'not '}all"
                )
                if not had:
                    break
            for one in taken:
                free = self._free(executor)
                freed, now = one.work.extra.preempt(), self._free(executor)
                assert now - free == freed, f"`preempt` told {freed} blocks, and {now - free} became free"
                executor.release(one.work)
            assert self._free(executor) == before, "blocks of works that never ran are missing"

    def test_a_step_that_failed_can_be_tried_again(self) -> None:
        """In parts: `prepare` changes nothing that another try would miss, nor does a step that raises."""
        with self._sequences() as executor:
            alone = self._alone(executor)
            for most in (_ALL, 3):
                broken = Breaking(executor)
                simulation = self._simulation(broken, Pieces(most))
                heard = [ask(simulation, request) for request in self.requests()]
                self._drain(simulation)
                assert broken.broken, "no step had more than one work"
                said = [self._told(one) for one in heard]
                self._same(said, alone, "after a step that failed, requests are answered otherwise")

    def test_a_request_that_breaks_steps_costs_its_neighbours_nothing(self) -> None:
        """If there is a `faulty` one."""
        if (request := self.faulty()) is None:
            return
        with self._sequences() as executor:
            alone, free = self._alone(executor), executor.capacity().blocks
            simulation = self._simulation(executor, Pieces(5))
            heard = [ask(simulation, one) for one in (*self.requests(), request)]
            self._drain(simulation)
            assert heard[-1].work.final is State.FAILED, "a request that breaks steps was answered"
            said = [self._told(one) for one in heard[:-1]]
            self._same(said, alone, "beside a request that breaks steps, another is answered otherwise")
            assert executor.capacity().blocks == free, "a request that breaks steps has kept blocks"

    def test_what_can_never_fit_is_refused_at_once(self) -> None:
        """If there is one that is `too_large`: before it waits for anything."""
        if (request := self.too_large()) is None:
            return
        with self._sequences() as executor:
            free = executor.capacity().blocks
            try:
                executor.accept(Heard(request).work)
            except (InvalidRequest, Unsupported):
                assert executor.capacity().blocks == free, "a request that was refused has kept blocks"
            else:
                raise AssertionError("a request was accepted that could never be held")

    def test_warming_up_leaves_nothing(self) -> None:
        """It says how far it is; blocks and answers are as before."""
        with self._sequences() as cold, self._sequences() as warm:
            free, told = warm.capacity().blocks, list[tuple[int, int]]()
            warm.warm_up(lambda what, done, of: told.append((done, of)))
            assert all(0 <= done <= of for done, of in told), f"progress was told as {told}"
            assert warm.capacity().blocks == free, "warming up has kept blocks"
            self._same(self._alone(warm), self._alone(cold), "after warming up, requests are answered otherwise")

    def test_states_are_snapshots(self) -> None:
        """A new mapping of numbers each time, with the same names."""
        with self._sequences() as executor:
            first = executor.state()
            copy = dict(first)
            self._alone(executor)
            second = executor.state()
            assert dict(first) == copy, "a state that was returned changed afterwards"
            assert set(second) == set(copy), f"the state had names {sorted(copy)}, and then {sorted(second)}"

    def test_replicas_do_not_know_each_other(self) -> None:
        """Two executors of one artifact: closing one leaves the other as it was."""
        with tempfile.TemporaryDirectory() as folder:
            artifact = self.artifact(Path(folder))
            one, other = (self.backend().open(artifact, self._device()) for _ in range(2))
            assert isinstance(one, SequenceExecutor)
            assert isinstance(other, SequenceExecutor)
            before = self._alone(other)
            self._alone(one)
            one.close()
            self._same(self._alone(other), before, "closing one replica changed the answers of another")
            other.close()

    @contextmanager
    def _sequences(self) -> Iterator[SequenceExecutor]:
        with self._opened() as executor:
            assert isinstance(executor, SequenceExecutor), f"{type(executor).__name__} is no SequenceExecutor"
            yield executor

    def _alone(self, executor: SequenceExecutor) -> Said:
        return [self._run(executor, [request])[0] for request in self.requests()]

    def _run(
        self, executor: SequenceExecutor, requests: Sequence[Request], policy: BatchingPolicy | None = None
    ) -> Said:
        policy = policy if policy is not None else Pieces(_ALL)
        simulation = self._simulation(executor, policy)
        heard = [ask(simulation, request) for request in requests]
        self._drain(simulation)
        misreserved = policy.misreserved if isinstance(policy, Pieces) else []
        assert not misreserved, misreserved[0]
        return [self._told(one) for one in heard]

    def _told(self, heard: Heard) -> list[Any]:
        said: list[Any] = []
        for number, result in enumerate(heard.results, 1):
            assert isinstance(result, Response), f"a request was answered with {result!r}"
            assert result.final == (number == len(heard.results)), "a response came after the final one"
            said += self.said(result)
        return said

    def _same(self, got: Said, expected: Said, what: str) -> None:
        for number, (one, right) in enumerate(zip(got, expected, strict=True)):
            assert one == right, f"{what}: number {number} is told {_first(one, right)}"

    @staticmethod
    def _simulation(executor: SequenceExecutor, policy: BatchingPolicy) -> Simulation:
        return Simulation(policy, InOrder(Options()), executor)

    @staticmethod
    def _drain(simulation: Simulation) -> None:
        try:
            simulation.drain(_PATIENCE)
            simulation.advance(0.01)  # what has just gone is released
        except Stuck as stuck:
            raise AssertionError(str(stuck)) from None

    @staticmethod
    def _free(executor: SequenceExecutor) -> int:
        blocks = executor.capacity().blocks
        assert blocks is not None, "the capacity must say how many blocks are free"
        return blocks


def _first(got: Sequence[Any], right: Sequence[Any]) -> str:
    """Where they part."""
    place = next((n for n, (one, other) in enumerate(zip(got, right, strict=False)) if one != other), None)
    if place is None:
        return f"{len(got)} tokens, and {len(right)} are right"
    return f"{got[place]!r} at place {place}, where {right[place]!r} is right"
