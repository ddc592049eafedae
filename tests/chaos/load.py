"""The load: users, workers good and bad, readers; all of them try again as real clients do."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

import trio

from tests.chaos.ledger import Holder, Ledger, digest, source_of
from tests.chaos.wire import Answer, NoAnswerError, Tally, Wire

PAUSE = 0.2
TRY_AGAIN = {408, 425, 429}
POLL = "/api/workers/poll"


@dataclass(frozen=True, slots=True)
class Shape:
    """How much of what there is; shares are probabilities."""

    submitters: int = 4
    workers: int = 10
    readers: int = 2
    rate: float = 16.0
    """Submissions a second, together."""
    backlog: int = 30
    """Builds without an end, beyond which nobody submits."""
    holds: tuple[int, ...] = (0, 3, 8)
    """Seconds for which polls ask to be held."""
    silent: float = 0.03
    """Builds that a worker keeps silent about until they are lost, and then reports late."""
    silence: float = 6.0
    forgotten: float = 0.04
    """Builds that a restarted worker does not know of any more."""
    failing: float = 0.05
    cancelling: float = 0.03
    large: float = 0.02
    """Results of a quarter of a megabyte."""


@dataclass(slots=True)
class Load:
    """All clients of a run."""

    port: int
    key: str
    seed: int
    ledger: Ledger
    shape: Shape = field(default_factory=Shape)
    tally: Tally = field(default_factory=Tally)
    skew: float = 0.0
    """Seconds by which the clocks of workers are wrong."""
    submitting: bool = True
    held_only: bool = False
    _wires: list[Wire] = field(default_factory=list)

    async def run(self, *, task_status: trio.TaskStatus[trio.CancelScope]) -> None:
        """Work until cancelled through the scope that is given to the starter."""
        try:
            async with trio.open_nursery() as nursery:
                for number in range(self.shape.submitters):
                    nursery.start_soon(self._submitter, number)
                for number in range(self.shape.workers):
                    nursery.start_soon(self._worker, f"worker-{number}")
                for number in range(self.shape.readers):
                    nursery.start_soon(self._reader, number)
                task_status.started(nursery.cancel_scope)
        finally:
            with trio.CancelScope(shield=True):
                for wire in self._wires:
                    await wire.close()

    def wire(self) -> Wire:
        """Make a connection that is closed with the others."""
        made = Wire(self.port, self.key, self.tally)
        self._wires.append(made)
        return made

    def random(self, name: str) -> Random:
        """Return the random numbers of one client, the same for the same seed."""
        return Random(f"{self.seed} {name}")

    async def again(self, rng: Random, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask until there is an answer that is no passing trouble."""
        while True:
            try:
                answer = await ask()
            except NoAnswerError:
                pass
            else:
                if answer.status < 500 and answer.status not in TRY_AGAIN:
                    return answer
            await trio.sleep(PAUSE * rng.uniform(0.5, 2))

    # -- users ----------------------------------------------------------------------------------

    async def _submitter(self, number: int) -> None:
        rng, wire = self.random(f"submitter {number}"), self.wire()
        count = 0
        while True:
            await trio.sleep(rng.expovariate(self.shape.rate / self.shape.submitters))
            if not self.submitting or self.ledger.open > self.shape.backlog:
                continue
            count += 1
            build_id = await self.submit(rng, wire, f"{number}-{count}")
            if rng.random() < self.shape.cancelling:
                await self._cancel(rng, wire, build_id)

    async def submit(self, rng: Random, wire: Wire, key: str) -> str:
        """Submit one build until it is acknowledged; its id."""
        begun = trio.current_time()
        self.ledger.keys.add(key)
        form = {"platform": "ios"}, {"source": source_of(key)}
        answer = await self.again(
            rng,
            lambda: wire.post_form("/api/builds/submit", *form, {"Idempotency-Key": key}),
        )
        if answer.status != 200:
            self.ledger.wrong.append(f"submit {key}: {answer.status} {answer.body[:200]!r}")
        build_id = str(answer.json()["id"])
        self.ledger.promise(build_id, key, begun)
        return build_id

    async def _cancel(self, rng: Random, wire: Wire, build_id: str) -> None:
        self.ledger.ask_to_cancel(build_id)
        answer = await self.again(rng, lambda: wire.post(f"/api/builds/{build_id}/cancel", {}))
        if answer.status == 200:
            self.ledger.cancelled[build_id] = self.ledger.label

    async def _reader(self, number: int) -> None:
        """Look at builds and fetch results; a result is the one that was acknowledged."""
        rng, wire = self.random(f"reader {number}"), self.wire()
        while True:
            await trio.sleep(rng.uniform(0.05, 0.3))
            ended = [b for b, ends in self.ledger.ends.items() if ends[-1].result is not None]
            if not ended:
                continue
            build_id = rng.choice(ended[-50:])
            path = rng.choice(("status", "logs", "download", "download"))
            answer = await self.again(
                rng, lambda b=build_id, p=path: wire.get(f"/api/builds/{b}/{p}")
            )
            wanted = self.ledger.ends[build_id][-1].result
            if answer.status != 200 or (path == "download" and digest(answer.body) != wanted):
                self.ledger.wrong.append(f"{path} of {build_id}: {answer.status}, other bytes")

    # -- workers --------------------------------------------------------------------------------

    async def _worker(self, name: str) -> None:
        rng, wire = self.random(name), self.wire()
        body = {"id": name, "name": name, "capabilities": {"cpu": 1}}
        await self.again(rng, lambda: wire.post("/api/workers/register", body))
        while True:
            hold = 8 if self.held_only else rng.choice(self.shape.holds)
            path = f"{POLL}?worker_id={name}&wait={hold}"
            answer = await self.again(rng, lambda p=path: wire.get(p))
            if answer.status != 200:
                self.ledger.wrong.append(f"poll of {name}: {answer.status} {answer.body[:200]!r}")
                await trio.sleep(PAUSE)
                continue
            job = answer.json()["job"]
            if job is not None:
                holder = Holder(name, job["lease"])
                self.ledger.grant(job["id"], job["attempt"], holder)
                await self._build(rng, wire, job, holder)
            elif not hold:
                await trio.sleep(PAUSE)

    async def _build(self, rng: Random, wire: Wire, job: dict[str, str], holder: Holder) -> None:
        mood = rng.random()
        if mood < self.shape.silent:
            await trio.sleep(self.shape.silence * rng.uniform(0.8, 2))
        else:
            forgets = mood < self.shape.silent + self.shape.forgotten
            if forgets or not await self._show_life(rng, wire, job, holder):
                return
        await self._report(rng, wire, job, holder)

    async def _show_life(
        self, rng: Random, wire: Wire, job: dict[str, str], holder: Holder
    ) -> bool:
        """Fetch the source, write lines; False when the build is not ours any more."""
        build_id = job["id"]
        ids = _ids(build_id, holder, self.skew)
        answer = await self.again(rng, lambda: wire.get(f"/api/builds/{build_id}/source", ids))
        if answer.status != 200:
            self.ledger.refused += 1
            return False
        if not answer.body.startswith(b"PK source "):
            self.ledger.wrong.append(f"source of {build_id}: other bytes")
        for number in range(rng.randrange(3)):
            text = f"line {number} of attempt {job['attempt']} by {holder.worker_id}"
            line = {"level": "info", "message": text}
            answer = await self.again(
                rng, lambda e=line: wire.post(f"/api/builds/{build_id}/logs", e, ids)
            )
            if answer.status != 200:
                self.ledger.refused += 1
                return False
            self.ledger.line(build_id, text)
        return True

    async def _report(self, rng: Random, wire: Wire, job: dict[str, str], holder: Holder) -> None:
        build_id, good = job["id"], rng.random() >= self.shape.failing
        size = 4096 if rng.random() < self.shape.large else 32
        result = hashlib.sha512(f"{build_id} {holder}".encode()).digest() * size
        fields = {
            "build_id": build_id,
            "worker_id": holder.worker_id,
            "success": "true" if good else "false",
            **({} if good else {"error_message": f"reported by {holder.worker_id}"}),
        }
        if good:
            self.ledger.sent[build_id].add(digest(result))
        ids = _ids(build_id, holder, self.skew)
        files = {"result": result} if good else {}
        answer = await self.again(
            rng, lambda: wire.post_form("/api/workers/upload", fields, files, ids)
        )
        if answer.status == 200:
            ended = digest(result) if good else None
            self.ledger.end(build_id, int(job["attempt"]), holder, ended)
        elif answer.status in {403, 409}:
            self.ledger.refused += 1
        else:
            self.ledger.wrong.append(f"upload of {build_id}: {answer.status} {answer.body[:200]!r}")


def _ids(build_id: str, holder: Holder, skew: float) -> dict[str, str]:
    """Return what a worker says of itself; its clock may be wrong, and nobody minds."""
    names = {"X-Worker-Id": holder.worker_id, "X-Build-Id": build_id, "X-Lease": holder.lease}
    return {**names, **({"Date": f"in {skew:g} s", "X-Timestamp": f"{skew:g}"} if skew else {})}
