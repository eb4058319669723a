"""What runs MS5.0 on a bare machine: private PostgreSQL and Redis, and the supervisor. Not for production."""
