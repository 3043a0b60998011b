"""What the benchmark shares with the tests: real servers, and the reader of metrics."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from harness import metrics  # noqa: E402
from harness.kafka_server import KafkaServer  # noqa: E402
from harness.postgres_server import PostgresServer  # noqa: E402
from harness.rabbitmq_server import RabbitMqServer  # noqa: E402
from harness.redis_server import RedisServer  # noqa: E402

__all__ = ["KafkaServer", "PostgresServer", "RabbitMqServer", "RedisServer", "metrics"]
