"""The placement."""

from __future__ import annotations

from jackfield import Placement, Replica, ReplicaSpec
from jackfield.errors import LoadError
from jackfield.hosting import Deliver, Died, Engine, Facts, Likeness, likeness_of, worker_logs

from jackfield_ray.messages import Begin
from jackfield_ray.options import RayOptions


class RayPlacement(Placement):
    """Starts an actor for each replica. It ends with the server, however that ends."""

    isolated = True
    options = RayOptions
    settings: RayOptions

    def start(self, spec: ReplicaSpec) -> Replica:
        """Connect, start it, wait until the model is warm there, and return the replica."""
        from jackfield_ray import cluster  # Ray takes a second to import, and checking a configuration needs none of it
        from jackfield_ray.engine import RayEngine
        from jackfield_ray.link import Link

        own = self.settings
        if spec.share.cores is not None:
            raise LoadError(
                f"models.{spec.model}.cores: these are processors of this machine; a replica on a Ray cluster gets its "
                "own by the placement's num_cpus"
            )
        threads = max(int(own.num_cpus), 1) if own.num_cpus else None
        spec.progress("connecting to the Ray cluster", 0, 1)
        cluster.connect(own, spec.post, spec.on_abandon)
        spec.progress("waiting for a node of the Ray cluster", 0, 1)
        link = Link(spec.name, own, spec.on_abandon)
        likeness: Likeness | None = None
        try:
            begin = Begin(spec.name, spec.model, spec.plain(), threads, worker_logs())
            facts = Facts.of(link.begin(begin, spec.progress))
            shown = likeness = likeness_of(facts.portrait)

            def engine(deliver: Deliver, died: Died) -> Engine:
                return RayEngine(link, shown, deliver, died, spec.post, own.silence_s)

            return spec.join(facts, likeness, engine)
        except BaseException:
            link.close()
            if likeness is not None and likeness.close is not None:
                likeness.close()
            raise
