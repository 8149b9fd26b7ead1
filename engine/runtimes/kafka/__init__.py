"""The distributed runtime: gateway, workers, sender and projector around Apache Kafka and PostgreSQL."""
