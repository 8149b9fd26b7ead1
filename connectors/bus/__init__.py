"""The shop's event bus: what stands in a record of a Kafka topic, and topics read from their beginning."""

from connectors.bus.binding import as_event, read_record
from connectors.bus.mapped import MappedTopic, Row

__all__ = ["MappedTopic", "Row", "as_event", "read_record"]
