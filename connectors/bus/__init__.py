"""The shop's event bus: what stands in a record of a Kafka topic, and topics read from their beginning."""

from connectors.bus.binding import as_event, read_record

__all__ = ["as_event", "read_record"]
