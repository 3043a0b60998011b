"""Reader of the Prometheus text format."""

import re
from collections import defaultdict
from dataclasses import dataclass, field

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass
class Metrics:
    types: dict[str, str] = field(default_factory=dict)
    samples: dict[str, list[tuple[dict[str, str], float]]] = field(default_factory=lambda: defaultdict(list))

    def total(self, name: str, /, **labels: str) -> float:
        """Sum of the samples of a family whose labels include the given ones."""
        return sum(
            value
            for have, value in self.samples.get(name, [])
            if all(have.get(k) == v for k, v in labels.items())
        )

    def labels(self, name: str) -> list[dict[str, str]]:
        return [labels for labels, _ in self.samples.get(name, [])]


def parse(text: str) -> Metrics:
    metrics = Metrics()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ", 3)
            metrics.types[name] = kind
        elif line and not line.startswith("#"):
            name = re.split(r"[{ ]", line, maxsplit=1)[0]
            labels, _, value = line[len(name) :].rpartition(" ")
            metrics.samples[name].append((dict(_LABEL.findall(labels)), float(value)))
    return metrics
