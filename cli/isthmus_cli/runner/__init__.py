"""The local runner behind `isthmus up`: Kafka, PostgreSQL, the lab and all services as plain processes."""
