"""Which instruments are listened to: stock locate to instrument."""
