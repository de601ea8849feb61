"""The operator's listener: metrics, health and readiness."""
