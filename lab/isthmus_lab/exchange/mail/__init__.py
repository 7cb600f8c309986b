"""Mail between people: SMTP in and out, routing by the directory, a queue that survives, reports of non-delivery."""
